"""The images of a presence campaign with what is asked of them, in few statements however many they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

import numpy as np
from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from annotation.copied_columns import copied_at_once
from annotation.copied_items import copied_items
from annotation.models import Campaign, Item
from annotation.shown import SHOWN
from common.csv_stream import cell_text, unguarded
from evaluation.kinds.item_order import in_order
from evaluation.kinds.report import Columns
from evaluation.metrics.overlap import binarise, count_pairs
from generation import storage
from generation.models import PromptWord, WordMap

RELATION: Final = "relation"
OVERLAP_TAU: Final = 0.4
# Two maps of an image are read for its overlap: beyond so many images a page would take minutes.
MOST_OVERLAPS: Final = 20_000
IMAGES_AT_ONCE: Final = 500
_TEXTS: Final = ("item", "prompt", "seed", "image_sha256", "relation")
_PATHS: Final = ("pk", SHOWN + "prompt", SHOWN + "seed", SHOWN + "image_sha256", "relation",
                 SHOWN + "prompt_id", "image_id")  # fmt: skip


@dataclass(frozen=True)
class NamedWord:
    """A word of a prompt that names an entry of the checklist, or may be the last word of one."""

    pk: int
    position: int
    text: str
    lemma: str


def images(items: QuerySet[Item], *, campaign: Campaign) -> tuple[Columns, int]:
    """(the given columns of images.csv, as texts, in the campaign's order; images whose maps' overlap is not
    measured for their number)."""
    vocabulary = campaign.vocabulary
    shown = items.filter(image__isnull=False)
    rows = shown.annotate(relation=KeyTextTransform(RELATION, "image__prompt__extra"))
    found = in_order(copied_items(rows, campaign=campaign, paths=("position", *_PATHS)))
    columns = list(map(unguarded, found))
    given = dict(zip(_TEXTS, columns, strict=False))
    prompts, image_ids = columns[-2:]
    words = _words(shown, vocabulary=vocabulary)
    checklist = Checklist(vocabulary)
    asked = [
        checklist.asked(text, words.get(prompt, ()))
        for text, prompt in zip(given["prompt"], prompts, strict=True)
    ]
    ious, left_out = _overlaps(image_ids, prompts, asked, words=words)
    given |= {
        "first_asked": [own[0] if own else "" for own in asked],
        "second_asked": [own[1] if len(own) > 1 else "" for own in asked],
        "n_asked": [str(len(own)) for own in asked],
        "map_iou": [cell_text(ious.get(number)) for number in range(len(asked))],
    }
    return Columns(given, n=len(asked)), left_out


def asked_of(items: QuerySet[Item], *, vocabulary: Sequence[str]) -> Mapping[int, tuple[str, ...]]:
    """By prompt of these items, the words of the checklist that it names, in order of mention."""
    words = _words(items, vocabulary=vocabulary)
    checklist = Checklist(vocabulary)
    prompts = items.order_by().values_list("image__prompt_id", "image__prompt__text").distinct()
    return {pk: checklist.asked(text, words.get(str(pk), ())) for pk, text in prompts}


def asked_words(text: str, words: Sequence[tuple[str, str]], *, vocabulary: Sequence[str]) -> list[str]:
    """The words of the checklist that a prompt names, in order of mention.

    words: (text, lemma) of the prompt's words.  A word is named by itself, or by a word whose lemma it is.
    """
    named = [NamedWord(pk=0, position=place, text=w, lemma=lemma) for place, (w, lemma) in enumerate(words)]
    return list(Checklist(vocabulary).asked(text, named))


class Checklist:
    """A campaign's words, ready to be looked for in many prompts."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        folded = [entry.casefold() for entry in vocabulary]
        patterns = [re.compile(rf"(?<!\w){re.escape(own)}(?!\w)") for own in folded]
        self._entries = [
            # With the longer entries in which it stands as a word: "dog" is no word of its own in "hot dog".
            (entry, own, pattern, [p for p, other in zip(patterns, folded, strict=True)
                                   if other != own and pattern.search(other)])
            for entry, own, pattern in zip(vocabulary, folded, patterns, strict=True)
        ]  # fmt: skip

    def asked(self, text: str, words: Sequence[NamedWord]) -> tuple[str, ...]:
        """The entries that the prompt names, in order of mention."""
        text = text.casefold()
        lemmas = {word.lemma.casefold(): word.text.casefold() for word in reversed(words)}
        places = []
        for number, (entry, folded, pattern, longer) in enumerate(self._entries):
            found = pattern.search(text) if folded in text else None
            if found and longer:
                taken = [span.span() for other in longer for span in other.finditer(text)]
                own = (each for each in pattern.finditer(text) if not _inside(each.span(), taken))
                found = next(own, None)
                if found is None:
                    continue
            if found:
                places.append((found.start(), number, entry))
            elif folded in lemmas:
                places.append((text.find(lemmas[folded]), number, entry))
        return tuple(entry for _, _, entry in sorted(places))


