"""A report in the words and figures of the results page. Rounding happens here and nowhere before."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.utils.safestring import SafeString, mark_safe

from evaluation import figures
from evaluation.loading import ended
from evaluation.metrics.intervals import Interval
from evaluation.metrics.opinion import ALL_GROUPS, GroupOpinion
from evaluation.metrics.responses import ResponseShares
from evaluation.reports import RaterLine, Report
from generation.choices import PartOfSpeech

# The filters in order, in words for readers; provenance.json keeps the analysis's own names.
STEPS: Final = (
    ("Attention checks set aside", "they judge raters, not maps"),
    ("Raters who failed the checks left out", "more wrong than the campaign allows"),
    ("Raters left out by hand", "excluded by a researcher"),
    ("Items dropped as too abstract", "when any rater chose “word too abstract”"),
    ("Answers with a score", "“image itself is poor” is no number"),
)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval, or the reason why there is none; undefined is an empty text."""

    value: str
    interval: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """One line of the opinion table."""

    label: str
    few_items: bool
    score: Estimate
    t_items: Estimate
    fair: Estimate
    n_items: int
    n_dropped: int
    n_without_score: int
    n_ratings: int
    n_raters: int


@dataclass(frozen=True, kw_only=True)
class ResponseRow:
    """One line of the response table; shares in percent, empty without answers."""

    label: str
    shares: tuple[str, ...]
    n_answers: int


@dataclass(frozen=True, kw_only=True)
class FlowRow:
    """One filter and what it left."""

    name: str
    detail: str
    items: int
    items_lost: int
    raters: int
    raters_lost: int
    answers: int
    answers_lost: int


@dataclass(frozen=True, kw_only=True)
class RaterRow:
    """One line of the raters' table."""

    rater: str
    simulated: bool
    visit: str
    verdict: str
    reason: str
    checks_served: int
    checks_wrong: int
    n_answers: int
    share: str
    correlation: str
    median_seconds: str
    longest_run: str


@dataclass(frozen=True, kw_only=True)
class ResultsPage:
    """Everything that the template prints. A figure is empty where there is nothing to draw."""

    report: Report
    overall: GroupRow
    groups: tuple[GroupRow, ...]
    opinion_svg: SafeString
    options: tuple[str, ...]
    responses: tuple[ResponseRow, ...]
    response_svg: SafeString
    flow_start: FlowRow
    flow: tuple[FlowRow, ...]
    raters: tuple[RaterRow, ...]
    raters_kept: int
    max_share: str
    effective_raters: str
    confidence: str


def results_page(report: Report) -> ResultsPage:
    """The page of a report."""
    kept = sum(line.rater.standing.counts and line.screen is not None for line in report.raters)
    return ResultsPage(
        report=report,
        overall=_group(report.opinion.overall),
        groups=_by_score(report.opinion.groups),
        opinion_svg=_safe(opinion_svg(report)) if report.item_counts.kept else SafeString(),
        options=tuple(figures.OPTION_WORDS[option] for option in report.responses_overall.options),
        responses=tuple(_responses(shares) for shares in (*report.responses, report.responses_overall)),
        response_svg=_safe(response_svg(report)) if report.responses_overall.n_answers else SafeString(),
        flow_start=_start(report),
        flow=_flow(report),
        raters=tuple(_rater(line) for line in report.raters),
        raters_kept=kept,
        max_share=_percent(report.shares.max_share),
        effective_raters=_number(report.shares.effective_raters, digits=1),
        confidence=f"{report.protocol.confidence:.0%}".replace("%", " %"),
    )


def opinion_svg(report: Report) -> str:
    """The figure of mean opinion scores, parts of speech in words."""
    bars = figures.opinion_bars(report.opinion.groups)
    named = [replace(bar, label=label(bar.label)) for bar in bars]
    title = f"Mean opinion score by part of speech, model {report.campaign.model_id}"
    return figures.opinion_figure(named, title=title)


def response_svg(report: Report) -> str:
    """The figure of all answers by option, parts of speech in words."""
    bars = [replace(bar, label=label(bar.label)) for bar in figures.response_bars(report.responses)]
    title = f"Answers by part of speech, model {report.campaign.model_id}"
    return figures.response_figure(bars, options=report.responses_overall.options, title=title)


def label(tag: str) -> str:
    """A part of speech in words."""
    if tag == ALL_GROUPS:
        return "all words"
    return str(PartOfSpeech(tag).label)


def _by_score(groups: Sequence[GroupOpinion]) -> tuple[GroupRow, ...]:
    """In the order of the figure: highest score first, groups of few items after the others."""
    places = {bar.label: place for place, bar in enumerate(figures.opinion_bars(groups))}
    ordered = sorted(groups, key=lambda group: places.get(group.group, len(places)))
    return tuple(_group(group) for group in ordered)


def _group(group: GroupOpinion) -> GroupRow:
    return GroupRow(
        label=label(group.group),
        few_items=group.below_min_items,
        score=_estimate(group.mos),
        t_items=_estimate(group.ci_t_items),
        fair=_share(group.fair_share),
        n_items=group.n_items,
        n_dropped=group.n_dropped,
        n_without_score=group.n_without_score,
        n_ratings=group.n_ratings,
        n_raters=group.n_raters,
    )


def _estimate(interval: Interval) -> Estimate:
    bounds = f"{interval.low:.2f} to {interval.high:.2f}" if interval.is_defined else ""
    return Estimate(value=_number(interval.estimate, digits=2), interval=bounds, reason=interval.reason)


def _share(interval: Interval) -> Estimate:
    bounds = f"{_percent(interval.low)} to {_percent(interval.high)}" if interval.is_defined else ""
    return Estimate(value=_percent(interval.estimate), interval=bounds, reason=interval.reason)


def _responses(shares: ResponseShares) -> ResponseRow:
    return ResponseRow(
        label=label(shares.group),
        shares=tuple(_percent(share) for share in shares.shares),
        n_answers=shares.n_answers,
    )


def _start(report: Report) -> FlowRow:
    first = report.flow[0]
    return FlowRow(
        name="All answers", detail="", items=first.items_before, items_lost=0, raters=first.raters_before,
        raters_lost=0, answers=first.answers_before, answers_lost=0,
    )  # fmt: skip


def _flow(report: Report) -> tuple[FlowRow, ...]:
    return tuple(
        FlowRow(
            name=name,
            detail=detail,
            items=step.items_after,
            items_lost=step.items_before - step.items_after,
            raters=step.raters_after,
            raters_lost=step.raters_before - step.raters_after,
            answers=step.answers_after,
            answers_lost=step.answers_before - step.answers_after,
        )
        for (name, detail), step in zip(STEPS, report.flow, strict=True)
    )


def _rater(line: RaterLine) -> RaterRow:
    rater, screen = line.rater, line.screen
    return RaterRow(
        rater=rater.rater,
        simulated=rater.simulated,
        visit=ended(rater),
        verdict=line.verdict,
        reason=rater.exclusion_reason,
        checks_served=rater.standing.checks.served,
        checks_wrong=rater.standing.checks.wrong,
        n_answers=screen.n_answers if screen else 0,
        share=_percent(screen.share_of_answers) if screen else "",
        correlation=_number(screen.leave_one_out_correlation, digits=2) if screen else "",
        median_seconds=_number(screen.median_seconds, digits=1) if screen else "",
        longest_run=str(screen.longest_run) if screen else "",
    )


def _number(value: float, *, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.0f} %"


def _safe(drawn: str) -> SafeString:
    """The figures escape every text that goes into them (evaluation.svg.clean)."""
    return mark_safe(drawn)  # noqa: S308
