"""Mask campaigns: do raters draw the same region, and do the word maps find it? (Tang et al. 2023, sec. 3.1.)

The truth is made of the raters' masks (most of them, by default). Maps are enlarged before they are cut,
truth masks are never resized. Words that the raters don't find in the image are left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

import numpy as np

from evaluation.agreement import Agreement, category_agreement
from evaluation.kinds import mask_blocks, mask_curves, mask_precision
from evaluation.kinds.agreement_block import agreement_block
from evaluation.kinds.answers import Answers, read_answers
from evaluation.kinds.columns import AnswerColumns, columns_of, flow, place_of, table_of
from evaluation.kinds.groups import filters_of, only_facts, passing
from evaluation.kinds.mask_items import (
    Absent,
    Counting,
    ItemStatus,
    MaskSettings,
    MeasuredItem,
    measure,
)
from evaluation.kinds.report import (
    Block,
    Columns,
    Field,
    KindReport,
    Line,
    Shown,
    Table,
    Tile,
    decimals,
    interval_tile,
    shown_count,
    shown_number,
    shown_text,
)
from evaluation.metrics.clustered import t_clustered
from evaluation.metrics.intervals import NAN
from evaluation.metrics.tables import BoolArray

GIVEN: Final = (
    Field("item", "Number of the item; joins masks.jsonl and word_maps.jsonl."),
    Field("prompt", "The prompt."),
    Field("word", "The word whose region is drawn."),
    Field("lemma", "Its dictionary form."),
    Field("part_of_speech", "Universal part-of-speech tag."),
    Field("seed", "Seed of the image's noise."),
    Field("image_sha256", "SHA-256 of the image file."),
)
RESULTS: Final = (
    Field("status", "ok, no answer, not in the image (for the raters), or filtered out."),
    Field("n_masks", "Masks of the raters who count."),
    Field("n_absent", "Raters who count and found nothing to draw."),
    Field("n_absent_pairs", "Pairs of raters of whom one drew and one found nothing."),
    Field(
        "agreement_iou", "Mean IoU of all pairs of raters of whom one drew; these pairs are 0 or left out."
    ),
    Field("truth_pixels", "Pixels of the truth mask."),
    Field("map_status", "ok, empty_pred, or missing (the model never read the word)."),
    Field("iou", "IoU of the map with the truth; 0 where there is no map."),
    Field("dice", "Dice of the same."),
    Field("pixel_accuracy", "Share of pixels on which both agree: (TP + TN) / N."),
    Field("inter_over_truth", "Intersection over the truth (recall)."),
    Field("inter_over_prediction", "Intersection over the map (precision)."),
)
MAP_FIELDS: Final = (
    Field("item", "Number of the item."),
    Field("source", "whole, step or layer: which map."),
    Field("name", "Which step or layer; empty for the whole map."),
    Field("height", "Rows of the map."),
    Field("width", "Columns."),
    Field("scale", "Largest absolute value; raw map = float16 * scale."),
    Field("float16", "The map in rows, little-endian half floats, base64."),
)


COUNTING_WORDS: Final = {
    Counting.OURS: "Words of one image are one cluster of the intervals. A word without a map counts as IoU"
    " 0.",
    Counting.PUBLISHED: "The mIoU of the summary is counted as the published code does (castorini/daam,"
    " evaluate.py): a word without a map is skipped, and the interval is 1.96 σ/√n of 95 % over words, σ"
    " dividing by n.",
}


def masks_report(
    lines: Iterable[Line],
    *,
    items: Sequence[Line],
    maps: Iterable[Line],
    facts: Mapping[str, Any],
    settings: MaskSettings,
) -> KindReport:
    """The report. lines: of masks.jsonl.  items: the given columns of items.csv, as texts, in order.

    maps: lines of word_maps.jsonl in the order of the items; only one item's are held at a time.
    """
    answers = read_answers(lines)
    shape = (int(facts["height"]), int(facts["width"]))
    given_items = Columns.of(items, names=[field.name for field in GIVEN])
    wanted = passing(given_items, settings.only)
    measured = _measure_all(answers, items, maps, wanted=wanted, settings=settings, shape=shape)
    columns = columns_of(answer.lines[0] for answer in answers.every)
    place = place_of(columns, items=given_items.column("item"))
    found = [(given, item) for given, item in measured if item.status == ItemStatus.OK]
    agreement = np.array([item.agreement for _, item in measured], dtype=np.float64)
    n_status = {status: sum(item.status == status for _, item in measured) for status in ItemStatus}
    agreed = t_clustered(
        agreement, clusters=[given["image_sha256"] for given, _ in measured], confidence=settings.confidence
    )
    if np.isnan(agreement).all():
        agreed = replace(agreed, reason="no word has two raters of whom one drew")
    summary = mask_blocks.summary_block(found, settings=settings)
    return KindReport(
        kind=facts["task_kind"],
        facts=facts,
        settings={
            "confidence": settings.confidence, "truth": settings.truth.value, "tau": settings.tau,
            "seed": settings.seed, "only": only_facts(settings.only),
            "absent": settings.absent.value, "counting": settings.counting.value,
        },
        tiles=(
            interval_tile("Raters' masks among each other, mean IoU", agreed, show=decimals),
            interval_tile("Word maps, mIoU", mask_blocks.miou(found, settings=settings), show=decimals),
            Tile(label="Words with a truth", value=str(len(found)), detail=f"of {int(wanted.sum())}"),
        ),
        blocks=(
            summary,
            *mask_curves.blocks(found, settings=settings),
            *mask_precision.blocks(measured),
            agreement_block(
                _agreement(answers, columns, rows=columns.counts & wanted[place], settings=settings),
                of="whether the word is in the image",
            ),
            Block(
                title="Words",
                tables=(_items_table(measured),),
                note=f"{n_status[ItemStatus.NOT_IN_IMAGE]} words are not in their image for the raters and"
                f" {n_status[ItemStatus.NO_ANSWER]} have no answer: these are left out of every mean of maps"
                f" above. {_absences([item for _, item in measured], settings=settings)}",
            ),
            Block(title="Raters", tables=(answers.raters,)),
        ),
        files=(),
        flow=flow(
            columns,
            filters=filters_of(given_items, settings.only, place=place),
            outcome=np.array([item.status == ItemStatus.OK for _, item in measured], dtype=bool)[place],
            words="words that the raters find in their image",
        ),
        n_answers=len(answers.every),
        n_simulated=answers.n_simulated,
        methods=_methods(settings),
    )  # fmt: skip


def _agreement(
    answers: Answers, columns: AnswerColumns, *, rows: BoolArray, settings: MaskSettings
) -> tuple[Agreement, ...]:
    """On whether the word is in the image: drawn (1) or not (0)."""
    drawn = np.array([bool(answer["segmentation"]) for answer in answers.every], dtype=np.float64)
    return category_agreement(
        table_of(columns, rows=rows, scores=drawn), ordered=False, confidence=settings.confidence,
        seed=settings.seed,
    )  # fmt: skip


def _absences(measured: Sequence[MeasuredItem], *, settings: MaskSettings) -> str:
    """What becomes of raters who drew nothing where others drew."""
    pairs = sum(item.n_masks * item.n_absent for item in measured)
    words = sum(1 for item in measured if item.n_masks and item.n_absent)
    told = "count as an IoU of 0" if settings.absent == Absent.COUNT else "don't count"
    return (
        f"Of {words} words some raters drew a region and some found nothing: {pairs} pairs of raters that"
        f" {told} in the raters' agreement."
    )


def _methods(settings: MaskSettings) -> tuple[str, ...]:
    words = {"majority": "most", "union": "any", "intersection": "all"}[settings.truth.value]
    return (
        f"The truth of a word is the region inside the masks of {words} of its raters; who found nothing"
        " to draw counts as an empty mask.",
        "Raters agree by the mean IoU of all pairs of them of whom one drew; a mask against nothing drawn"
        f" {'counts as 0' if settings.absent == Absent.COUNT else 'is left out'}, nothing against nothing is"
        " not defined.",
        f"A map is enlarged to the image (bicubic) and cut at {settings.tau:g} of its peak.",
        COUNTING_WORDS[settings.counting],
        "The best threshold is judged by five-fold cross-validation over images, beside its"
        " flattering in-sample value.",
    )


def _measure_all(
    answers: Answers,
    items: Sequence[Line],
    maps: Iterable[Line],
    *,
    settings: MaskSettings,
    shape: tuple[int, int],
    wanted: BoolArray,
) -> list[tuple[Line, MeasuredItem]]:
    by_item = answers.by_item()
    groups = ((item, list(lines)) for item, lines in groupby(maps, key=lambda line: str(line["item"])))
    waiting = next(groups, None)
    found: list[tuple[Line, MeasuredItem]] = []
    for given, passes in zip(items, wanted.tolist(), strict=True):
        own: list[Line] = []
        if waiting is not None and waiting[0] == given["item"]:
            own, waiting = waiting[1], next(groups, None)
        own_answers = by_item.get(given["item"], [])
        item = MeasuredItem(status=ItemStatus.FILTERED)
        if passes:
            item = measure(given, answers=own_answers, maps=own, settings=settings, shape=shape)
        found.append((given, item))
    if waiting is not None:
        raise ValueError(f"word_maps.jsonl holds maps of item {waiting[0]} out of the order of items.csv")
    return found


def _items_table(measured: Sequence[tuple[Line, MeasuredItem]]) -> Table:
    return Table(
        file="items.csv",
        caption="Words with their masks and maps",
        fields=(*GIVEN, *RESULTS),
        lines=tuple(_item_line(given, item) for given, item in measured),
        shown=(
            Shown("Word", lambda line: f"“{line['word']}” in “{line['prompt']}”", number=False),
            shown_text("In the image", "status"),
            shown_count("Masks", "n_masks"),
            shown_count("Nothing drawn", "n_absent"),
            shown_number("Raters' IoU", "agreement_iou"),
            shown_number("Map's IoU", "iou"),
            shown_number("Dice", "dice"),
        ),
    )


def _item_line(given: Line, item: MeasuredItem) -> dict[str, Any]:
    pair = item.pair
    ratios = ("iou", "dice", "pixel_accuracy", "inter_over_truth", "inter_over_prediction")
    return {
        **given,
        "seed": int(given["seed"]),
        "status": item.status,
        "n_masks": item.n_masks,
        "n_absent": item.n_absent,
        "n_absent_pairs": item.n_masks * item.n_absent,
        "agreement_iou": item.agreement,
        "truth_pixels": item.truth_pixels if pair else None,
        "map_status": pair.status if pair else None,
        **{name: getattr(pair, name) if pair else NAN for name in ratios},
    }
