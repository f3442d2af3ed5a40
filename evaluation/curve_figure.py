"""Curves over thresholds, steps or layers: the mean with its interval, and beneath it the paired difference.

Source: Tang et al. 2023, app. A.1, with intervals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from common.signs import true_minus
from evaluation import svg
from evaluation.metrics.ablation import AblationPoint
from evaluation.metrics.intervals import Interval

LINE: Final = "#2f6ea6"
DIFFERENCE: Final = "#b2453c"
LEFT, UPPER, LOWER = 76.0, (52.0, 262.0), (312.0, 442.0)
LEAST_BAND, MOST_NAME = 26.0, 78.0


def curve_figure(
    points: Sequence[AblationPoint], *, reference: str, axis: str, value: str, figure_id: str, title: str
) -> str:
    """SVG: above the mean of every setting with its interval, below its paired difference from the reference.

    axis, value: what the settings and the values are, in a few words.
    """
    band = max(LEAST_BAND, 520.0 / max(len(points), 1))
    right = LEFT + band * len(points)
    top = max([_high(point.mean) for point in points] + [0.1]) * 1.08
    reach = max([abs(end) for point in points for end in _ends(point.difference.effect)] + [0.05]) * 1.1
    body = [svg.text(title, x=16, y=28, size=16, weight=600)]
    body.append(_rule(UPPER, low=0.0, high=top, right=right))
    body.append(_rule(LOWER, low=-reach, high=reach, right=right))
    body.append(svg.sideways_text(value, x=20, y=sum(UPPER) / 2, fill=svg.SOFT_INK))
    body.append(svg.sideways_text("difference", x=20, y=sum(LOWER) / 2, fill=svg.SOFT_INK))
    widest = max([svg.text_width(point.setting, size=11) for point in points] + [1.0])
    every = -(-min(widest + 6, MOST_NAME) // band) or 1
    places = [LEFT + band * (place + 0.5) for place in range(len(points))]
    known = [
        (x, _y(point.mean.estimate, UPPER, low=0.0, high=top))
        for x, point in zip(places, points, strict=True)
        if not math.isnan(point.mean.estimate)
    ]
    if len(known) > 1:
        body.append(svg.curve(known, stroke=LINE))
    for place, (x, point) in enumerate(zip(places, points, strict=True)):
        marks = _mark(point.mean, x=x, panel=UPPER, low=0.0, high=top, ink=LINE)
        if point.setting != reference:
            marks += _mark(point.difference.effect, x=x, panel=LOWER, low=-reach, high=reach, ink=DIFFERENCE)
        if place % every == 0:
            name = svg.fitted(point.setting, width=band * every - 2, size=11)
            marks += svg.text(name, x=x, y=LOWER[1] + 18, anchor="middle", size=11, fill=svg.SOFT_INK)
        body.append(svg.group(marks, tooltip=_words(point, reference=reference)))
    note = f"Beneath: paired difference from {reference}. Lines: {_confidence(points)} intervals."
    body.append(svg.text(axis, x=(LEFT + right) / 2, y=LOWER[1] + 40, anchor="middle", fill=svg.SOFT_INK))
    body.append(svg.text(note, x=16, y=LOWER[1] + 64, size=12, fill=svg.SOFT_INK))
    described = "; ".join(_words(point, reference=reference) for point in points) or "Nothing to show."
    return svg.document(
        "".join(body), width=right + 24, height=LOWER[1] + 80, figure_id=figure_id, title=title,
        description=described,
    )  # fmt: skip


def _y(value: float, panel: tuple[float, float], *, low: float, high: float) -> float:
    inside = min(max(value, low), high)
    return panel[1] - (inside - low) / (high - low) * (panel[1] - panel[0])


def _rule(panel: tuple[float, float], *, low: float, high: float, right: float) -> str:
    body = ""
    for step in range(5):
        value = low + (high - low) * step / 4
        y = _y(value, panel, low=low, high=high)
        stroke = svg.SOFT_INK if abs(value) < 1e-12 else svg.GRID
        body += svg.line(x1=LEFT, y1=y, x2=right, y2=y, stroke=stroke)
        name = true_minus(f"{value:.2f}".replace("-0.00", "0.00"))
        body += svg.text(name, x=LEFT - 8, y=y + 4, anchor="end", size=12, fill=svg.SOFT_INK)
    return body


def _mark(value: Interval, *, x: float, panel: tuple[float, float], low: float, high: float, ink: str) -> str:
    if math.isnan(value.estimate):
        return ""
    body = ""
    if value.is_defined:
        ends = [_y(end, panel, low=low, high=high) for end in (value.low, value.high)]
        body += svg.line(x1=x, y1=ends[0], x2=x, y2=ends[1], stroke=ink, width=1.5)
    return body + svg.circle(x=x, y=_y(value.estimate, panel, low=low, high=high), radius=3.5, fill=ink)


def _high(value: Interval) -> float:
    return value.high if value.is_defined else (0.0 if math.isnan(value.estimate) else value.estimate)


def _ends(value: Interval) -> tuple[float, ...]:
    if math.isnan(value.estimate):
        return ()
    return (value.low, value.high) if value.is_defined else (value.estimate,)


def _confidence(points: Sequence[AblationPoint]) -> str:
    return f"{100 * points[0].mean.confidence:g} %" if points else "95 %"


def _words(point: AblationPoint, *, reference: str) -> str:
    words = f"{point.setting}: {_value(point.mean)}"
    if point.setting == reference:
        return f"{words}, the reference"
    p = "" if math.isnan(point.p_holm) else f", Holm's p {point.p_holm:.3g}"
    return f"{words}, difference {_value(point.difference.effect)}{p}"


def _value(value: Interval) -> str:
    if math.isnan(value.estimate):
        return f"undefined ({value.reason})"
    return f"{value.estimate:.3f}" + (
        f" ({value.low:.3f} to {value.high:.3f})" if value.is_defined else f" (no interval: {value.reason})"
    )
