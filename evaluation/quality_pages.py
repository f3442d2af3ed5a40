"""Agreement and rules for leaving raters out, in the words of a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from evaluation.agreement import Agreement
from evaluation.metrics.intervals import Interval
from evaluation.number_words import digits_of
from evaluation.page_words import bounds, number, p_value, percent, words_of_test
from evaluation.rater_rules import RaterRule
from evaluation.reports import Report
from evaluation.study import Grouping

MOST_SYSTEM_ROWS: Final = 200

# Measures of agreement end at 1, and have two decimals.
OF_AGREEMENT: Final = (-1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class AgreementRow:
    """One measure. interval: bounds, or why there are none."""

    label: str
    value: str
    interval: str
    n_items: int
    use: str


@dataclass(frozen=True, kw_only=True)
class RuleRow:
    """One rule for leaving raters or ratings out; raters and answers: how many of how many, and the share."""

    label: str
    applied: bool
    raters: str
    answers: str
    mos: str
    interval: str
    note: str


@dataclass(frozen=True, kw_only=True)
class SystemsRow:
    """Two systems in one group. interval: bounds, or why there are none."""

    group: str
    systems: str
    difference: str
    interval: str
    p_value: str
    p_holm: str
    test: str


def systems_rows(report: Report) -> tuple[SystemsRow, ...]:
    """The most that a page shows of the systems inside groups, in the file's order."""
    rows = [(within, row) for within in report.systems for row in within.rows][:MOST_SYSTEM_ROWS]
    scale = report.study.table.scale
    return tuple(
        SystemsRow(
            group=f"{within.grouping.label}: {_label(within.grouping, row.group)}",
            systems=f"{_label(within.systems, within.first)} − {_label(within.systems, within.second)}",
            difference=number(row.test.effect.estimate, digits=digits_of(scale, row.test.effect)),
            interval=_interval(row.test.effect, scale=scale),
            p_value=p_value(row.test.p_value),
            p_holm=p_value(row.p_holm),
            test=words_of_test(row.test.method, n_shared=row.n_shared, n_left_out=row.n_unpaired),
        )
        for within, row in rows
    )


def _label(grouping: Grouping, value: str) -> str:
    return dict(zip(grouping.values, grouping.labels, strict=True)).get(value, value) or "(no group)"


def agreement_rows(found: Sequence[Agreement]) -> tuple[AgreementRow, ...]:
    """The measures that the page shows."""
    return tuple(
        AgreementRow(
            label=row.label,
            value=number(row.value.estimate, digits=2),
            # No agreement is above 1: a bound beyond it is shown cut, and stands in full in agreement.csv.
            interval=_interval(row.value.within((-math.inf, 1.0))),
            n_items=row.n_items,
            use=row.use,
        )
        for row in found
        if row.main
    )


def rule_rows(report: Report) -> tuple[RuleRow, ...]:
    """All rules; where a rule can't fire, that, and no number."""
    scale = report.study.table.scale
    return tuple(
        RuleRow(
            label=rule.label,
            applied=rule.applied,
            raters="" if _silent(rule) else _share(rule.raters_rejected, rule.n_raters),
            answers="" if _silent(rule) else _share(rule.answers_rejected, rule.n_answers),
            mos="" if _silent(rule) else number(rule.mos.estimate, digits=digits_of(scale, rule.mos)),
            interval="" if _silent(rule) else _interval(rule.mos.within(scale), scale=scale),
            note=rule.note,
        )
        for rule in report.rules
    )


def _silent(rule: RaterRule) -> bool:
    return rule.note.startswith("can't fire")


def _share(n: int | None, total: int | None) -> str:
    if n is None or total is None:
        return ""
    return f"{n} of {total}" + (f", {percent(n / total)}" if total else "")


def _interval(value: Interval, *, scale: tuple[float, float] = OF_AGREEMENT) -> str:
    if not value.is_defined:
        return f"not defined: {value.reason}"
    return bounds(value, digits=digits_of(scale, value))
