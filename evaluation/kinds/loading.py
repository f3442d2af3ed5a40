"""From the database to what the report of a kind is made of. Word maps are read one word at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from django.db.models import QuerySet

from annotation import kind_exports
from annotation.choices import ItemKind, TaskKind
from annotation.models import Campaign, Item
from common.csv_stream import cell_text
from evaluation.kinds import map_report
from evaluation.kinds.mask_items import LAYER, STEP, WHOLE, packed
from evaluation.kinds.report import Line
from evaluation.loading import campaign_facts
from evaluation.metrics.overlap import binarise, count_pairs
from evaluation.ratings_file import Ratings
from generation import storage
from generation.models import PromptWord, WordMap

RELATION: Final = "relation"
OVERLAP_TAU: Final = 0.4
ROWS_AT_ONCE: Final = 500
ANSWERS: Final[Mapping[str, str]] = {
    TaskKind.OBJECT_PRESENCE: "presence.csv",
    TaskKind.PAIRWISE: "pairs.csv",
    TaskKind.MASK: "masks.jsonl",
    map_report.KIND: "maps.csv",
}
COLUMNS: Final[Mapping[str, Sequence[Any]]] = {
    TaskKind.OBJECT_PRESENCE: kind_exports.PRESENCE,
    TaskKind.PAIRWISE: kind_exports.PAIRS,
    TaskKind.MASK: kind_exports.MASKS,
    map_report.KIND: map_report.MAP_FIELDS,
}


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that a report of a kind is made of, from the database or a bundle.

    answers: the file of the answers.  given: lines about the items, as texts, in their order.
    maps: lines of word_maps.jsonl, from the first each time; None where the kind needs none.
    """

    kind: str
    facts: Mapping[str, Any]
    answers: Ratings
    given: Sequence[Line]
    maps: Callable[[], Iterator[bytes]] | None


def inputs_of(campaign: Campaign) -> Inputs:
    """The campaign's inputs, to be read inside a snapshot."""
    kind = campaign.task_kind
    pieces = {
        TaskKind.OBJECT_PRESENCE: kind_exports.presence_csv_in_snapshot,
        TaskKind.PAIRWISE: kind_exports.pairs_csv_in_snapshot,
        TaskKind.MASK: kind_exports.masks_jsonl_in_snapshot,
    }[TaskKind(kind)]
    given: list[Line] = []
    if kind == TaskKind.OBJECT_PRESENCE:
        given = list(_presence_items(campaign))
    if kind == TaskKind.MASK:
        given = list(_mask_items(campaign))
    return Inputs(
        kind=kind,
        facts=_facts(campaign),
        answers=Ratings(columns=COLUMNS[kind], pieces=partial(pieces, campaign)),
        given=given,
        maps=partial(word_maps_jsonl, campaign) if kind == TaskKind.MASK else None,
    )


def word_maps_jsonl(campaign: Campaign) -> Iterator[bytes]:
    """Every map of the campaign's words, in the order of the items: the whole one, then steps and layers."""
    for item in _items(campaign).select_related("image", "word").iterator(chunk_size=ROWS_AT_ONCE):
        found = WordMap.objects.filter(image=item.image, word=item.word, seen_by_model=True)
        for word_map in found.select_related("image", "word"):
            for source, name, raw in _maps_of(word_map):
                line = {"item": str(item.pk), "source": source, "name": name} | packed(raw)
                yield (json.dumps(line, sort_keys=True) + "\n").encode()


def asked_words(text: str, words: Sequence[tuple[str, str]], *, vocabulary: Sequence[str]) -> list[str]:
    """The words of the checklist that a prompt names, in order of mention.

    words: (text, lemma) of the prompt's words.  A word is named by itself, or by a word whose lemma it is.
    """
    places: list[tuple[int, int, str]] = []
    for number, entry in enumerate(vocabulary):
        place = _mentioned(entry.casefold(), text=text.casefold(), words=words)
        if place is not None:
            places.append((place, number, entry))
    return [entry for _, _, entry in sorted(places)]


def _facts(campaign: Campaign) -> dict[str, Any]:
    facts = campaign_facts(campaign) | {"task_kind": str(campaign.task_kind)}
    if campaign.task_kind == TaskKind.OBJECT_PRESENCE:
        facts["vocabulary"] = list(campaign.vocabulary)
    other = campaign.compared_run
    if other is not None:
        names = [campaign.run.name, other.name]
        facts["systems"] = names if names[0] != names[1] else [f"{names[0]} (first)", f"{names[1]} (second)"]
        facts["pair_of"] = str(campaign.pair_of)
        facts["compared"] = {
            "model_id": other.model_id, "model_revision": other.model_revision, "scheduler": other.scheduler,
            "steps": other.steps, "guidance": other.guidance, "negative_prompt": other.negative_prompt,
        }  # fmt: skip
    return facts


