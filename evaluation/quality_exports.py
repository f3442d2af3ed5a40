"""agreement.csv, rater_rules.csv, system_comparisons.csv: what a report says besides its scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from common.csv_stream import Column, lines
from evaluation.agreement import Agreement
from evaluation.metrics.system_comparison import GroupComparison
from evaluation.rater_rules import RaterRule
from evaluation.reports import Report
from evaluation.systems_within import SystemsWithin


def _of(path: str, name: str, meaning: str) -> Column[Any]:
    return Column(name, meaning, attrgetter(path))


AGREEMENT: Final[tuple[Column[Agreement], ...]] = (
    _of("measure", "measure", "Name of the measure; the first is the headline."),
    _of("value.estimate", "estimate", "Its value: 1 is agreement, 0 as by chance. Empty if not defined."),
    _of("value.low", "low", "Lower bound of its interval."),
    _of("value.high", "high", "Upper bound of its interval."),
    _of("value.confidence", "confidence", "Confidence of these bounds."),
    _of("value.method", "method", "Name of the method of the measure and its interval."),
    _of("value.reason", "undefined_because", "Why there is no value or no interval; else empty."),
    _of("n_items", "n_items", "Items that it rests on."),
    _of("n_ratings", "n_ratings", "Scores of these items that it rests on."),
    _of("use", "use", "When to choose it."),
)
RULES: Final[tuple[Column[RaterRule], ...]] = (
    _of("rule", "rule", "Name of the rule."),
    _of("label", "label", "The rule in words."),
    _of("applied", "applied", "1 where this report follows the rule; others are shown beside it."),
    _of("n_raters", "n_raters", "Raters with an answer before the rule."),
    _of("raters_rejected", "raters_rejected", "Of them rejected: left without any answer."),
    _of("rates.by_rater.estimate", "share_of_raters", "Their share."),
    _of(
        "rates.by_rater.low",
        "share_of_raters_low",
        "Lower bound of it (Clopper-Pearson, of the report's confidence).",
    ),
    _of("rates.by_rater.high", "share_of_raters_high", "Upper bound of it."),
    _of("n_answers", "n_answers", "Answers before the rule."),
    _of("answers_rejected", "answers_rejected", "Of them rejected."),
    _of("rates.by_answer.estimate", "share_of_answers", "Their share."),
    _of(
        "rates.by_answer.low",
        "share_of_answers_low",
        "Lower bound of it (Clopper-Pearson, of the report's confidence).",
    ),
    _of("rates.by_answer.high", "share_of_answers_high", "Upper bound of it."),
    _of("mos.estimate", "mos", "Mean opinion score of all items where the rule is followed."),
    _of("mos.low", "mos_low", "Lower bound of it."),
    _of("mos.high", "mos_high", "Upper bound of it."),
    _of("mos.method", "mos_method", "Name of the interval's method."),
    _of("mos.reason", "mos_undefined_because", "Why there is no interval; else empty."),
    _of("note", "note", "Whether the rule could fire at all; may be empty."),
)


@dataclass(frozen=True, kw_only=True)
class SystemsLine:
    """Two systems in one group."""

    within: SystemsWithin
    row: GroupComparison


SYSTEMS: Final[tuple[Column[SystemsLine], ...]] = (
    _of("within.systems.name", "systems", "The grouping whose groups are compared, e.g. models."),
    _of("within.first", "first", "One of them."),
    _of("within.second", "second", "The other."),
    _of("within.grouping.name", "grouping", "The grouping inside whose groups they are compared."),
    _of("row.group", "group", "The group."),
    _of("row.n_first", "n_first", "Things with a score of the first in this group."),
    _of("row.n_second", "n_second", "The same of the second."),
    _of("row.n_shared", "n_shared", "Things in this group that both have."),
    _of("row.n_unpaired", "n_left_out", "Things that a paired test left out, because one system lacks them."),
    _of("row.mean_first", "mean_first", "Mean score of the first, over the things that the test used."),
    _of("row.mean_second", "mean_second", "The same of the second."),
    _of("row.test.effect.estimate", "difference", "First less second."),
    _of("row.test.effect.low", "difference_low", "Lower bound of the difference."),
    _of("row.test.effect.high", "difference_high", "Upper bound of the difference."),
    _of("row.test.effect.confidence", "confidence", "Confidence of these bounds."),
    _of(
        "row.test.method",
        "method",
        "paired_t where they share most things, welch_t_clustered where fewer, welch_t where none.",
    ),
    _of("row.test.statistic", "statistic", "Student's t."),
    _of("row.test.degrees", "degrees", "Degrees of freedom."),
    _of("row.test.p_value", "p_value", "Two-sided p-value."),
    _of("row.p_holm", "p_holm", "The same by Holm's correction over the groups."),
    _of("row.test.reason", "undefined_because", "Why there is no p-value; else empty."),
)


def system_comparisons_csv(report: Report) -> Iterator[str]:
    """One line per pair of systems and group of another grouping."""
    rows = (SystemsLine(within=within, row=row) for within in report.systems for row in within.rows)
    return lines(rows, columns=SYSTEMS)


def agreement_csv(report: Report) -> Iterator[str]:
    """One line per measure."""
    return lines(report.agreement, columns=AGREEMENT)


def rater_rules_csv(report: Report) -> Iterator[str]:
    """One line per rule."""
    return lines(report.rules, columns=RULES)
