"""How many items, how many raters: interval widths from variance components, and sample sizes for two shares.

    rating = mean + item + rater + rest,   Var(MOS) = V_item / N + V_rater / R + V_rest / (N k)

for N items with k ratings each, shared evenly by R raters. V_rater / R does not shrink with more items: the
table of half-widths shows when only more raters help.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import NAN, check_confidence
from evaluation.metrics.tables import IndexArray, OptOut, RatingTable

MOST_ITEMS = 10_000_000
# Standard errors beyond which a tail is less than 1e-8: scipy's noncentral t gives NaN far out.
SURE = 6.0


@dataclass(frozen=True, kw_only=True)
class VarianceComponents:
    """Variances of items, raters and rest, in squared points of the scale. A negative estimate is reported
    as 0 and named in `floored`. NaN with a reason where they can't be estimated."""

    item: float
    rater: float
    rest: float
    floored: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SampleSize:
    """A number to plan with, or None and the reason why no number is enough."""

    n: int | None
    reason: str = ""


def variance_components(table: RatingTable) -> VarianceComponents:
    """Components from any pattern of ratings, by half mean squared differences of pairs of ratings:

    pairs of one item: rater + rest;  pairs of one rater: item + rest;  pairs that share neither: all three.
    Unbiased without assuming normality, equal to the ANOVA estimators in a complete study.
    Source: Hartley 1967 (method of moments); the pairs form as in Brennan 2001, ch. 7.
    """
    rows = table.opt_out == OptOut.NONE
    score, item, rater = table.score[rows], table.item_index[rows], table.rater_index[rows]
    if score.size < 3:
        return _unknown("fewer than three ratings")
    score = score - score.mean()
    of_item, n_item = _pair_squares(score, index=item)
    of_rater, n_rater = _pair_squares(score, index=rater)
    all_pairs, n_all = _pair_squares(score, index=np.zeros_like(item))
    n_neither = n_all - n_item - n_rater
    if min(n_item, n_rater, n_neither) == 0:
        return _unknown("needs items with two raters and raters with two items")
    same_item, same_rater = of_item / n_item / 2, of_rater / n_rater / 2
    neither = (all_pairs - of_item - of_rater) / n_neither / 2
    parts = {
        "item": neither - same_item,
        "rater": neither - same_rater,
        "rest": same_item + same_rater - neither,
    }
    return VarianceComponents(
        item=max(parts["item"], 0.0),
        rater=max(parts["rater"], 0.0),
        rest=max(parts["rest"], 0.0),
        floored=tuple(name for name, value in parts.items() if value < 0),
    )


def half_width(
    components: VarianceComponents,
    *,
    n_items: int,
    n_raters: int,
    raters_per_item: int,
    confidence: float = 0.95,
) -> float:
    """Expected half-width of the two-way interval of a mean opinion score of item means, in points of the
    scale.

    NaN where the components are unknown or the study has fewer than two items or raters.
    ValueError if an item needs more raters than there are.
    """
    check_confidence(confidence)
    if raters_per_item > n_raters:
        raise ValueError(f"{raters_per_item} ratings per item need as many raters, there are {n_raters}")
    if components.reason or min(n_items, n_raters) < 2 or raters_per_item < 1:
        return NAN
    rest = components.rest / (n_items * raters_per_item)
    variance = components.item / n_items + components.rater / n_raters + rest
    degrees = min(n_items, n_raters) - 1
    return float(special.stdtrit(degrees, 0.5 + confidence / 2)) * math.sqrt(variance)


def items_needed(
    components: VarianceComponents,
    *,
    target: float,
    n_raters: int,
    raters_per_item: int,
    confidence: float = 0.95,
) -> SampleSize:
    """The fewest items whose expected half-width is at most `target` points."""
    if components.reason:
        return SampleSize(n=None, reason=components.reason)

    def width(n_items: int) -> float:
        return half_width(
            components,
            n_items=n_items,
            n_raters=n_raters,
            raters_per_item=raters_per_item,
            confidence=confidence,
        )

    low, high = 2, MOST_ITEMS
    widest_possible = width(high)
    if not widest_possible <= target:
        return SampleSize(
            n=None, reason=f"{n_raters} raters alone leave +-{widest_possible:.3f}: only more raters help"
        )
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if width(middle) <= target else (middle + 1, high)
    return SampleSize(n=low)


def per_group_for_shares(
    first: float, second: float, *, power: float = 0.8, confidence: float = 0.95
) -> SampleSize:
    """Size of each of two equal groups to tell two shares apart, two-sided, normal approximation.

    n = [ z_a sqrt(2 p (1-p)) + z_b sqrt(p1 (1-p1) + p2 (1-p2)) ]^2 / (p1 - p2)^2,  p = (p1 + p2) / 2.
    Source: Fleiss, Levin and Paik 2003, eq. 4.14. An exact test needs a few more (add 2 / |p1 - p2|).
    """
    check_confidence(confidence)
    if not (0 <= first <= 1 and 0 <= second <= 1) or not 0 < power < 1:
        raise ValueError("shares and power lie between 0 and 1")
    if first == second:
        return SampleSize(n=None, reason="equal shares can't be told apart")
    mean = (first + second) / 2
    spread = float(special.ndtri(0.5 + confidence / 2)) * math.sqrt(2 * mean * (1 - mean))
    spread += float(special.ndtri(power)) * math.sqrt(first * (1 - first) + second * (1 - second))
    return SampleSize(n=math.ceil((spread / (first - second)) ** 2))


def power_of_difference(
    components: VarianceComponents,
    *,
    difference: float,
    n_items: int,
    raters_per_item: int,
    confidence: float = 0.95,
) -> float:
    """Chance to tell two groups of items apart whose mean opinion scores differ by so many points, in [0, 1].

    Each group has half of the items, and the raters rate both, so their leanings cancel:

        Var(difference) = 4 (V_item + V_rest / k) / N,   T ~ noncentral t with N - 2 degrees of freedom.

    Two-sided. NaN where the components are unknown, and for fewer than four items.
    Source: Cohen 1988, sec. 2.2, with the variance of an item's mean of k ratings.
    """
    check_confidence(confidence)
    if difference < 0 or raters_per_item < 1:
        raise ValueError("a difference is not negative, and an item has at least one rater")
    if components.reason or n_items < 4:
        return NAN
    variance = 4 * (components.item + components.rest / raters_per_item) / n_items
    if variance == 0:
        return 1.0 if difference > 0 else 1 - confidence
    degrees = n_items - 2
    shift = difference / math.sqrt(variance)
    critical = float(special.stdtrit(degrees, 0.5 + confidence / 2))
    if shift > critical + SURE:
        return 1.0
    # The far tail is added: for a difference of 0 the power is the level of the test.
    far = float(special.nctdtr(degrees, shift, -critical)) if shift < SURE else 0.0
    return 1 - float(special.nctdtr(degrees, shift, critical)) + far


def _pair_squares(score: np.ndarray, *, index: IndexArray) -> tuple[float, int]:
    """(sum, number) of squared differences over unordered pairs of ratings with one index."""
    n = int(index.max()) + 1
    count = np.bincount(index, minlength=n)
    total, squares = sums_at(index, weights=score, n=n), sums_at(index, weights=score**2, n=n)
    return float((count * squares - total**2).sum()), int((count * (count - 1) // 2).sum())


def _unknown(reason: str) -> VarianceComponents:
    return VarianceComponents(item=NAN, rater=NAN, rest=NAN, reason=reason)