def _inside(span: tuple[int, int], taken: Sequence[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in taken)


def _words(items: QuerySet[Item], *, vocabulary: Sequence[str]) -> Mapping[str, list[NamedWord]]:
    """By prompt, its words that may name an entry, in their order."""
    wanted = {part for entry in vocabulary for part in (entry.casefold(), *entry.casefold().split()[-1:])}
    # Without its usual order: DISTINCT would take the columns of that in.
    known = PromptWord.objects.filter(prompt__in=items.order_by().values("image__prompt")).order_by()
    texts = {text for text in known.values_list("text", flat=True).distinct() if text.casefold() in wanted}
    lemmas = {text for text in known.values_list("lemma", flat=True).distinct() if text.casefold() in wanted}
    named = known.filter(Q(text__in=texts) | Q(lemma__in=lemmas))
    pks, prompts, positions, own, of_lemma = copied_at_once(
        named, paths=("pk", "prompt_id", "position", "text", "lemma")
    )
    rows = zip(map(int, positions), prompts, map(int, pks), unguarded(own), unguarded(of_lemma), strict=True)
    words: dict[str, list[NamedWord]] = {}
    for position, prompt, pk, text, lemma in sorted(rows):
        words.setdefault(prompt, []).append(NamedWord(pk, position, text, lemma))
    return words


def _overlaps(
    image_ids: Sequence[str], prompts: Sequence[str], asked: Sequence[tuple[str, ...]], *,
    words: Mapping[str, list[NamedWord]],
) -> tuple[dict[int, float], int]:  # fmt: skip
    """(IoU of the maps of both asked words by the image's place, where both have one; images left out)."""
    pairs = [
        (place, pair)
        for place, (prompt, own) in enumerate(zip(prompts, asked, strict=True))
        if len(own) == 2 and (pair := _pair(own, words=words.get(prompt, ()))) is not None
    ]
    found: dict[int, float] = {}
    waiting = iter(pairs[:MOST_OVERLAPS])
    while block := list(islice(waiting, IMAGES_AT_ONCE)):
        wanted = {(int(image_ids[place]), pk) for place, pair in block for pk in pair}
        rows = WordMap.objects.filter(
            image__in={image for image, _ in wanted}, word__in={pk for _, pk in wanted}, seen_by_model=True
        ).select_related("image", "word")
        maps = {(row.image_id, row.word_id): row for row in rows}
        for place, pair in block:
            own = [maps.get((int(image_ids[place]), pk)) for pk in pair]
            if (iou := _iou(*own)) is not None:
                found[place] = iou
    return found, max(0, len(pairs) - MOST_OVERLAPS)


def _pair(asked: Sequence[str], *, words: Sequence[NamedWord]) -> tuple[int, int] | None:
    """The two words whose maps stand for the entries; None where there are no two. Of several words of an
    entry the last names it."""
    found = []
    for entry in asked:
        last = entry.casefold().split()[-1]
        own = [word for word in words if last in (word.text.casefold(), word.lemma.casefold())]
        if not own:
            return None
        found.append(own[0])
    return (found[0].pk, found[1].pk) if found[0].position != found[1].position else None


def _iou(first: WordMap | None, second: WordMap | None) -> float | None:
    if first is None or second is None:
        return None
    iou = _remembered_iou(first.image.maps_sha256, first, second)
    return None if np.isnan(iou) else iou


@lru_cache(maxsize=MOST_OVERLAPS)
def _remembered_iou(_sha256: str, first: WordMap, second: WordMap) -> float:
    """IoU of two maps of one image. The hash of the maps' file makes sure that no other file's is taken."""
    masks = [
        binarise(np.maximum(storage.read_word_map(word_map).astype(np.float64), 0.0), tau=OVERLAP_TAU)
        for word_map in (first, second)
    ]
    return float(count_pairs(*masks).iou()[0])
