"""A report in the words and figures of a page. Rounding happens here and nowhere before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from django.utils.safestring import SafeString, mark_safe

from annotation.choices import RaterOutcome
from common.csv_stream import unguard
from evaluation import campaign_columns, figure_set, figures, quality_pages
from evaluation.comparisons import MOST_GROUPS, Comparison
from evaluation.figure_set import Figure
from evaluation.flow_lines import FlowLine, flow_lines
from evaluation.forest_figure import mark
from evaluation.metrics.intervals import Interval
from evaluation.metrics.methods import method_card
from evaluation.metrics.opinion import ALL_GROUPS, GroupOpinion
from evaluation.metrics.responses import ResponseShares
from evaluation.number_words import digits_of, end_of_scale, grouped
from evaluation.page_words import (
    DROP_RULES,
    ITEM_SCORES,
    SHARE_WORDS,
    ZERO_WIDTH_WORDS,
    bounds,
    drop_words,
    level,
    number,
    p_value,
    percent,
    with_bounds,
    words_of_test,
)
from evaluation.reports import Report, Section
from evaluation.settings import preset_of

MOST_RATERS_SHOWN: Final = 200
MOST_GROUPS_SHOWN: Final = 300
G = TypeVar("G")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval, or the reason why there is none; undefined is an empty text."""

    value: str
    interval: str
    reason: str
    flag: str = ""


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
    n_raters: int | None


@dataclass(frozen=True, kw_only=True)
class ResponseRow:
    """One line of the response table; shares in percent, empty without answers."""

    label: str
    shares: tuple[str, ...]
    n_answers: int


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """One pair of groups."""

    first: str
    second: str
    difference: Estimate
    p_value: str
    p_holm: str
    mark: str
    test: str


@dataclass(frozen=True, kw_only=True)
class RaterRow:
    """One line of the raters' table. checks, visit: empty where the study knows nothing of them."""

    rater: str
    simulated: bool
    visit: str
    verdict: str
    reason: str
    checks: str
    n_answers: int
    share: str
    correlation: str
    bias: str
    inconsistency: str
    median_seconds: str
    longest_run: str


