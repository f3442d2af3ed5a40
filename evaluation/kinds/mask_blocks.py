"""Word maps against raters' masks: all words, COCO's words, and predictions that know nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation.dot_figure import DotRow, dot_figure, ratio_axis
from evaluation.kinds.mask_items import Counting, MaskSettings, MeasuredItem
from evaluation.kinds.report import (
    Block,
    Field,
    Line,
    Table,
    interval_cells,
    interval_fields,
    shown_count,
    shown_interval,
    shown_number,
    shown_text,
    table_figure,
)
from evaluation.metrics.intervals import Interval
from evaluation.metrics.overlap import OverlapStatus
from evaluation.metrics.segmentation import (
    Baseline,
    SegmentationPair,
    SegmentationSummary,
    summarise,
    summarise_by_vocabulary,
)

Found = Sequence[tuple[Line, MeasuredItem]]
BASELINES = {Baseline.WHOLE_IMAGE: "the whole image", Baseline.RANDOM_HALF: "a random half of the pixels"}


def miou(found: Found, *, settings: MaskSettings) -> Interval:
    """mIoU of the words with a truth."""
    rules = settings.counting.rules
    return summarise(_pairs(found), rules=rules, confidence=settings.confidence).miou


def summary_block(found: Found, *, settings: MaskSettings) -> Block:
    """mIoU, its companions and the baselines."""
    rows = _rows(found, settings=settings)
    title = "Word maps against raters' masks"
    drawing = dot_figure(
        [DotRow(label=name, value=row.miou, detail=f"{row.n_pairs} words") for name, row in rows],
        axis=ratio_axis("mean IoU with the raters' region"),
        figure_id="maps-against-masks",
        title=title,
        confidence=settings.confidence,
    )
    table = Table(
        file="summary.csv",
        caption="The figure in numbers, with other measures of overlap",
        fields=(
            Field("prediction", "What is compared with the raters' region."),
            *interval_fields("miou", "Mean IoU"),
            Field("mean_dice", "Mean Dice."),
            Field("mean_pixel_accuracy", "Mean (TP + TN) / N."),
            Field("mean_inter_over_truth", "Mean intersection over truth."),
            Field("mean_inter_over_prediction", "Mean intersection over prediction."),
            Field("n_words", "Words in the mIoU."),
            *(Field(f"n_{status.value}", f"Words with status {status.value}.") for status in OverlapStatus),
        ),
        lines=tuple(_line(name, row) for name, row in rows),
        shown=(
            shown_text("Prediction", "prediction"),
            *shown_interval("mIoU", "miou"),
            shown_number("Dice", "mean_dice"),
            shown_number("Over truth", "mean_inter_over_truth"),
            shown_number("Over prediction", "mean_inter_over_prediction"),
            shown_count("Words", "n_words"),
        ),
    )
    figure = table_figure(
        "maps_against_masks", title, drawing, header=("prediction", "miou", "low", "high", "n_words"),
        rows=[(name, row.miou.estimate, row.miou.low, row.miou.high, row.n_pairs) for name, row in rows],
    )  # fmt: skip
    missing = rows[0][1].counts[OverlapStatus.MISSING]
    told = "count as 0" if settings.counting == Counting.OURS else "are skipped"
    note = f"{missing} words have no map and {told}." if missing else ""
    return Block(title=title, figure=figure if found else None, tables=(table,), note=note)


def _rows(found: Found, *, settings: MaskSettings) -> list[tuple[str, SegmentationSummary]]:
    pairs = _pairs(found)
    words = summarise_by_vocabulary(
        pairs,
        words=[given["word"] for given, _ in found],
        lemmas=[given["lemma"] for given, _ in found],
        rules=settings.counting.rules,
        confidence=settings.confidence,
    )
    return [
        ("word maps, all words", words.miou_all),
        ("word maps, COCO's 80 objects", words.miou80),
        *(
            (
                name,
                summarise(
                    [item.baselines[kind] for _, item in found],
                    rules=settings.counting.rules,
                    confidence=settings.confidence,
                ),
            )
            for kind, name in BASELINES.items()
        ),
    ]


def _pairs(found: Found) -> list[SegmentationPair]:
    return [item.pair for _, item in found if item.pair is not None]


def _line(name: str, row: SegmentationSummary) -> dict[str, Any]:
    return {
        "prediction": name,
        **interval_cells("miou", row.miou),
        "mean_dice": row.mean_dice,
        "mean_pixel_accuracy": row.mean_pixel_accuracy,
        "mean_inter_over_truth": row.mean_inter_over_truth,
        "mean_inter_over_prediction": row.mean_inter_over_prediction,
        "n_words": row.n_pairs,
        **{f"n_{status.value}": row.counts[status] for status in OverlapStatus},
    }
