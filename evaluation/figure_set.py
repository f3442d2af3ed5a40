"""The figures of a report: which ones its data allow, each with its numbers.

mos_<grouping>          mean opinion scores with intervals, shares of fair and better beneath
responses_<grouping>    all answers by option
comparisons_<grouping>  differences between groups with Holm's marks
sos                     spread of an item's scores by their mean
raters                  bias and inconsistency of raters
flow                    items, raters and answers through the filters
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from common.csv_stream import Cell, cell_text, raw_lines
from evaluation import figures
from evaluation.flow_figure import FlowRow, flow_figure
from evaluation.forest_figure import ForestRow, forest_figure
from evaluation.metrics.counting import distinct
from evaluation.metrics.tables import FlowStep
from evaluation.number_words import end_of_scale, grouped
from evaluation.reports import Report, Section
from evaluation.scatter_figures import RaterPoint, SpreadPoint, raters_figure, sos_figure

MOST_BARS: Final = 40
LONGEST_SLUG: Final = 80
MOST_FOREST_ROWS: Final = 60
FEWEST_COMPARED: Final = 3
# Means and spreads that differ by less are one point of the figure; decimals on a scale of 4 to 40 points.
POINT_DIGITS: Final = 6
FAIR_WORDS: Final = "fair to excellent"
# The filters' names for readers; provenance.json keeps the analysis's own.
OF_OPT_OUTS: Final = frozenset({"drop rule", "keep scores"})
STEPS: Final = {
    "set attention checks aside": "Attention checks set aside",
    "filter": "Filtered by group",
    "exclude raters": "Raters left out",
    "drop rule": "Items dropped as too abstract",
    "keep scores": "Answers with a score",
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: name (of its files), title, the drawing, and its numbers as a table with a header."""

    name: str
    title: str
    svg: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def csv(self) -> Iterator[str]:
        """The numbers as CSV."""
        return raw_lines((tuple(cell_text(cell) for cell in row) for row in self.rows), header=self.header)


def figures_of(report: Report) -> tuple[Figure, ...]:
    """All figures that the report's data allow, in reading order."""
    found: list[Figure] = []
    if report.item_counts.kept:
        found += [mos_figure(report, section) for section in report.sections]
    if report.responses is not None and report.responses.n_answers:
        found += [responses_figure(report, section) for section in report.sections]
    found += [
        comparisons_figure(report, section) for section in report.sections if len(section.comparisons) > 0
    ]
    if points := spread_points(report):
        found.append(_sos(report, points))
    if report.study.raters_known and (raters := rater_points(report)):
        found.append(_raters(raters, scale=report.study.table.scale))
    if report.n_answers:
        found.append(flow_of(report))
    return tuple(found)


def figures_by_name(report: Report) -> dict[str, Figure]:
    """As `figures_of`, by their names."""
    return {figure.name: figure for figure in figures_of(report)}


def fair_words(report: Report) -> str:
    """What a fair answer is: in the words that a campaign's raters read, or by the lowest such score."""
    low, high = report.study.table.scale
    fair_from = report.settings.protocol.fair_from
    if report.study.is_campaign and (low, high, fair_from) == (1.0, 5.0, 3.0):
        return FAIR_WORDS
    return f"{end_of_scale(fair_from)} or more"


def mos_figure(report: Report, section: Section) -> Figure:
    """Mean opinion scores by group, the groups with most items where there are many."""
    bars = figures.opinion_bars(section.groups)
    shown = set(map(id, sorted(bars, key=lambda bar: -bar.n_items)[:MOST_BARS]))
    named = [
        replace(
            bar,
            label=section.label("" if bar.label == figures.NO_GROUP else bar.label),
            n_raters=bar.n_raters if report.study.raters_known else None,
        )
        for bar in bars
        if id(bar) in shown
    ]
    title = f"Mean opinion score by {section.grouping.label}{of_model(report)}{_of_many(named, bars)}"
    return Figure(
        name=f"mos_{slug(report, section)}",
        title=title,
        svg=figures.opinion_figure(
            named,
            figure_id=f"mos-{place_of(report, section)}",
            title=title,
            scale=report.study.table.scale,
            share_title=fair_words(report),
            step_words=figures.SCALE_WORDS if report.study.is_campaign else (),
        ),
        header=("group", "mos", "mos_low", "mos_high", "mos_method", "mos_confidence",
        "fair_share", "fair_share_low", "fair_share_high", "n_items", "n_raters", "few_items"),
        rows=tuple(
            (bar.label, bar.score.estimate, bar.score.low, bar.score.high, str(bar.score.method),
            bar.score.confidence, bar.fair.estimate, bar.fair.low, bar.fair.high, bar.n_items,
            bar.n_raters if report.study.raters_known else None, bar.few_items)
            for bar in bars
        ),
    )  # fmt: skip


