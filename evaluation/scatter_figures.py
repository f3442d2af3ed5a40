"""Two scatter figures as SVG: how spread depends on the mean score, and raters by bias and inconsistency.

sos_figure     standard deviation of opinion scores over their mean (Hossfeld, Schatz and Egger 2011)
raters_figure  bias and inconsistency of every rater (after Li and Bampis 2017, by plain residuals)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from evaluation import svg
from evaluation.figures import scale_steps
from evaluation.number_words import counted, digits_of, end_of_scale, shown

DOT: Final = "#2f6ea6"
OUT_DOT: Final = "#b2453c"
LEFT, TOP, WIDTH, HEIGHT = 76.0, 52.0, 520.0, 320.0
LARGEST_DOT, SMALLEST_DOT = 13.0, 2.2
# Of more raters, those within so many pixels share a dot.
MOST_DOTS, SAME_PLACE = 2_000, 3.0


@dataclass(frozen=True, kw_only=True)
class SpreadPoint:
    """Items with one mean score and one standard deviation, and how many they are."""

    mean: float
    standard_deviation: float
    n_items: int


@dataclass(frozen=True, kw_only=True)
class RaterPoint:
    """One rater. bias: mean of score less the item's mean score.  inconsistency: standard
    deviation of
    these differences.  kept: whether the rater's answers count."""

    rater: str
    bias: float
    inconsistency: float
    n_compared: int
    kept: bool


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """A plotting area and the values at its edges."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixels of a point, kept inside the frame."""
        across = min(max((x - self.x_low) / (self.x_high - self.x_low), 0), 1)
        up = min(max((y - self.y_low) / (self.y_high - self.y_low), 0), 1)
        return LEFT + across * WIDTH, TOP + HEIGHT - up * HEIGHT


def sos_figure(
    points: Sequence[SpreadPoint],
    *,
    scale: tuple[float, float],
    fit: float,
    figure_id: str = "sos",
    title: str = "Spread of scores by mean score",
) -> str:
    """SVG: one disc per pair of mean and standard deviation, its area the number of items; the fitted curve.

    fit: parameter a of SOS^2 = a (mean - low)(high - mean); NaN draws no curve.
    """
    low, high = scale
    top = max([point.standard_deviation for point in points] + [(high - low) / 2]) * 1.08
    frame = _Frame(x_low=low, x_high=high, y_low=0, y_high=top)
    body = svg.text(title, x=16, y=28, size=16, weight=600)
    body += _axes(
        frame,
        xs=scale_steps(scale),
        ys=_round_steps(0, top),
        x_title="mean score of the item",
        y_title="standard deviation of its scores",
    )
    most = max([point.n_items for point in points] + [1])
    for point in sorted(points, key=lambda p: -p.n_items):
        x, y = frame.at(point.mean, point.standard_deviation)
        radius = max(SMALLEST_DOT, LARGEST_DOT * math.sqrt(point.n_items / most))
        mean, spread = (shown(v, digits=digits_of(scale)) for v in (point.mean, point.standard_deviation))
        words = f"mean {mean}, standard deviation {spread}: {counted(point.n_items, 'item')}"
        body += svg.group(svg.circle(x=x, y=y, radius=radius, fill=DOT, opacity=0.6), tooltip=words)
    note = "No item has two scores." if not points else "A disc's area is the number of items there."
    if points and not math.isnan(fit):
        means = [low + (high - low) * (1 - math.cos(math.pi * step / 60)) / 2 for step in range(61)]
        curve = [frame.at(m, math.sqrt(max(fit, 0) * (m - low) * (high - m))) for m in means]
        body += svg.curve(curve, stroke=OUT_DOT)
        note += f" Curve: SOS² = {fit:.3f} (mean − {end_of_scale(low)})({end_of_scale(high)} − mean)."
    body += svg.text(note, x=16, y=TOP + HEIGHT + 66, size=12, fill=svg.SOFT_INK)
    n_items = sum(point.n_items for point in points)
    described = f"{counted(n_items, 'item')} with two scores or more; fitted parameter a " + (
        "undefined" if math.isnan(fit) else f"{fit:.3f}"
    )
    return svg.document(
        body,
        width=LEFT + WIDTH + 24,
        height=TOP + HEIGHT + 82,
        figure_id=figure_id,
        title=title,
        description=described,
    )


