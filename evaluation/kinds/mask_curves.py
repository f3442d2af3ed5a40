"""How well maps find the raters' region by threshold, by step and by layer, with paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from evaluation.curve_figure import curve_figure
from evaluation.kinds.mask_items import TAUS, WHOLE, MaskSettings, MeasuredItem
from evaluation.kinds.report import (
    Block,
    Field,
    Line,
    Table,
    interval_cells,
    interval_fields,
    shown_count,
    shown_interval,
    shown_p,
    shown_text,
    table_figure,
)
from evaluation.metrics.ablation import AblationPoint, ablation_curve
from evaluation.metrics.segmentation import ThresholdChoice, choose_threshold
from evaluation.metrics.tables import FloatArray

Found = Sequence[tuple[Line, MeasuredItem]]
VALUE: Final = "mean IoU"


def blocks(found: Found, *, settings: MaskSettings) -> list[Block]:
    """The sections; those of steps and layers only where maps were taken apart."""
    return [
        block
        for block in (
            _thresholds(found, settings=settings),
            _parts(found, "steps", settings=settings),
            _parts(found, "layers", settings=settings),
        )
        if block is not None
    ]


def _thresholds(found: Found, *, settings: MaskSettings) -> Block | None:
    with_map = [(given, item) for given, item in found if item.by_tau]
    if not with_map:
        return None
    ious = np.array([item.by_tau for _, item in with_map], dtype=np.float64)
    images = [given["image_sha256"] for given, _ in with_map]
    points = ablation_curve(
        ious,
        settings=[f"{tau:g}" for tau in TAUS],
        reference=f"{settings.tau:g}",
        clusters=images,
        confidence=settings.confidence,
    )
    best = choose_threshold(ious, taus=TAUS, rng=np.random.default_rng(settings.seed), images=images)
    return _block(
        points, name="thresholds", what="threshold", title="mIoU by threshold",
        axis="threshold, as a share of the map's peak", reference=f"{settings.tau:g}", note=_choice(best),
    )  # fmt: skip


def _difference_cells(point: AblationPoint, *, reference: str) -> dict[str, Any]:
    cells = interval_cells("difference", point.difference.effect)
    return cells | ({"difference_undefined_because": "the reference"} if point.setting == reference else {})


def _choice(best: ThresholdChoice) -> str:
    held_out = (
        f"cross-validated over images it reaches {best.cross_validated:.3f}"
        if not math.isnan(best.cross_validated)
        else f"there is no cross-validated value: {best.reason}"
    )
    return f"Best on these data: {best.best_tau:g}, mIoU {best.in_sample:.3f} in-sample; {held_out}."


def _parts(found: Found, kind: str, *, settings: MaskSettings) -> Block | None:
    """The curve over the steps or layers that all explored words share."""
    explored = [(given, getattr(item, kind)) for given, item in found if getattr(item, kind)]
    if not explored:
        return None
    names = [name for name in explored[0][1] if all(name in own for _, own in explored)]
    values: FloatArray = np.array([[own[name] for name in names] for _, own in explored], dtype=np.float64)
    points = ablation_curve(
        values,
        settings=names,
        reference=WHOLE,
        clusters=[given["image_sha256"] for given, _ in explored],
        confidence=settings.confidence,
    )
    what = kind.removesuffix("s")
    return _block(
        points, name=kind, what=what, title=f"mIoU by {what}", axis=f"map of one {what}; whole: all",
        reference=WHOLE, note=f"{len(explored)} words of images whose maps were taken apart.",
    )  # fmt: skip


def _block(
    points: Sequence[AblationPoint], *, name: str, what: str, title: str, axis: str, reference: str, note: str
) -> Block:
    drawing = curve_figure(
        points, reference=reference, axis=axis, value=VALUE, figure_id=f"curve-{name}", title=title
    )
    figure = table_figure(
        name, title, drawing,
        header=(what, "miou", "low", "high", "difference", "difference_low", "difference_high", "p_holm"),
        rows=[
            (p.setting, p.mean.estimate, p.mean.low, p.mean.high, p.difference.effect.estimate,
             p.difference.effect.low, p.difference.effect.high, p.p_holm)
            for p in points
        ],
    )  # fmt: skip
    table = _table(points, name=name, what=what, reference=reference)
    return Block(title=title, figure=figure, tables=(table,), note=note)


def _table(points: Sequence[AblationPoint], *, name: str, what: str, reference: str) -> Table:
    return Table(
        file=f"{name}.csv",
        caption="The figure in numbers",
        fields=(
            Field(what, f"The {what}."),
            *interval_fields("miou", "Mean IoU, words of one image as one cluster"),
            *interval_fields("difference", f"Paired difference from {reference}"),
            Field("p_value", "p-value of the difference (paired t, clustered by image)."),
            Field("p_holm", f"The same by Holm's correction over all {what}s."),
            Field("n_words", "Words that have a value everywhere."),
        ),
        lines=tuple(
            {
                what: point.setting,
                **interval_cells("miou", point.mean),
                **_difference_cells(point, reference=reference),
                "p_value": point.difference.p_value,
                "p_holm": point.p_holm,
                "n_words": point.n_pairs,
            }
            for point in points
        ),
        shown=(
            shown_text(what.capitalize(), what),
            *shown_interval("mIoU", "miou", digits=3),
            *shown_interval(f"Less that at {reference}", "difference", digits=3),
            shown_p("Holm's p", "p_holm"),
            shown_count("Words", "n_words"),
        ),
    )