def _items(campaign: Campaign) -> QuerySet[Item]:
    return Item.objects.filter(campaign=campaign, kind=ItemKind.RATING).order_by("position", "pk")


def _presence_items(campaign: Campaign) -> Iterator[Line]:
    words_of: dict[int, list[PromptWord]] = {}
    for word in PromptWord.objects.filter(prompt__images__items__campaign=campaign).distinct():
        words_of.setdefault(word.prompt_id, []).append(word)
    items = _items(campaign).select_related("image__prompt")
    for item in items.iterator(chunk_size=ROWS_AT_ONCE):
        image = item.image
        if image is None:
            continue
        words = sorted(words_of.get(image.prompt_id, []), key=lambda word: word.position)
        asked = asked_words(
            image.prompt.text, [(w.text, w.lemma) for w in words], vocabulary=campaign.vocabulary
        )
        first, second = (*asked[:2], "", "")[:2]
        iou = _map_iou(image.pk, asked, words=words) if len(asked) == 2 else None
        yield {
            "item": str(item.pk),
            "prompt": image.prompt.text,
            "seed": str(image.seed),
            "image_sha256": image.file_sha256,
            "relation": str(image.prompt.extra.get(RELATION, "")),
            "first_asked": first,
            "second_asked": second,
            "n_asked": str(len(asked)),
            "map_iou": cell_text(iou),
        }


def _mask_items(campaign: Campaign) -> Iterator[Line]:
    items = _items(campaign).select_related("image__prompt", "word")
    for item in items.iterator(chunk_size=ROWS_AT_ONCE):
        if item.image is None or item.word is None:
            continue
        yield {
            "item": str(item.pk),
            "prompt": item.image.prompt.text,
            "word": item.word.text,
            "lemma": item.word.lemma,
            "part_of_speech": str(item.word.part_of_speech),
            "seed": str(item.image.seed),
            "image_sha256": item.image.file_sha256,
        }


def _mentioned(entry: str, *, text: str, words: Sequence[tuple[str, str]]) -> int | None:
    """Where the prompt names the entry, in characters; None where it does not."""
    found = re.search(rf"(?<!\w){re.escape(entry)}(?!\w)", text)
    if found:
        return found.start()
    for word, lemma in words:
        if lemma.casefold() == entry:
            return text.find(word.casefold())
    return None


def _map_iou(image_id: int, asked: Sequence[str], *, words: Sequence[PromptWord]) -> float | None:
    """IoU of the maps of both words; None where one has none. Of several words, the last one names it."""
    positions = []
    for entry in asked:
        last = entry.casefold().split()[-1]
        own = [w.position for w in words if last in (w.text.casefold(), w.lemma.casefold())]
        if not own:
            return None
        positions.append(own[0])
    found = WordMap.objects.filter(image=image_id, word__position__in=positions, seen_by_model=True)
    maps = {found.word.position: found for found in found.select_related("image", "word")}
    if len(set(positions)) < 2 or set(maps) != set(positions):
        return None
    first, second = (maps[position] for position in positions)
    iou = _remembered_iou(first.image.maps_sha256, first, second)
    return None if np.isnan(iou) else iou


@lru_cache(maxsize=20_000)
def _remembered_iou(_sha256: str, first: WordMap, second: WordMap) -> float:
    """IoU of two maps of one image. The hash of the maps' file makes sure that no other file's is taken."""
    masks = [
        binarise(np.maximum(storage.read_word_map(word_map).astype(np.float64), 0.0), tau=OVERLAP_TAU)
        for word_map in (first, second)
    ]
    return float(count_pairs(*masks).iou()[0])


def _maps_of(word_map: WordMap) -> Iterator[tuple[str, str, np.ndarray]]:
    """(source, name, raw map) of the whole map and, where it was taken apart, of steps and layers."""
    yield WHOLE, "", storage.read_word_map(word_map)
    try:
        parts = storage.read_exploration(word_map)
    except storage.MediaMissing:
        return
    for number, raw in enumerate(parts.steps, start=1):
        yield STEP, str(number), raw
    for name, raw in zip(parts.layers, parts.by_layer, strict=True):
        yield LAYER, name, raw
