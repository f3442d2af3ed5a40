"""Numbers of a report as the words of a page. Rounding happens here and nowhere before."""

from __future__ import annotations

import math

from evaluation.metrics.tables import FloatArray
from evaluation.reports import Report


def outlier_rules(report: Report) -> tuple[str, ...]:
    """What the published rules would reject; where a rule can't fire, that, and no number."""
    found = (
        ("ITU-R BT.500", len(report.bt500.rejected), "rater", report.bt500),
        ("ITU-T P.808's z filter", report.z_filter.n_outliers, "rating", report.z_filter),
    )
    return tuple(
        f"{name} would reject {n} {what}{'' if n == 1 else 's'}; it {rule.note}."
        if rule.n_able
        else f"{name} {rule.note}."
        for name, n, what, rule in found
        if rule.n_items
    )


def with_bounds(value: FloatArray, low: FloatArray, high: FloatArray, *, line: int) -> str:
    """A number of a rater with its interval, where they are defined."""
    shown, *bounds = (number(float(column[line]), digits=2) for column in (value, low, high))
    return f"{shown} ({bounds[0]} to {bounds[1]})" if all(bounds) else shown


def p_value(value: float) -> str:
    """A p-value; empty where there is none."""
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def number(value: float, *, digits: int) -> str:
    """A number with so many decimals; empty where there is none."""
    return "" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def percent(share: float) -> str:
    """A share in whole percent; empty where there is none."""
    return "" if math.isnan(share) else f"{100 * share:.0f} %"
