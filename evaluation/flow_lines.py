"""The flow of items, raters and answers in the words of a page."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation import figure_set
from evaluation.metrics.tables import FlowStep
from evaluation.page_words import DETAILS
from evaluation.reports import Report


@dataclass(frozen=True, kw_only=True)
class FlowLine:
    """One filter and what it left."""

    name: str
    detail: str
    items: int
    items_lost: int
    raters: int
    raters_lost: int
    answers: int
    answers_lost: int


def flow_lines(report: Report) -> tuple[FlowLine, ...]:
    """All answers, and what each filter left of them."""
    first = report.flow[0]
    start = FlowLine(
        name="All answers", detail="", items=first.items_before, items_lost=0, raters=first.raters_before,
        raters_lost=0, answers=first.answers_before, answers_lost=0,
    )  # fmt: skip
    return (start, *(_flow_line(step) for step in figure_set.told_steps(report)))


def _flow_line(step: FlowStep) -> FlowLine:
    return FlowLine(
        name=figure_set.STEPS.get(step.name, step.name),
        detail=DETAILS.get(step.detail, step.detail),
        items=step.items_after,
        items_lost=step.items_before - step.items_after,
        raters=step.raters_after,
        raters_lost=step.raters_before - step.raters_after,
        answers=step.answers_after,
        answers_lost=step.answers_before - step.answers_after,
    )
