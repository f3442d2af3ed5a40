"""Does overlap of two words' maps go with a missing object? The sections of object presence that say so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from evaluation.dot_figure import DotRow, dot_figure, percent_axis
from evaluation.kinds.presence_judging import NO_RELATION, decided, map_ious
from evaluation.kinds.report import (
    Block,
    Columns,
    Field,
    Shown,
    Table,
    interval_cells,
    interval_fields,
    shown_count,
    shown_interval,
    shown_p,
    shown_share,
    shown_text,
    table_figure,
)
from evaluation.metrics.presence import OverlapGroup
from evaluation.metrics.presence_overlap import (
    CorrectnessOverlap,
    JoinedOutcome,
    OverlapAccuracy,
    OverlapEffect,
    accuracy_by_overlap,
    overlap_by_correctness,
    overlap_effects,
)
from evaluation.metrics.tests import ExactTest

WORDS: Final = {
    OverlapGroup.LOW: "low, up to 0.4", OverlapGroup.MID: "mid", OverlapGroup.HIGH: "high, from 0.6",
}  # fmt: skip
OUTCOMES: Final = {True: "both objects", False: "an object missing"}


def blocks(lines: Columns, *, confidence: float, test: ExactTest) -> list[Block]:
    """The sections; none where no image has two maps. lines: of images.csv."""
    known, hits = decided(lines, "correct")
    ious, relation = map_ious(lines), lines.column("relation")
    if np.isnan(ious[known]).all():
        return []
    outcomes = [
        JoinedOutcome(
            image=str(place),
            relation=relation[place] or NO_RELATION,
            correct=bool(hits[place]),
            iou=float(ious[place]),
        )
        for place in np.flatnonzero(known).tolist()
    ]
    accuracies = accuracy_by_overlap(outcomes, confidence=confidence)
    effects = overlap_effects(outcomes, test=test, confidence=confidence)
    by_correctness = overlap_by_correctness(outcomes, confidence=confidence)
    unknown = sum(math.isnan(outcome.iou) for outcome in outcomes)
    return [
        _accuracy_block(accuracies, effects, confidence=confidence, unknown=unknown),
        _correctness_block(by_correctness, confidence=confidence),
    ]


def _accuracy_block(
    accuracies: Sequence[OverlapAccuracy],
    effects: Sequence[OverlapEffect],
    *,
    confidence: float,
    unknown: int,
) -> Block:
    title = "Images with both objects, by overlap of their maps"
    drawing = dot_figure(
        [
            DotRow(
                label=WORDS[row.group],
                value=row.accuracy,
                detail=f"{row.n_correct} of {row.n_images}",
                heading=row.relation if row.group == OverlapGroup.LOW else "",
            )
            for row in accuracies
        ],
        axis=percent_axis("images with both objects"),
        figure_id="accuracy-by-overlap",
        title=title,
        confidence=confidence,
    )
    figure = table_figure(
        "accuracy_by_overlap", title, drawing,
        header=("relation", "overlap", "accuracy", "low", "high", "n_correct", "n_images"),
        rows=[(r.relation, r.group.value, r.accuracy.estimate, r.accuracy.low, r.accuracy.high, r.n_correct,
               r.n_images) for r in accuracies],
    )  # fmt: skip
    return Block(
        title="Both objects, by overlap of their maps",
        figure=figure,
        tables=(_accuracy_table(accuracies), _effects_table(effects)),
        note="Overlap is the IoU of the two words' maps at 0.4 of their peaks: low up to 0.4, high from 0.6."
        + (f" {unknown} images without it are left out here." if unknown else ""),
    )


def _accuracy_table(accuracies: Sequence[OverlapAccuracy]) -> Table:
    return Table(
        file="overlap_accuracy.csv",
        caption="The figure in numbers",
        fields=(
            Field("relation", "Relation of the two words."),
            Field("overlap", "low, mid or high: IoU of the two words' maps at tau 0.4, cut at 0.4 and 0.6."),
            Field("n_images", "Images."),
            Field("n_correct", "Of them with both objects."),
            *interval_fields("accuracy", "Share with both objects"),
        ),
        lines=tuple(
            {"relation": row.relation, "overlap": row.group.value, "n_images": row.n_images,
             "n_correct": row.n_correct} | interval_cells("accuracy", row.accuracy)
            for row in accuracies
        ),
        shown=(
            Shown("Relation, overlap", lambda line: f"{line['relation']}, {line['overlap']}", number=False),
            *shown_share("Both objects", "accuracy"),
            shown_count("Images", "n_images"),
        ),
    )  # fmt: skip


def _effects_table(effects: Sequence[OverlapEffect]) -> Table:
    return Table(
        file="overlap_tests.csv",
        caption="Low against high overlap",
        fields=(
            Field("relation", "Relation of the two words."),
            *interval_fields("difference", "Share at low overlap less that at high overlap (Newcombe)"),
            Field("test", "Exact test, two-sided."),
            Field("p_value", "Its p-value."),
            Field("p_holm", "The same by Holm's correction over the relations."),
            Field("undefined_because", "Why there is no p-value; else empty."),
        ),
        lines=tuple(
            {"relation": row.relation, "test": row.test.method, "p_value": row.test.p_value,
             "p_holm": row.p_holm, "undefined_because": row.test.reason}
            | interval_cells("difference", row.test.effect)
            for row in effects
        ),
        shown=(
            shown_text("Relation", "relation"),
            *shown_share("Difference", "difference"),
            shown_p("p", "p_value"),
            shown_p("Holm's p", "p_holm"),
        ),
    )  # fmt: skip


def _correctness_block(rows: Sequence[CorrectnessOverlap], *, confidence: float) -> Block:
    title = "Overlap of the two maps, with and without both objects"
    drawing = dot_figure(
        [
            DotRow(
                label=OUTCOMES[row.correct],
                value=row.miou,
                detail=f"{row.n_images - row.n_undefined} images",
                heading=row.relation if row.correct else "",
            )
            for row in rows
        ],
        axis=percent_axis("mean IoU of the two words' maps"),
        figure_id="overlap-by-correctness",
        title=title,
        confidence=confidence,
    )
    figure = table_figure(
        "overlap_by_correctness", title, drawing,
        header=("relation", "correct", "miou", "low", "high", "n_images"),
        rows=[(r.relation, r.correct, r.miou.estimate, r.miou.low, r.miou.high, r.n_images) for r in rows],
    )  # fmt: skip
    return Block(title=title, figure=figure, tables=(_correctness_table(rows),))


def _correctness_table(rows: Sequence[CorrectnessOverlap]) -> Table:
    return Table(
        file="overlap_by_correctness.csv",
        caption="The figure in numbers",
        fields=(
            Field("relation", "Relation of the two words."),
            Field("correct", "1 for images with both objects."),
            Field("n_images", "Images."),
            Field("n_undefined", "Of them without an IoU."),
            *interval_fields("miou", "Mean IoU of the two words' maps at tau 0.4"),
        ),
        lines=tuple(
            {"relation": row.relation, "correct": row.correct, "n_images": row.n_images,
             "n_undefined": row.n_undefined} | interval_cells("miou", row.miou)
            for row in rows
        ),
        shown=(
            Shown("Images", lambda line: f"{line['relation']}, {OUTCOMES[line['correct']]}", number=False),
            *shown_interval("Mean IoU", "miou"),
            shown_count("Images", "n_images"),
        ),
    )  # fmt: skip