def responses_figure(report: Report, section: Section) -> Figure:
    """All answers by option and group, the groups with most answers where there are many."""
    bars = figures.response_bars(section.responses)
    shown = set(map(id, sorted(bars, key=lambda bar: -bar.n_answers)[:MOST_BARS]))
    named = [
        replace(bar, label=section.label("" if bar.label == figures.NO_GROUP else bar.label))
        for bar in bars
        if id(bar) in shown
    ]
    title = f"Answers by {section.grouping.label}{of_model(report)}{_of_many(named, bars)}"
    options = tuple(option.code for option in report.study.options)
    return Figure(
        name=f"responses_{slug(report, section)}",
        title=title,
        svg=figures.response_figure(
            named,
            options=options,
            words=option_words(report),
            figure_id=f"responses-{place_of(report, section)}",
            title=title,
        ),
        header=("group", *options, "n_answers"),
        rows=tuple((bar.label, *bar.shares, bar.n_answers) for bar in bars),
    )


def _of_many(shown: Sequence[object], groups: Sequence[object]) -> str:
    """How many of the groups a figure draws, where it leaves some to its numbers."""
    if len(shown) == len(groups):
        return ""
    return f" (the {len(shown)} largest of {grouped(len(groups))} groups)"


def option_words(report: Report) -> dict[str, str]:
    """The options in words: those that a campaign's raters read, in short, others as the study has them."""
    words = {option.code: option.label for option in report.study.options}
    return words | (figures.OPTION_WORDS if report.study.is_campaign else {})


def comparisons_figure(report: Report, section: Section) -> Figure:
    """Differences between the groups, those of the smallest p-values where there are many."""
    rows = sorted(section.comparisons, key=lambda c: math.inf if math.isnan(c.p_holm) else c.p_holm)
    shown = set(map(id, rows[:MOST_FOREST_ROWS]))
    drawn = [
        ForestRow(
            first=section.label(c.first),
            second=section.label(c.second),
            difference=c.test.effect,
            p_holm=c.p_holm,
            paired=c.is_paired,
        )
        for c in section.comparisons
        if id(c) in shown
    ]
    title = f"Differences by {section.grouping.label}{of_model(report)}"
    if len(drawn) < len(rows):
        title += f" (the {len(drawn)} clearest of {len(rows)})"
    return Figure(
        name=f"comparisons_{slug(report, section)}",
        title=title,
        svg=forest_figure(
            drawn, figure_id=f"comparisons-{place_of(report, section)}", title=title,
            scale=report.study.table.scale,
        ),
        header=("first", "second", "difference", "difference_low", "difference_high", "method", "p_value",
        "p_holm"),
        rows=tuple(
            (c.first, c.second, c.test.effect.estimate, c.test.effect.low, c.test.effect.high, c.test.method,
            c.test.p_value, c.p_holm)
            for c in section.comparisons
        ),
    )  # fmt: skip