def raters_figure(
    points: Sequence[RaterPoint],
    *,
    scale: tuple[float, float] = (1.0, 5.0),
    figure_id: str = "raters",
    title: str = "Raters: bias and inconsistency",
) -> str:
    """SVG: one dot per rater whose bias and inconsistency are defined; those left out are red rings."""
    least = (scale[1] - scale[0]) / 8
    drawn = [point for point in points if not math.isnan(point.bias) and not math.isnan(point.inconsistency)]
    reach = max([abs(point.bias) for point in drawn] + [least]) * 1.1
    top = max([point.inconsistency for point in drawn] + [2 * least]) * 1.1
    frame = _Frame(x_low=-reach, x_high=reach, y_low=0, y_high=top)
    body = svg.text(title, x=16, y=28, size=16, weight=600)
    body += _axes(
        frame,
        xs=_round_steps(-reach, reach),
        ys=_round_steps(0, top),
        x_title="bias: mean difference from the items' mean scores",
        y_title="inconsistency: spread of the differences",
    )
    zero = frame.at(0, 0)[0]
    body += svg.line(x1=zero, y1=TOP, x2=zero, y2=TOP + HEIGHT, stroke=svg.SOFT_INK)
    # Joined once: with ten thousand raters, adding one by one copies megabytes again and again.
    body += "".join(_rater_dot(*points, frame=frame, scale=scale) for points in _by_place(drawn, frame=frame))
    n_out = sum(not point.kept for point in drawn)
    note = f"{counted(len(drawn), 'rater')} with three shared items or more" + (
        f"; red rings: {n_out} left out." if n_out else "."
    )
    body += svg.text(note, x=16, y=TOP + HEIGHT + 66, size=12, fill=svg.SOFT_INK)
    return svg.document(
        body,
        width=LEFT + WIDTH + 24,
        height=TOP + HEIGHT + 82,
        figure_id=figure_id,
        title=title,
        description=note,
    )


def _by_place(points: Sequence[RaterPoint], *, frame: _Frame) -> Iterable[list[RaterPoint]]:
    """The raters by the dot that stands for them: each alone, or where there are many, by place."""
    if len(points) <= MOST_DOTS:
        return [[point] for point in points]
    found: dict[tuple[int, int, bool], list[RaterPoint]] = {}
    for point in points:
        x, y = frame.at(point.bias, point.inconsistency)
        found.setdefault((round(x / SAME_PLACE), round(y / SAME_PLACE), point.kept), []).append(point)
    return found.values()


def _rater_dot(point: RaterPoint, *others: RaterPoint, frame: _Frame, scale: tuple[float, float]) -> str:
    x, y = frame.at(point.bias, point.inconsistency)
    bias = shown(point.bias, digits=digits_of(scale), signed=True)
    spread = shown(point.inconsistency, digits=digits_of(scale))
    words = (
        f"{point.rater[:12]}: bias {bias}, inconsistency {spread},"
        f" {counted(point.n_compared, 'item')}{'' if point.kept else ', left out'}"
    )
    if others:
        words += f"; and {len(others)} more in this place"
    dot = (
        svg.circle(x=x, y=y, radius=4, fill=DOT, opacity=0.65)
        if point.kept
        else svg.circle(x=x, y=y, radius=4, fill=svg.PAPER, edge=OUT_DOT)
    )
    return svg.group(dot, tooltip=words)


def _axes(frame: _Frame, *, xs: Sequence[float], ys: Sequence[float], x_title: str, y_title: str) -> str:
    body = ""
    for y in ys:
        row = frame.at(frame.x_low, y)[1]
        body += svg.line(x1=LEFT, y1=row, x2=LEFT + WIDTH, y2=row, stroke=svg.GRID)
        body += svg.text(end_of_scale(y), x=LEFT - 8, y=row + 4, anchor="end", size=12, fill=svg.SOFT_INK)
    names = [end_of_scale(x) for x in xs]
    if sum(svg.text_width(name, size=12) + 10 for name in names) > WIDTH:
        # Long numbers would run into each other: the ends alone.
        names = [name if place in (0, len(names) - 1) else "" for place, name in enumerate(names)]
    for x, name in zip(xs, names, strict=True):
        column = frame.at(x, frame.y_low)[0]
        body += svg.line(x1=column, y1=TOP + HEIGHT, x2=column, y2=TOP + HEIGHT + 5, stroke=svg.SOFT_INK)
        body += svg.text(
            name,
            x=column,
            y=TOP + HEIGHT + 20,
            anchor="middle",
            size=12,
            fill=svg.SOFT_INK,
        )
    body += svg.line(x1=LEFT, y1=TOP + HEIGHT, x2=LEFT + WIDTH, y2=TOP + HEIGHT, stroke=svg.SOFT_INK)
    body += svg.text(x_title, x=LEFT + WIDTH / 2, y=TOP + HEIGHT + 42, anchor="middle", fill=svg.SOFT_INK)
    return body + svg.sideways_text(y_title, x=22, y=TOP + HEIGHT / 2, fill=svg.SOFT_INK)


def _round_steps(low: float, high: float) -> list[float]:
    """Round numbers from low to high, four to eight of them."""
    raw = (high - low) / 5
    power = 10 ** math.floor(math.log10(raw))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda s: abs(s - raw))
    first = math.ceil(low / step - 1e-9)
    digits = 1 - math.floor(math.log10(step))
    return [round(place * step, digits) + 0.0 for place in range(first, math.floor(high / step + 1e-9) + 1)]
