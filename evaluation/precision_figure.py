"""Precision by recall: how many finds are right when so many of what there is are found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evaluation import svg
from evaluation.metrics.tables import FloatArray

LEFT, TOP, SIDE = 64.0, 52.0, 340.0
INKS: Final = ("#2f6ea6", "#b2453c", "#4c7a3d")
DASHES: Final = ("", "7 4", "2 4")


@dataclass(frozen=True, kw_only=True, eq=False)
class PrecisionCurve:
    """One curve. precision: at equally spaced recalls from 0 to 1.  area: the mean of it."""

    label: str
    precision: FloatArray
    area: float


def precision_figure(curves: Sequence[PrecisionCurve], *, figure_id: str, title: str) -> str:
    """SVG: a curve each, told apart by colour and dashes, named beneath."""
    bottom, right = TOP + SIDE, LEFT + SIDE
    body = [svg.text(title, x=16, y=28, size=16, weight=600)]
    for step in range(5):
        share = step / 4
        x, y = LEFT + share * SIDE, bottom - share * SIDE
        body.append(svg.line(x1=LEFT, y1=y, x2=right, y2=y, stroke=svg.GRID))
        body.append(svg.line(x1=x, y1=TOP, x2=x, y2=bottom, stroke=svg.GRID))
        words = f"{share:.2f}"
        body.append(svg.text(words, x=LEFT - 8, y=y + 4, anchor="end", size=12, fill=svg.SOFT_INK))
        body.append(svg.text(words, x=x, y=bottom + 18, anchor="middle", size=12, fill=svg.SOFT_INK))
    body.append(svg.sideways_text("precision", x=20, y=TOP + SIDE / 2, fill=svg.SOFT_INK))
    body.append(svg.text("recall", x=LEFT + SIDE / 2, y=bottom + 40, anchor="middle", fill=svg.SOFT_INK))
    for place, curve in enumerate(curves):
        ink, dashes = INKS[place % len(INKS)], DASHES[place % len(DASHES)]
        y = bottom + 66 + 22 * place
        marks = _dashed([(LEFT, y - 4), (LEFT + 34, y - 4)], ink=ink, dashes=dashes)
        marks += _dashed(_places(curve.precision, bottom=bottom), ink=ink, dashes=dashes)
        marks += svg.text(_words(curve), x=LEFT + 44, y=y)
        body.append(svg.group(marks, tooltip=_words(curve)))
    return svg.document(
        "".join(body), width=right + 40, height=bottom + 70 + 22 * len(curves), figure_id=figure_id,
        title=title, description="; ".join(_words(curve) for curve in curves) or "Nothing to show.",
    )  # fmt: skip


def _places(precision: FloatArray, *, bottom: float) -> list[tuple[float, float]]:
    last = max(precision.size - 1, 1)
    return [
        (LEFT + SIDE * place / last, bottom - SIDE * float(value))
        for place, value in enumerate(precision)
        if not math.isnan(value)
    ]


def _dashed(points: Sequence[tuple[float, float]], *, ink: str, dashes: str) -> str:
    drawn = svg.curve(points, stroke=ink, width=2.0)
    return drawn.replace("/>", f' stroke-dasharray="{dashes}"/>') if dashes else drawn


def _words(curve: PrecisionCurve) -> str:
    return f"{curve.label}: AP {curve.area:.3f}"
