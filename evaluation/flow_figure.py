"""The flow of items, raters and answers through the filters, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evaluation import svg
from evaluation.number_words import counted, grouped

STEP_FILL, LOST_FILL = "#93bfdc", "#e59a78"
ROW: Final = 34


@dataclass(frozen=True, kw_only=True)
class FlowRow:
    """What was there after a step, and what the step took."""

    name: str
    items: int
    raters: int
    answers: int
    items_lost: int
    raters_lost: int
    answers_lost: int


def flow_figure(
    rows: Sequence[FlowRow],
    *,
    raters_known: bool = True,
    figure_id: str = "flow",
    title: str = "What was kept",
) -> str:
    """SVG: a bar per step for items, raters and answers, as shares of what there was at first."""
    kinds = ("items", "raters", "answers") if raters_known else ("items", "answers")
    label = min(max([svg.text_width(row.name) for row in rows] + [80]) + 24, 300)
    panel, gap, top = 170.0, 74.0, 76.0
    width = label + len(kinds) * (panel + gap) + 8
    body = svg.text(title, x=16, y=28, size=16, weight=600)
    for place, kind in enumerate(kinds):
        body += svg.text(kind, x=label + place * (panel + gap), y=58, weight=600)
    for row_place, row in enumerate(rows):
        y = top + row_place * ROW
        body += svg.text(svg.fitted(row.name, width=label - 22), x=16, y=y + 14)
        for place, kind in enumerate(kinds):
            body += _flow_bar(
                x=label + place * (panel + gap), y=y, panel=panel, first=getattr(rows[0], kind),
                now=getattr(row, kind), lost=getattr(row, f"{kind}_lost"), kind=kind,
            )  # fmt: skip
    described = "; ".join(
        f"{row.name}: " + ", ".join(counted(getattr(row, kind), kind.removesuffix("s")) for kind in kinds)
        for row in rows
    )
    return svg.document(
        body,
        width=width,
        height=top + ROW * len(rows) + 14,
        figure_id=figure_id,
        title=title,
        description=described,
    )


def _flow_bar(*, x: float, y: float, panel: float, first: int, now: int, lost: int, kind: str) -> str:
    unit = panel / max(first, 1)
    body = svg.rectangle(x=x, y=y, width=now * unit, height=20, fill=STEP_FILL)
    if lost:
        body += svg.rectangle(x=x + now * unit, y=y, width=lost * unit, height=20, fill=LOST_FILL)
    words = grouped(now) + (f" (−{grouped(lost)})" if lost else "")
    body += svg.text(words, x=x + 6, y=y + 14, size=12)
    return svg.group(body, tooltip=f"{now} {kind} left, {lost} lost")
