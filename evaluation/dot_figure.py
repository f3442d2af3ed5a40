"""Shares, means or strengths as dots with their intervals, one row each, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from common.signs import true_minus
from evaluation import svg
from evaluation.metrics.intervals import Interval

ROW: Final = 26.0
TOP: Final = 52.0
PLOT: Final = 380.0
DOT: Final = "#2f6ea6"


@dataclass(frozen=True, kw_only=True)
class DotRow:
    """One value. detail: a few words at the right, such as the counts behind it.  heading: starts a group."""

    label: str
    value: Interval
    detail: str = ""
    heading: str = ""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What the values are, the ends of the axis, and how a value is written."""

    title: str
    low: float
    high: float
    show: Callable[[float], str]


def percent_axis(title: str) -> Axis:
    """An axis of shares."""
    return Axis(title=title, low=0.0, high=1.0, show=lambda share: f"{100 * share:.0f} %")


def ratio_axis(title: str) -> Axis:
    """An axis of ratios from 0 to 1, such as an IoU."""
    return Axis(title=title, low=0.0, high=1.0, show=lambda ratio: f"{ratio:.2f}")


def axis_around(rows: Sequence[DotRow], *, title: str, at_least: float = 0.5) -> Axis:
    """An axis with 0 in its middle that holds every interval."""
    values = [row.value for row in rows]
    ends = [abs(end) for value in values if value.is_defined for end in (value.low, value.high)]
    reach = max([*ends, at_least]) * 1.05
    return Axis(title=title, low=-reach, high=reach, show=lambda v: true_minus(f"{v:+.2f}"))


def _levels(rows: Sequence[DotRow]) -> str:
    """The confidences of the rows' own intervals: some methods know one level only."""
    levels = sorted({row.value.confidence for row in rows if row.value.is_defined})
    return " and ".join(f"{100 * level:g} %" for level in levels)


def dot_figure(
    rows: Sequence[DotRow], *, axis: Axis, figure_id: str, title: str, confidence: float = 0.95
) -> str:
    """SVG: one row per value; what is not defined has no dot, and its reason in the tooltip."""
    widest = max([svg.text_width(row.label) for row in rows] + [60])
    left = min(widest + 20, 260) + 12
    body = [svg.text(title, x=16, y=28, size=16, weight=600)]
    y = TOP
    lines: list[str] = []
    for row in rows:
        if row.heading:
            lines.append(svg.text(row.heading, x=16, y=y + ROW * 0.7, weight=600))
            y += ROW
        lines.append(_row(row, y=y + ROW / 2, left=left, axis=axis))
        y += ROW
    body.append(_grid(axis, left=left, bottom=y))
    body += lines
    body.append(svg.text(axis.title, x=left + PLOT / 2, y=y + 40, anchor="middle", fill=svg.SOFT_INK))
    levels = _levels(rows) or f"{100 * confidence:g} %"
    body.append(svg.text(f"Lines: {levels} intervals.", x=16, y=y + 64, size=12, fill=svg.SOFT_INK))
    described = "; ".join(_words(row, axis=axis) for row in rows) or "Nothing to show."
    return svg.document(
        "".join(body), width=left + PLOT + 190, height=y + 80, figure_id=figure_id, title=title,
        description=described,
    )  # fmt: skip


def _x(value: float, *, left: float, axis: Axis) -> float:
    inside = min(max(value, axis.low), axis.high)
    return left + (inside - axis.low) / (axis.high - axis.low) * PLOT


def _grid(axis: Axis, *, left: float, bottom: float) -> str:
    body = ""
    for step in range(5):
        value = axis.low + (axis.high - axis.low) * step / 4
        x = _x(value, left=left, axis=axis)
        zero = abs(value) < 1e-12
        body += svg.line(x1=x, y1=TOP, x2=x, y2=bottom, stroke=svg.SOFT_INK if zero else svg.GRID)
        name = axis.show(0.0 if zero else value)
        body += svg.text(name, x=x, y=bottom + 18, anchor="middle", size=12, fill=svg.SOFT_INK)
    return body


def _row(row: DotRow, *, y: float, left: float, axis: Axis) -> str:
    body = svg.text(svg.fitted(row.label, width=left - 24), x=left - 12, y=y + 4, anchor="end")
    body += svg.text(row.detail, x=left + PLOT + 70, y=y + 4, size=12, fill=svg.SOFT_INK)
    value = row.value
    if math.isnan(value.estimate):
        body += svg.text("–", x=left + PLOT + 58, y=y + 4, anchor="end", size=12)
        return svg.group(body, tooltip=_words(row, axis=axis))
    if value.is_defined:
        ends = [_x(end, left=left, axis=axis) for end in (value.low, value.high)]
        body += svg.line(x1=ends[0], y1=y, x2=ends[1], y2=y, stroke=DOT, width=2)
    body += svg.circle(x=_x(value.estimate, left=left, axis=axis), y=y, radius=4.5, fill=DOT)
    body += svg.text(axis.show(value.estimate), x=left + PLOT + 58, y=y + 4, anchor="end", size=12)
    return svg.group(body, tooltip=_words(row, axis=axis))


def _words(row: DotRow, *, axis: Axis) -> str:
    value, name = row.value, f"{row.heading}: {row.label}" if row.heading else row.label
    if math.isnan(value.estimate):
        return f"{name}: undefined ({value.reason})"
    bounds = (
        f" ({axis.show(value.low)} to {axis.show(value.high)})"
        if value.is_defined
        else f" (no interval: {value.reason})"
    )
    return f"{name}: {axis.show(value.estimate)}{bounds}{', ' + row.detail if row.detail else ''}"
