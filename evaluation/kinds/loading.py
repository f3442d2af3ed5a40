"""From the database to what the report of a kind is made of. Word maps are read one word at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from django.db.models import QuerySet

from annotation import kind_exports
from annotation.choices import ItemKind, TaskKind
from annotation.copied_items import SYSTEM, copied_items
from annotation.models import Campaign, Item
from annotation.shown import SHOWN, system_case
from common.collection import paused_collection
from common.csv_stream import unguarded
from evaluation.kinds import answer_stream, map_report, presence_loading
from evaluation.kinds.item_order import in_order
from evaluation.kinds.mask_items import LAYER, STEP, WHOLE, packed
from evaluation.kinds.pair_answers import ITEM
from evaluation.kinds.report import Columns, Line
from evaluation.loading import campaign_facts
from evaluation.ratings_file import Ratings
from generation import storage
from generation.models import WordMap

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
    read: the answers as columns, where there is a faster way to them than the lines of their file.
    """

    kind: str
    facts: Mapping[str, Any]
    answers: Ratings
    given: Sequence[Line]
    maps: Callable[[], Iterator[bytes]] | None
    read: Callable[[], Any] | None = None


def inputs_of(campaign: Campaign) -> Inputs:
    """The campaign's inputs, to be read inside a snapshot."""
    with paused_collection():
        return _inputs(campaign)


def _inputs(campaign: Campaign) -> Inputs:
    kind = campaign.task_kind
    pieces = {
        TaskKind.OBJECT_PRESENCE: kind_exports.presence_csv_in_snapshot,
        TaskKind.PAIRWISE: kind_exports.pairs_csv_in_snapshot,
        TaskKind.MASK: kind_exports.masks_jsonl_in_snapshot,
    }[TaskKind(kind)]
    given: Sequence[Line] = ()
    facts = _facts(campaign)
    read: Callable[[], Any] | None = None
    if kind == TaskKind.OBJECT_PRESENCE:
        given, left_out = presence_loading.images(_items(campaign), campaign=campaign)
        facts["overlaps_not_measured"] = left_out
        read = partial(answer_stream.presence_answers, campaign)
    if kind == TaskKind.PAIRWISE:
        given = _pair_items(campaign)
        read = partial(answer_stream.pair_answers, campaign, given=given)
    if kind == TaskKind.MASK:
        given = list(_mask_items(campaign))
    return Inputs(
        kind=kind,
        facts=facts,
        answers=Ratings(columns=COLUMNS[kind], pieces=partial(pieces, campaign)),
        given=given,
        maps=partial(word_maps_jsonl, campaign) if kind == TaskKind.MASK else None,
        read=read,
    )


def word_maps_jsonl(campaign: Campaign) -> Iterator[bytes]:
    """Every map of the campaign's words, in the order of the items: the whole one, then steps and layers."""
    for item in _items(campaign).select_related("image", "word").iterator(chunk_size=ROWS_AT_ONCE):
        found = WordMap.objects.filter(image=item.image, word=item.word, seen_by_model=True)
        for word_map in found.select_related("image", "word"):
            for source, name, raw in _maps_of(word_map):
                line = {"item": str(item.pk), "source": source, "name": name} | packed(raw)
                yield (json.dumps(line, sort_keys=True) + "\n").encode()


def _facts(campaign: Campaign) -> dict[str, Any]:
    facts = campaign_facts(campaign) | {"task_kind": str(campaign.task_kind)}
    if campaign.task_kind == TaskKind.OBJECT_PRESENCE:
        facts["vocabulary"] = list(campaign.vocabulary)
    if campaign.task_kind == TaskKind.PAIRWISE:
        facts["pair_of"] = str(campaign.pair_of)
    return facts


def _items(campaign: Campaign) -> QuerySet[Item]:
    return Item.objects.filter(campaign=campaign, kind=ItemKind.RATING).order_by("position", "pk")


def _pair_items(campaign: Campaign) -> Columns:
    """The pairs with the systems that made their sides, as texts."""
    rows = _items(campaign).annotate(second_system=system_case(campaign, other="other_"))
    paths = ("pk", SHOWN + "prompt", "word_map__word__text", SYSTEM, "second_system")
    found = in_order(copied_items(rows, campaign=campaign, paths=("position", *paths)))
    columns = list(map(unguarded, found))
    return Columns(dict(zip(("item", *ITEM), columns, strict=True)), n=len(columns[0]))


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
