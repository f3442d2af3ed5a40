"""The maps of a campaign's run measured image by image: what the report of the maps is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Final

import numpy as np

from annotation.models import Campaign
from annotation.sources import chosen_prompts
from common.csv_stream import cell_text, in_chunks, raw_lines
from evaluation.kinds.loading import Inputs
from evaluation.kinds.map_groups import fields_of, map_groups, prompt_cells, wanted_of_prompts
from evaluation.kinds.map_report import KIND, MAP_FIELDS, PAIR_FIELDS, PART_OF_SPEECH
from evaluation.kinds.report import Line
from evaluation.loading import campaign_facts
from evaluation.metrics.dependency_overlap import COREFERENT, UNRELATED
from evaluation.metrics.intensity import intensity
from evaluation.metrics.overlap import binarise, count_pairs
from evaluation.metrics.tables import FloatArray
from evaluation.ratings_file import Ratings
from evaluation.settings import Only
from generation import storage
from generation.choices import ImageState, PartOfSpeech
from generation.models import Image, PromptWord

ROWS_AT_ONCE: Final = 200
MOST_REMEMBERED: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class MeasuredMaps:
    """One image. intensities: by word position.  pairs: (head, dependent, relation) with pixels in both,
    in the head's and in the dependent's map."""

    intensities: dict[int, float]
    pairs: dict[tuple[int, int, str], tuple[int, int, int]]


_remembered: dict[tuple[Any, ...], MeasuredMaps] = {}


def map_inputs(
    campaign: Campaign, *, tau: float, only: Sequence[Only] = (), most_images: int | None = None
) -> Inputs:
    """Measures the maps of the run's images, in the order of the prompts; of all without `most_images`.

    only: images of other prompts are not measured; of these, all words are.
    """
    images = Image.objects.filter(run=campaign.run, state=ImageState.DONE).select_related("prompt")
    images = images.order_by("prompt__row_number", "seed", "pk")
    of_run = images.count()
    if wanted := wanted_of_prompts(only):
        images = images.filter(prompt__in=chosen_prompts(campaign.run, wanted))
    n = images.count()
    columns = [name for name in map_groups(campaign.run) if name != PART_OF_SPEECH]
    maps: list[tuple[str, ...]] = []
    pairs: list[Line] = []
    not_found = 0
    for image in islice(images.iterator(chunk_size=ROWS_AT_ONCE), most_images):
        words = [w for w in _words(image) if w.part_of_speech != PartOfSpeech.PUNCT]
        named, unknown = coreferent_pairs(str(image.prompt.extra.get(COREFERENT, "")), words)
        not_found += unknown
        measured = _measured(image, words, named=named, tau=tau)
        of_prompt = tuple(map(cell_text, prompt_cells(image.prompt.extra, columns)))
        maps += [(*_map_cells(image, w, measured.intensities[w.position]), *of_prompt) for w in words
                 if w.position in measured.intensities]  # fmt: skip
        for (head, dependent, relation), (both, of_head, of_dependent) in measured.pairs.items():
            cells = (image.pk, head, dependent, relation, both, of_head, of_dependent)
            pairs.append({f.name: str(cell) for f, cell in zip(PAIR_FIELDS, cells, strict=True)})
    left_out = 0 if most_images is None else max(0, n - most_images)
    fields = fields_of([*(field.name for field in MAP_FIELDS), *columns])
    return Inputs(
        kind=KIND,
        facts=campaign_facts(campaign)
        | {
            "task_kind": KIND,
            "images_left_out": left_out,
            "coreferences_not_found": not_found,
            "images_of_other_prompts": of_run - n,
        },
        answers=Ratings(columns=fields, pieces=partial(_csv, maps, header=[field.name for field in fields])),
        given=pairs,
        maps=None,
    )


def coreferent_pairs(text: str, words: Sequence[PromptWord]) -> tuple[list[tuple[int, int]], int]:
    """(positions of words that name one thing, how many pairs name a word that the prompt hasn't).

    text: the column `coreferent` of the prompt's row, e.g. "dog=it; man=his".  Of a word that stands twice
    the first one is meant; on the right side the first behind the left one, if there is one.
    """
    found, unknown = [], 0
    for pair in filter(None, (part.strip() for part in text.split(";"))):
        first, _, second = (side.strip().casefold() for side in pair.partition("="))
        left = next((w.position for w in words if w.text.casefold() == first), None)
        others = [w.position for w in words if w.text.casefold() == second and w.position != left]
        behind = [place for place in others if left is not None and place > left]
        right = next(iter([*behind, *others]), None)
        if left is None or right is None:
            unknown += 1
        else:
            found.append((left, right))
    return found, unknown


def _csv(maps: Sequence[tuple[str, ...]], *, header: Sequence[str]) -> Iterator[bytes]:
    return in_chunks(raw_lines(maps, header=header))


def _words(image: Image) -> list[PromptWord]:
    return list(PromptWord.objects.filter(prompt=image.prompt_id).order_by("position"))


def _map_cells(image: Image, word: PromptWord, share: float) -> tuple[str, ...]:
    values = (
        image.pk, image.file_sha256, image.maps_sha256, image.prompt.text, image.seed, word.position,
        word.text, word.lemma, str(word.part_of_speech), share,
    )  # fmt: skip
    return tuple(cell_text(value) for value in values)


def _measured(
    image: Image, words: Sequence[PromptWord], *, named: Sequence[tuple[int, int]], tau: float
) -> MeasuredMaps:
    wanted = _pairs_of(image, words, named=named)
    key = (image.maps_sha256, tau, tuple(wanted), tuple(word.position for word in words))
    if key not in _remembered:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = _measure(storage.read_word_maps(image), words, wanted=wanted, tau=tau)
    return _remembered[key]


def _pairs_of(
    image: Image, words: Sequence[PromptWord], *, named: Sequence[tuple[int, int]]
) -> list[tuple[int, int, str]]:
    """Every head with its dependents, words that name one thing, and one pair of words that are neither.

    The last is drawn by the image's number.
    """
    positions = {word.position for word in words}
    related = [
        (word.head_position, word.position, word.dependency)
        for word in words
        if word.head_position != word.position and word.head_position in positions
    ]
    related += [(first, second, COREFERENT) for first, second in named]
    linked = {frozenset(pair[:2]) for pair in related}
    free = [
        (first, second)
        for first in sorted(positions)
        for second in sorted(positions)
        if first < second and frozenset((first, second)) not in linked
    ]
    if free:
        first, second = free[int(np.random.default_rng(image.pk).integers(len(free)))]
        related.append((first, second, UNRELATED))
    return related


def _measure(
    maps: dict[int, FloatArray] | dict[int, Any], words: Sequence[PromptWord], *,
    wanted: Sequence[tuple[int, int, str]], tau: float,
) -> MeasuredMaps:  # fmt: skip
    raw = {
        word.position: np.maximum(maps[word.position].astype(np.float64), 0.0)
        for word in words
        if word.position in maps
    }
    masks = {position: binarise(found, tau=tau) for position, found in raw.items()}
    counted = {}
    for head, dependent, relation in wanted:
        if head in masks and dependent in masks:
            counts = count_pairs(masks[head], masks[dependent])
            counted[head, dependent, relation] = (
                int(counts.both[0]), int(counts.first[0]), int(counts.second[0]),
            )  # fmt: skip
    return MeasuredMaps(
        intensities={position: intensity(found, tau=tau) for position, found in raw.items()}, pairs=counted
    )