def spread_points(report: Report) -> list[SpreadPoint]:
    """Kept items with two scores or more, those of equal mean and standard deviation together."""
    mean, spread = report.opinion.items.mean, report.item_spread
    known = ~np.isnan(spread)
    low, high = report.study.table.scale
    digits = POINT_DIGITS - math.floor(math.log10((high - low) / 4))
    means, of_mean = distinct(np.round(mean[known], digits))
    spreads, of_spread = distinct(np.round(spread[known], digits))
    pairs, counts = np.unique(of_mean * max(spreads.size, 1) + of_spread, return_counts=True)
    return [
        SpreadPoint(
            mean=float(means[pair // spreads.size]),
            standard_deviation=float(spreads[pair % spreads.size]),
            n_items=n,
        )
        for pair, n in zip(pairs.tolist(), counts.tolist(), strict=True)
    ]


def rater_points(report: Report) -> list[RaterPoint]:
    """Every rater with at least three items that others scored too."""
    biases = report.biases
    out = np.zeros(report.study.table.n_raters, dtype=bool)
    for exclusion in report.study.exclusions:
        out |= exclusion.raters
    return [
        RaterPoint(
            rater=report.study.table.rater_ids[r],
            bias=float(biases.bias[r]),
            inconsistency=float(biases.inconsistency[r]),
            n_compared=int(biases.n[r]),
            kept=not out[r],
        )
        for r in np.flatnonzero(biases.n >= FEWEST_COMPARED)
    ]


def flow_rows(report: Report) -> list[FlowRow]:
    """The flow with its start as the first row; names in words."""
    first = report.flow[0]
    start = FlowRow(
        name="All answers", items=first.items_before, raters=first.raters_before,
        answers=first.answers_before, items_lost=0, raters_lost=0, answers_lost=0,
    )  # fmt: skip
    return [
        start,
        *(
            FlowRow(
                name=step_words(step),
                items=step.items_after,
                raters=step.raters_after,
                answers=step.answers_after,
                items_lost=step.items_before - step.items_after,
                raters_lost=step.raters_before - step.raters_after,
                answers_lost=step.answers_before - step.answers_after,
            )
            for step in told_steps(report)
        ),
    ]


def told_steps(report: Report) -> list[FlowStep]:
    """The steps of the flow that can take anything: those about opt-outs only where there can be some."""
    return [step for step in report.flow if report.study.has_opt_outs or step.name not in OF_OPT_OUTS]


def step_words(step: FlowStep) -> str:
    """A filter in a few words; a filter by group and an exclusion with what they take."""
    words = STEPS.get(step.name, step.name)
    return f"{words}: {step.detail}" if step.name in ("filter", "exclude raters") else words


def flow_of(report: Report) -> Figure:
    """The flow of items, raters and answers."""
    rows = flow_rows(report)
    return Figure(
        name="flow",
        title="What was kept",
        svg=flow_figure(rows, raters_known=report.study.raters_known),
        header=("step", "items", "raters", "answers"),
        rows=tuple(
            (row.name, row.items, row.raters if report.study.raters_known else None, row.answers)
            for row in rows
        ),
    )


def of_model(report: Report) -> str:
    """Whose numbers a figure shows: nobody is to take one model's scores for another's."""
    return f", model {report.study.facts['campaign']['model_id']}" if report.study.is_campaign else ""


def place_of(report: Report, section: Section) -> int:
    """Number of a grouping, for ids on a page."""
    return [s.grouping.name for s in report.sections].index(section.grouping.name)


def slug(report: Report, section: Section) -> str:
    """The grouping's name as part of a file's name; numbered where two would be the same."""
    return _slugs([s.grouping.name for s in report.sections])[place_of(report, section)]


def _slugs(names: Sequence[str]) -> list[str]:
    """A part of a file's name for each, no two of them alike where upper case is lower case."""
    plain = [re.sub(r"[^\w.-]+", "_", n[:LONGEST_SLUG], flags=re.ASCII).strip("._") for n in names]
    times = Counter(name.lower() for name in plain)
    taken = {name for name, n in times.items() if name and n == 1}
    found = []
    for number, name in enumerate(plain, start=1):
        if name.lower() not in taken or times[name.lower()] > 1:
            name = f"{name}{number}"
            while name.lower() in taken:
                name += "_"
            taken.add(name.lower())
        found.append(name)
    return found


def _sos(report: Report, points: Sequence[SpreadPoint]) -> Figure:
    fit = report.sos.a.estimate
    return Figure(
        name="sos",
        title="Spread of scores by mean score",
        svg=sos_figure(points, scale=report.study.table.scale, fit=fit),
        header=("mean", "standard_deviation", "n_items", "fitted_a"),
        rows=tuple((p.mean, p.standard_deviation, p.n_items, fit) for p in points),
    )


def _raters(points: Sequence[RaterPoint], *, scale: tuple[float, float]) -> Figure:
    return Figure(
        name="raters",
        title="Raters: bias and inconsistency",
        svg=raters_figure(points, scale=scale),
        header=("rater", "bias", "inconsistency", "n_compared", "kept"),
        rows=tuple((p.rater, p.bias, p.inconsistency, p.n_compared, p.kept) for p in points),
    )
