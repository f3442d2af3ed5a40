"""Numbers of a report as the words of a page. Rounding happens here and nowhere before."""

from __future__ import annotations

import math
from typing import Final

from evaluation.comparisons import PAIRED
from evaluation.metrics.bounded import ZeroWidth
from evaluation.metrics.intervals import Interval, IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.opinion import DropRule
from evaluation.metrics.tables import FloatArray
from evaluation.number_words import grouped, shown

DETAILS: Final = {
    "word too abstract: any_rater": "when any rater chose “word too abstract”",
    "word too abstract: majority": "when most raters chose “word too abstract”",
    "word too abstract: never": "this rule is switched off",
    "opt-outs are missing numbers": "“image itself is poor” is no number",
}
DROP_RULES: Final = {
    DropRule.ANY_RATER: "any rater found the word too abstract",
    DropRule.MAJORITY: "most raters found the word too abstract",
    DropRule.NEVER: "never",
}
ITEM_SCORES: Final = {ItemScore.MEDIAN: "median", ItemScore.MEAN: "mean"}
SHARE_WORDS: Final = {IntervalMethod.WILSON: "Wilson", IntervalMethod.CLOPPER_PEARSON: "Clopper-Pearson"}
ZERO_WIDTH_WORDS: Final = {
    ZeroWidth.BOUNDED: "where all item scores are equal, the widest spread that the scale allows stands in",
    ZeroWidth.POOLED: "where all item scores are equal, the spread of the other groups stands in",
    ZeroWidth.EMPTY: "where all item scores are equal there is no interval",
}


def bounds(interval: Interval, *, digits: int) -> str:
    """An interval's bounds; empty where there are none."""
    if not interval.is_defined:
        return ""
    return f"{number(interval.low, digits=digits)} to {number(interval.high, digits=digits)}"


def with_bounds(value: FloatArray, low: FloatArray, high: FloatArray, *, line: int, digits: int) -> str:
    """A number of a rater with its interval, where they are defined."""
    found, *ends = (number(float(column[line]), digits=digits) for column in (value, low, high))
    return f"{found} ({ends[0]} to {ends[1]})" if all(ends) else found


def p_value(value: float) -> str:
    """A p-value; empty where there is none."""
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def number(value: float, *, digits: int) -> str:
    """A number with so many decimals; empty where there is none."""
    return shown(value, digits=digits)


def percent(share: float) -> str:
    """A share in whole percent; empty where there is none."""
    return "" if math.isnan(share) else f"{100 * share:.0f} %"


def level(confidence: float) -> str:
    """A confidence in percent."""
    return f"{100 * confidence:g} %"


def words_of_test(method: str, *, n_shared: int, n_left_out: int) -> str:
    """Which test, and how many things both groups show."""
    if method == PAIRED:
        left_out = f", {grouped(n_left_out)} left out" if n_left_out else ""
        return f"paired t, {grouped(n_shared)} shared{left_out}"
    return f"Welch's t, {grouped(n_shared)} shared as clusters" if n_shared else "Welch's t"


def drop_words(rule: DropRule) -> str:
    """What a drop rule does, as a sentence without its end."""
    return "no item is dropped" if rule == DropRule.NEVER else f"an item is dropped when {DROP_RULES[rule]}"