@dataclass(frozen=True, kw_only=True)
class SectionPage:
    """One grouping: tables and drawings. comparisons_note: why there are none, else empty.

    n_hidden: groups that the tables leave to the files, for there are many.
    """

    label: str
    name: str
    groups: tuple[GroupRow, ...]
    responses: tuple[ResponseRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    comparisons_note: str
    mos: SafeString
    answers: SafeString
    forest: SafeString
    n_hidden: int


@dataclass(frozen=True, kw_only=True)
class ResultsPage:
    """Everything that the templates print. A figure is empty where there is nothing to draw.

    cut_at_scale: whether an interval of a score goes on past the scale and is shown cut.
    """

    report: Report
    overall: GroupRow
    sections: tuple[SectionPage, ...]
    options: tuple[str, ...]
    all_responses: ResponseRow | None
    cut_at_scale: bool
    sos: SafeString
    sos_parameter: str
    raters_drawn: SafeString
    flow_drawn: SafeString
    flow_start: FlowLine
    flow: tuple[FlowLine, ...]
    raters: tuple[RaterRow, ...]
    raters_hidden: int
    raters_failed: int
    raters_excluded: int
    raters_simulated: int
    agreement: tuple[quality_pages.AgreementRow, ...]
    rules: tuple[quality_pages.RuleRow, ...]
    systems: tuple[quality_pages.SystemsRow, ...]
    kept_by_rule: tuple[tuple[str, int], ...]
    max_share: str
    effective_raters: str
    alpha: Estimate
    scale: str
    fair: str
    fair_from: str
    confidence: str
    score_confidence: str
    preset: str
    share_words: str
    zero_width_words: str
    resamples: bool
    interval_words: str
    interval_scope: str
    drop_rule_words: str
    item_score_words: str


def results_page(report: Report, *, figures: Mapping[str, Figure] | None = None) -> ResultsPage:
    """The page of a report. figures: the report's by name, where they are drawn already."""
    drawn = figure_set.figures_by_name(report) if figures is None else figures
    protocol = report.settings.protocol
    verdicts = _cells(report, "verdict")
    low, high = report.study.table.scale
    lines = flow_lines(report)
    has_words = report.study.groupings[0].name == "part_of_speech"
    return ResultsPage(
        report=report,
        overall=_group(report.overall, label="all words" if has_words else "All items",
        scale=(low, high)),
        sections=tuple(_section(report, section, drawn=drawn) for section in report.sections),
        options=tuple(figure_set.option_words(report)[option.code] for option in report.study.options),
        all_responses=_responses(report.responses, label="all") if report.responses else None,
        cut_at_scale=any(
            group.mos.passes((low, high)) for group in (*(g for s in report.sections for g in s.groups),
            report.overall)
        ),
        sos=_drawing(drawn, "sos"),
        sos_parameter=number(report.sos.a.estimate, digits=3),
        raters_drawn=_drawing(drawn, "raters"),
        flow_drawn=_drawing(drawn, "flow"),
        flow_start=lines[0],
        flow=lines[1:],
        raters=_raters(report),
        raters_hidden=max(0, report.study.table.n_raters - MOST_RATERS_SHOWN),
        raters_failed=verdicts.count(campaign_columns.FAILED),
        raters_excluded=verdicts.count(campaign_columns.EXCLUDED),
        raters_simulated=_cells(report, "simulated").count("1"),
        agreement=quality_pages.agreement_rows(report.agreement),
        rules=quality_pages.rule_rows(report),
        systems=quality_pages.systems_rows(report),
        kept_by_rule=tuple((DROP_RULES[rule], n) for rule, n in report.opinion.kept_by_rule.items()),
        max_share=percent(report.shares.max_share),
        effective_raters=number(report.shares.effective_raters, digits=1),
        alpha=_estimate(report.alpha, scale=(1.0, 5.0)),
        scale=f"{end_of_scale(low)} to {end_of_scale(high)}",
        fair=figure_set.fair_words(report),
        fair_from=end_of_scale(protocol.fair_from),
        confidence=level(protocol.confidence),
        score_confidence=level(report.overall.mos.confidence),
        preset=preset_of(protocol),
        share_words=SHARE_WORDS[protocol.share_interval],
        zero_width_words=ZERO_WIDTH_WORDS[protocol.zero_width],
        resamples=method_card(report.headline_interval).resamples,
        interval_words=method_card(report.headline_interval).title,
        interval_scope=_scope(report),
        drop_rule_words=drop_words(protocol.drop_rule),
        item_score_words=ITEM_SCORES[protocol.item_score],
    )  # fmt: skip


def _scope(report: Report) -> str:
    """What the headline interval speaks for."""
    card = method_card(report.headline_interval)
    if card.raters and card.items:
        return "it speaks for new items and for new raters"
    return (
        "it speaks for new items with these raters only"
        if card.items
        else "it takes every rating as independent"
    )


def _section(report: Report, section: Section, *, drawn: Mapping[str, Figure]) -> SectionPage:
    name = figure_set.slug(report, section)
    note = ""
    n_groups = len(section.groups)
    if not section.comparisons and n_groups > MOST_GROUPS:
        note = f"Not compared: {grouped(n_groups)} groups are more than {MOST_GROUPS}. Filter first."
    return SectionPage(
        label=section.grouping.label,
        name=name,
        groups=_by_score(section, scale=report.study.table.scale),
        responses=tuple(
            _responses(shares, label=section.label(shares.group))
            for shares in _largest(section.responses, size=lambda shares: shares.n_answers)
        ),
        comparisons=tuple(
            _comparison(found, section=section, scale=report.study.table.scale)
            for found in section.comparisons
        ),
        comparisons_note=note,
        mos=_drawing(drawn, f"mos_{name}"),
        answers=_drawing(drawn, f"responses_{name}"),
        forest=_drawing(drawn, f"comparisons_{name}"),
        n_hidden=max(0, n_groups - MOST_GROUPS_SHOWN),
    )


def _by_score(section: Section, *, scale: tuple[float, float]) -> tuple[GroupRow, ...]:
    """In the order of the figure: highest score first, groups of few items after the others."""
    order = {bar.label: place for place, bar in enumerate(figures.opinion_bars(section.groups))}
    largest = _largest(section.groups, size=lambda group: group.n_items)
    ordered = sorted(largest, key=lambda group: order.get(group.group or "(no group)", len(order)))
    return tuple(_group(group, label=section.label(group.group), scale=scale) for group in ordered)


def _largest(groups: Sequence[G], *, size: Callable[[G], int]) -> list[G]:
    """Those that a page shows, in their order."""
    kept = sorted(range(len(groups)), key=lambda place: -size(groups[place]))[:MOST_GROUPS_SHOWN]
    return [groups[place] for place in sorted(kept)]


def _group(group: GroupOpinion, *, label: str, scale: tuple[float, float]) -> GroupRow:
    return GroupRow(
        label=label or "(no group)",
        few_items=group.below_min_items and group.group != ALL_GROUPS,
        score=_estimate(group.mos.within(scale), scale=scale),
        t_items=_estimate(group.ci_t_items.within(scale), scale=scale),
        fair=_share(group.fair_share),
        n_items=group.n_items,
        n_dropped=group.n_dropped,
        n_without_score=group.n_without_score,
        n_ratings=group.n_ratings,
        n_raters=group.n_raters,
    )


def _comparison(found: Comparison, *, section: Section, scale: tuple[float, float]) -> ComparisonRow:
    return ComparisonRow(
        first=section.label(found.first),
        second=section.label(found.second),
        difference=_estimate(found.test.effect, scale=scale),
        p_value=p_value(found.test.p_value),
        p_holm=p_value(found.p_holm),
        mark=mark(found.p_holm),
        test=words_of_test(found.test.method, n_shared=found.n_shared, n_left_out=found.n_left_out),
    )


def _estimate(interval: Interval, *, scale: tuple[float, float]) -> Estimate:
    digits = digits_of(scale, interval)
    return Estimate(
        value=number(interval.estimate, digits=digits),
        interval=bounds(interval, digits=digits),
        reason=interval.reason,
        flag=interval.flag,
    )


def _share(interval: Interval) -> Estimate:
    bounds = f"{percent(interval.low)} to {percent(interval.high)}" if interval.is_defined else ""
    return Estimate(value=percent(interval.estimate), interval=bounds, reason=interval.reason)


def _responses(shares: ResponseShares, *, label: str) -> ResponseRow:
    return ResponseRow(
        label=label,
        shares=tuple(percent(share) for share in shares.shares),
        n_answers=shares.n_answers,
    )


def _raters(report: Report) -> tuple[RaterRow, ...]:
    """The raters in the listing's order; of many, those with most answers."""
    if not report.study.raters_known:
        return ()
    counts = np.bincount(report.study.table.rater_index, minlength=report.study.table.n_raters)
    shown = np.sort(np.argsort(-counts, kind="stable")[:MOST_RATERS_SHOWN])
    columns = {column.name: column.cells for column in report.study.raters.columns}
    return tuple(_rater(report, int(line), columns=columns) for line in shown)


def _rater(report: Report, line: int, *, columns: dict[str, Sequence[str]]) -> RaterRow:
    def cell(name: str) -> str:
        return unguard(columns[name][line]) if name in columns else ""

    screen, digits = report.screens[line], digits_of(report.study.table.scale)
    outcome = cell("outcome")
    visit = str(RaterOutcome(outcome).label) if outcome else "Still here or gone"
    return RaterRow(
        rater=cell("rater"),
        simulated=cell("simulated") == "1",
        visit=visit if "outcome" in columns else "",
        verdict=cell("verdict") or campaign_columns.KEPT,
        reason=cell("exclusion_reason"),
        checks=f"{cell('checks_wrong')} of {cell('checks_answered')}" if "checks_wrong" in columns else "",
        n_answers=screen.n_answers if screen else 0,
        share=percent(screen.share_of_answers) if screen else "",
        correlation=number(screen.leave_one_out_correlation, digits=2) if screen else "",
        bias=with_bounds(
            report.biases.bias, report.biases.bias_low, report.biases.bias_high, line=line, digits=digits
        ),
        inconsistency=number(float(report.biases.inconsistency[line]), digits=digits),
        median_seconds=number(screen.median_seconds, digits=1) if screen else "",
        longest_run=str(screen.longest_run) if screen else "",
    )


def _cells(report: Report, name: str) -> list[str]:
    try:
        return report.study.raters.column(name)
    except KeyError:
        return []


def _drawing(drawn: Mapping[str, Figure], name: str) -> SafeString:
    """The figures escape every text that goes into them (evaluation.svg.clean)."""
    return mark_safe(drawn[name].svg) if name in drawn else SafeString()  # noqa: S308
