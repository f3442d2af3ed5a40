"""The differences between groups as a forest plot with Holm's marks, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation import svg
from evaluation.metrics.intervals import Interval
from evaluation.number_words import digits_of, shown

ROW: Final = 26.0
INK_SURE, INK_UNSURE = "#2f6ea6", "#8b8a83"
MARKS: Final = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """A difference first - second with its interval, and Holm's p-value (NaN: none)."""

    first: str
    second: str
    difference: Interval
    p_holm: float
    paired: bool


def mark(p_value: float) -> str:
    """* below 0.05, ** below 0.01, *** below 0.001; empty otherwise."""
    return next((stars for limit, stars in MARKS if p_value < limit), "")


def forest_figure(
    rows: Sequence[ForestRow],
    *,
    figure_id: str,
    title: str,
    axis: str = "difference of mean scores",
    scale: tuple[float, float] = (1.0, 5.0),
) -> str:
    """SVG: one row per pair of groups, the difference as a dot with its interval. axis: what it is of.

    scale: of what differs; says how many decimals are shown.
    """
    names = [f"{row.first} − {row.second}" for row in rows]
    label = min(max([svg.text_width(name) for name in names] + [60]) + 20, 330)
    left, plot = label + 12, 380.0
    width = left + plot + 150
    known = [
        end for row in rows if row.difference.is_defined for end in (row.difference.low, row.difference.high)
    ]
    reach = max([abs(end) for end in known] + [(scale[1] - scale[0]) / 40]) * 1.05
    top, end = 52.0, 52.0 + ROW * max(len(rows), 1)

    def x(value: float) -> float:
        return left + (value + reach) / (2 * reach) * plot

    body = svg.text(title, x=16, y=28, size=16, weight=600)
    body += _grid(reach, x=x, top=top, end=end, scale=scale)
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        body += _forest_row(
            row, name=name, y=top + ROW * (place + 0.5), x=x, left=left, right=left + plot, scale=scale
        )
    body += svg.text(axis, x=left + plot / 2, y=end + 38, anchor="middle", fill=svg.SOFT_INK)
    body += svg.text(
        "Holm's p: * < 0.05, ** < 0.01, *** < 0.001.", x=16, y=end + 62, size=12, fill=svg.SOFT_INK
    )
    described = "; ".join(
        _forest_words(row, name=name, scale=scale) for row, name in zip(rows, names, strict=True)
    )
    return svg.document(
        body,
        width=width,
        height=end + 78,
        figure_id=figure_id,
        title=title,
        description=described or "Nothing to compare.",
    )


def _grid(
    reach: float, *, x: Callable[[float], float], top: float, end: float, scale: tuple[float, float]
) -> str:
    body = ""
    for value in (-reach / 1.05, 0.0, reach / 1.05):
        body += svg.line(
            x1=x(value), y1=top, x2=x(value), y2=end, stroke=svg.SOFT_INK if value == 0 else svg.GRID
        )
        body += svg.text(
            shown(value, digits=digits_of(scale), signed=True) if value else "0",
            x=x(value),
            y=end + 18,
            anchor="middle",
            size=12,
            fill=svg.SOFT_INK,
        )
    return body


def _forest_row(
    row: ForestRow,
    *,
    name: str,
    y: float,
    x: Callable[[float], float],
    left: float,
    right: float,
    scale: tuple[float, float],
) -> str:
    sure = row.p_holm < MARKS[-1][0]
    ink = INK_SURE if sure else INK_UNSURE
    body = svg.text(svg.fitted(name, width=left - 24), x=left - 12, y=y + 4, anchor="end")
    if math.isnan(row.difference.estimate):
        return svg.group(body, tooltip=_forest_words(row, name=name, scale=scale))
    if row.difference.is_defined:
        body += svg.line(x1=x(row.difference.low), y1=y, x2=x(row.difference.high), y2=y, stroke=ink, width=2)
    body += svg.circle(x=x(row.difference.estimate), y=y, radius=4.5, fill=ink)
    body += svg.text(
        shown(row.difference.estimate, digits=digits_of(scale, row.difference), signed=True),
        x=right + 58, y=y + 4, anchor="end", size=12,
    )  # fmt: skip
    p = "" if math.isnan(row.p_holm) else ("p < 0.001" if row.p_holm < 0.001 else f"p = {row.p_holm:.3f}")
    body += svg.text(f"{p} {mark(row.p_holm)}".strip(), x=right + 66, y=y + 4, size=12)
    return svg.group(body, tooltip=_forest_words(row, name=name, scale=scale))


def _forest_words(row: ForestRow, *, name: str, scale: tuple[float, float]) -> str:
    value = row.difference
    if math.isnan(value.estimate):
        return f"{name}: undefined ({value.reason})"
    estimate, low, high = (
        shown(number, digits=digits_of(scale, value)) for number in (value.estimate, value.low, value.high)
    )
    bounds = f" ({low} to {high})" if value.is_defined else f" (no interval: {value.reason})"
    p = "" if math.isnan(row.p_holm) else f", Holm's p {row.p_holm:.3g}"
    return f"{name}: {estimate}{bounds}{p}{', paired' if row.paired else ''}"
