"""Tukey's boxes by group, as SVG (Tang et al. 2022, first version, fig. 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evaluation import svg
from evaluation.metrics.intensity import TukeyBox
from evaluation.number_words import grouped

FILL, INK = "#6c9bd1", "#1c1b19"
LEFT, TOP, BOTTOM = 84.0, 52.0, 332.0
# Beyond so many, dots of outliers lie on each other; all of them are in the figure's numbers.
MOST_OUTLIERS: Final = 200


def box_figure(boxes: Sequence[TukeyBox], *, value: str, figure_id: str, title: str, note: str = "") -> str:
    """SVG: a box per group with its whiskers and outliers; shares from 0 to 1, the axis in percent.

    value: what the boxes are of, in a few words.  note: a line beneath.
    """
    band = max(76.0, min(120.0, 620.0 / max(len(boxes), 1)))
    width = max(LEFT + 20.0 + band * len(boxes), 480.0)
    top = min(1.0, max([_highest(box) for box in boxes] + [0.1]) * 1.08)
    body = [svg.text(title, x=16, y=28, size=16, weight=600)]
    for step in range(5):
        share = top * step / 4
        y = _y(share, top=top)
        stroke = svg.SOFT_INK if step == 0 else svg.GRID
        body.append(svg.line(x1=LEFT, y1=y, x2=width - 20, y2=y, stroke=stroke))
        name = f"{100 * share:.0f} %" if top >= 0.2 else f"{100 * share:.1f} %"
        body.append(svg.text(name, x=LEFT - 8, y=y + 4, anchor="end", size=12, fill=svg.SOFT_INK))
    body.append(svg.sideways_text(value, x=20, y=(TOP + BOTTOM) / 2, fill=svg.SOFT_INK))
    body += [_box(box, x=LEFT + band * (place + 0.5), band=band, top=top) for place, box in enumerate(boxes)]
    body.append(
        svg.text(
            "Box: quartiles and median; whiskers: farthest values within 1.5 boxes.", x=16, y=BOTTOM + 66,
            size=12, fill=svg.SOFT_INK,
        )
    )  # fmt: skip
    if note:
        body.append(svg.text(note, x=16, y=BOTTOM + 83, size=12, fill=svg.SOFT_INK))
    described = "; ".join(_words(box) for box in boxes) or "No map."
    return svg.document(
        "".join(body), width=width, height=BOTTOM + 98, figure_id=figure_id, title=title,
        description=described,
    )  # fmt: skip


def _y(share: float, *, top: float) -> float:
    return BOTTOM - min(max(share, 0.0), top) / top * (BOTTOM - TOP)


def _highest(box: TukeyBox) -> float:
    return max([box.high_whisker, *box.outliers[-1:]]) if box.n else 0.0


def _box(box: TukeyBox, *, x: float, band: float, top: float) -> str:
    body = svg.text(svg.fitted(box.group, width=band - 6), x=x, y=BOTTOM + 20, anchor="middle", weight=600)
    body += svg.text(f"{grouped(box.n)} maps", x=x, y=BOTTOM + 37, anchor="middle", size=12,
                     fill=svg.SOFT_INK)  # fmt: skip
    if not box.n:
        return svg.group(body, tooltip=_words(box))
    half = min(band * 0.3, 26.0)
    first, median, third, low, high = (
        _y(share, top=top)
        for share in (box.first_quartile, box.median, box.third_quartile, box.low_whisker, box.high_whisker)
    )
    body += svg.line(x1=x, y1=low, x2=x, y2=first, stroke=INK)
    body += svg.line(x1=x, y1=third, x2=x, y2=high, stroke=INK)
    for end in (low, high):
        body += svg.line(x1=x - half / 2, y1=end, x2=x + half / 2, y2=end, stroke=INK)
    body += svg.rectangle(x=x - half, y=third, width=2 * half, height=first - third, fill=FILL, edge=INK)
    body += svg.line(x1=x - half, y1=median, x2=x + half, y2=median, stroke=INK, width=2)
    step = -(-len(box.outliers) // MOST_OUTLIERS) or 1
    for share in box.outliers[::step]:
        body += svg.circle(x=x, y=_y(share, top=top), radius=2.2, fill=INK, opacity=0.4)
    return svg.group(body, tooltip=_words(box))


def _words(box: TukeyBox) -> str:
    if not box.n:
        return f"{box.group}: undefined ({box.reason})"
    return (
        f"{box.group}: median {box.median:.1%},"
        f" quartiles {box.first_quartile:.1%} to {box.third_quartile:.1%},"
        f" whiskers {box.low_whisker:.1%} to {box.high_whisker:.1%},"
        f" {len(box.outliers)} outliers, {box.n} maps"
    )
