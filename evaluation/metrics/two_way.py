"""The headline interval: two-way cluster-robust, so that it generalises to new items *and* new raters.

Item i has k_i ratings y_ir; its score s_i is their median (or mean); the estimate is m = (1/N) sum_i s_i.
Both the items and the raters are samples, so two item scores are correlated when one rater r took part in
both:

    Var(m) = (1/N^2) [ sum_i Var(s_i) + sum_{i != j} Cov(s_i, s_j) ]

*Items.* The sample variance S^2 of the s_i estimates the mean variance less the mean covariance c, so S^2 /
N falls short by c (a factor N/(N-1) on the rater term below makes this exact).
*Raters.* To first order (Hajek projection) Cov(s_i, s_j) is the sum, over raters r of both items, of the
variance of h(r) = E[s_i | rater r took part] - E[s_i]. What rater r did to item i is measured by leaving
that rating out,

    J_ir = s_i - s_i(without r),     E[J_ir | r] = h(r) + const,

because s_i(without r) does not depend on r. This holds for the mean and for the median alike, where a
residual y_ir - m would overstate an extreme rater, whom the median ignores. Products of *different* items
estimate h(r)^2 without the noise of single ratings ("+ items + raters - ratings"):

    V_raters = N/(N-1) * (R-1)/R * (1/N^2) * sum_r [ (sum_i J_ir)^2 - sum_i J_ir^2 ],   not below 0
    V        = S^2 / N + V_raters,      m +- t(min(R, N) - 1) sqrt(V)

(R-1)/R removes the jackknife's surplus: J_ir compares r with the *other* raters of the item. An item with
one rating has no score without it; the mean of the items that do not rest on r alone stands in. The floor at
0 keeps the standard error at or above the one over items alone.
It is to the two-way cluster-robust variance of Cameron, Gelbach and Miller (2011, eq. 2.11) what the
leave-one-cluster-out form (CR3) is to the one-way variance, and holds up better when few raters do most of
the work. It overstates V where the same raters always meet in fixed teams, and it is first order: with
R = k = 3 it is conservative.

*One thing in several items.* Where items show one thing under several conditions (a prompt under four
methods), the things are the sample, not the items. With n_c items of thing c, e_c = sum_{i in c} (s_i - m):

    V_things = (1/N^2) sum_c e_c^2 / (1 - n_c / N)
    V_raters = (R-1)/R * 1/(N^2 - sum_c n_c^2) * sum_r [ (sum_i J_ir)^2 - sum_c (sum_{i in c} J_ir)^2 ]
    V        = V_things + V_raters,      m +- t(min(R, N^2 / sum_c n_c^2) - 1) sqrt(V)

so that only products of items of *different* things speak for raters: what one rater does to several items
of a thing is in e_c already. The degrees count the things by their weight (Carter, Schnepel and Steigerwald
2017), at least 1 of them. With one item each, every line is the one above.
Source of the things' part: Liang and Zeger 1986; the factor 1 / (1 - n_c / N), which makes it unbiased for
independent items, is that of CR2, Bell and McCaffrey 2002.
Validated by simulation: `python -m benchmarks.statistics --coverage` and
tests/evaluation/metrics/test_coverage.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import (
    NAN,
    NO_SPREAD,
    TOO_SMALL,
    Interval,
    IntervalMethod,
    check_confidence,
    check_size,
    t_interval,
    undefined,
)
from evaluation.metrics.tables import BoolArray, FloatArray, IndexArray

SAME_MEANS = "whatever the items show has the same mean score"


@dataclass(frozen=True, kw_only=True)
class TwoWayParts:
    """What the two-way interval is made of. item_variance and rater_variance are parts of Var(estimate).

    n_things: N^2 / sum_c n_c^2, the number of things by their weight; n_items where each item shows its own.
    standard_deviation: of the item scores (n-1), whatever they show; NaN below two.
    no_spread: why no interval can rest on the spread of the scores; empty where one can.
    """

    estimate: float
    n_items: int
    n_raters: int
    n_things: float
    item_variance: float
    rater_variance: float
    standard_deviation: float
    no_spread: str = ""


def two_way(
    parts: TwoWayParts, *, confidence: float = 0.95, method: str = IntervalMethod.TWO_WAY
) -> Interval:
    """Two-way interval from its parts: the formula of this module's docstring.

    method "two_way": t with min(R, things) - 1 degrees of freedom.  "two_way_satterthwaite": degrees of
    freedom from the shares of both parts, V^2 / (V_items^2/(things-1) + V_raters^2/(R-1)); narrower where few
    raters agree well.
    """
    check_confidence(confidence)
    reason = too_few(parts) or _one_rater(parts) or parts.no_spread
    if reason:
        return undefined(reason, method=method, confidence=confidence, estimate=parts.estimate)
    variance = parts.item_variance + parts.rater_variance
    degrees = max(1.0, min(parts.n_raters, parts.n_things) - 1.0)
    if method == IntervalMethod.TWO_WAY_SATTERTHWAITE:
        items, raters = parts.item_variance / variance, parts.rater_variance / variance
        degrees = 1.0 / (items**2 / max(1.0, parts.n_things - 1) + raters**2 / (parts.n_raters - 1))
    elif method != IntervalMethod.TWO_WAY:
        raise ValueError(f"{method!r} is not a two-way method")
    return t_interval(
        parts.estimate, error=math.sqrt(variance), degrees=degrees, method=method, confidence=confidence
    )


def too_few(parts: TwoWayParts) -> str:
    """Why the items are too few for any interval; empty where they are not."""
    if parts.n_items == 0:
        return "no item"
    if parts.n_items == 1:
        return "one item: no spread to estimate"
    if parts.n_things <= 1:
        return f"all {parts.n_items} items show one thing: no spread to estimate"
    return ""


def two_way_parts(
    item_scores: FloatArray,
    *,
    item_index: IndexArray,
    rater_index: IndexArray,
    left_out: FloatArray,
    group_index: IndexArray | None = None,
    n_groups: int = 1,
    things: IndexArray | None = None,
) -> tuple[TwoWayParts, ...]:
    """Parts of the two-way interval for the mean of item_scores, one per group of items.

    item_scores: (items,), NaN for an item without a score, which must have no rating here.
    item_index, rater_index: (ratings,).  left_out: (ratings,), the item's score without that rating, NaN
    where it was the only one.  group_index: (items,), values below n_groups; without it all items are one
    group.  things: (items,), equal numbers from 0 up for items that show one thing; without it each shows its
    own.
    """
    groups = np.zeros(item_scores.size, dtype=np.int64) if group_index is None else group_index
    has_score = ~np.isnan(item_scores)
    totals, n_items = _sums(item_scores[has_score], at=groups[has_score], n=n_groups)
    shown = _shown(groups, things=things, has_score=has_score, n_groups=n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = totals / n_items
        deviation = np.where(has_score, item_scores - means[groups], 0.0)
        of_rows = of_things = sums_at(groups, weights=deviation**2, n=n_groups) / (n_items - 1.0) / n_items
        if things is not None:
            # One item each: the weight is 1 and both variances are the same number.
            weight = (n_items[shown.group] - 1.0) / (n_items[shown.group] - shown.sizes)
            squares = sums_at(shown.cluster, weights=deviation, n=shown.sizes.size) ** 2 * weight
            of_things = sums_at(shown.group, weights=squares, n=n_groups) / (n_items - 1.0) / n_items
    group = groups[item_index]
    n_columns = int(rater_index.max()) + 1 if rater_index.size else 1
    cell = group * n_columns + rater_index
    rated = item_scores[item_index]
    others = _mean_without_rater(
        rated, cell=cell, group=group, left_out=left_out, totals=totals, n_items=n_items
    )
    influence = rated - np.where(np.isnan(left_out), others, left_out)
    sums, counts = _sums(influence, at=cell, n=n_groups * n_columns)
    n_raters = np.count_nonzero(counts.reshape(n_groups, n_columns), axis=1)
    cross = (sums.reshape(n_groups, n_columns) ** 2).sum(axis=1) - _own_squares(
        influence,
        cell=None if things is None else shown.cluster[item_index] * n_columns + rater_index,
        group=group,
        n_groups=n_groups,
    )
    spreads = np.sqrt(of_rows * n_items), np.sqrt(of_things * n_items)
    reasons = _no_spread(item_scores, groups=groups, spreads=spreads, left_out=left_out)
    counts_of_groups = zip(n_items.tolist(), n_raters.tolist(), shown.squared_sizes.tolist(), strict=True)
    return tuple(
        TwoWayParts(
            estimate=float(means[g]),
            n_items=n,
            n_raters=of_group,
            n_things=n**2 / squared if n else 0.0,
            item_variance=float(of_things[g]) if n**2 > squared else NAN,
            rater_variance=rater_variance(float(cross[g]), n_pairs=n**2 - squared, n_raters=of_group),
            standard_deviation=float(spreads[0][g]) if n > 1 else NAN,
            no_spread=reasons[g],
        )
        for g, (n, of_group, squared) in enumerate(counts_of_groups)
    )


def rater_variance(cross: float, *, n_pairs: int, n_raters: int) -> float:
    """V_raters from sum_r [(sum_i J_ir)^2 - sum_c (sum_{i in c} J_ir)^2]; NaN without pairs or below two
    raters.

    n_pairs: ordered pairs of items that show different things, N^2 - sum_c n_c^2.
    """
    if n_pairs < 1 or n_raters < 2:
        return NAN
    return max(0.0, cross / n_pairs * (n_raters - 1) / n_raters)


def ratings_two_way(
    scores: FloatArray, *, item_index: IndexArray, rater_index: IndexArray, confidence: float = 0.95
) -> Interval:
    """Two-way cluster-robust interval for the plain mean of all ratings (not of item scores).

    V = (1/n^2) [ N/(N-1) sum_i (sum_r e_ir)^2 + R/(R-1) sum_r (sum_i e_ir)^2 - n/(n-1) sum e_ir^2 ], e = y -
    mean; t with min(R, N) - 1 degrees of freedom. V is kept at or above its larger one-way part. Several
    ratings of one rater in one item (one thing under several conditions) are one e_ir, their sum, and n in
    the last factor counts such cells.
    Source: Cameron, Gelbach and Miller 2011, eq. 2.11, with their finite-sample factors.
    """
    method = IntervalMethod.T_RATINGS_TWO_WAY
    check_confidence(confidence)
    check_size(scores)
    if scores.size == 0:
        return undefined("no ratings", method=method, confidence=confidence)
    estimate = float(scores.mean())
    residual = scores - estimate
    cell = np.unique(item_index * (int(rater_index.max()) + 1) + rater_index, return_inverse=True)[1]
    (items, n_items), (raters, n_raters), (both, _) = (
        _one_way(residual, clusters=index) for index in (item_index, rater_index, cell)
    )
    variance = max(items + raters - both, items, raters) / scores.size**2
    reason = ""
    if n_items < 2:
        reason = "one item: no spread to estimate"
    elif n_raters < 2:
        reason = "one rater: how raters differ can't be estimated"
    elif np.ptp(scores) == 0:
        reason = f"all {scores.size} ratings are equal"
    elif not math.sqrt(variance) > NO_SPREAD * float(np.abs(scores).max()):
        reason = TOO_SMALL.format(n=scores.size, what="ratings")
    if reason:
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    degrees = min(n_items, n_raters) - 1.0
    return t_interval(
        estimate, error=math.sqrt(variance), degrees=degrees, method=method, confidence=confidence
    )


def _one_way(residual: FloatArray, *, clusters: IndexArray) -> tuple[float, int]:
    """G/(G-1) sum_g (sum e)^2, and G; NaN for one cluster."""
    sums = np.bincount(clusters, weights=residual)
    count = int(np.count_nonzero(np.bincount(clusters)))
    return (float(sums @ sums) * count / (count - 1) if count > 1 else NAN), count


def _sums(values: FloatArray, *, at: IndexArray, n: int) -> tuple[FloatArray, IndexArray]:
    """Sums and counts of values per index, each (n,)."""
    return sums_at(at, weights=values, n=n), np.bincount(at, minlength=n)


def _mean_without_rater(
    rated: FloatArray,
    *,
    cell: IndexArray,
    group: IndexArray,
    left_out: FloatArray,
    totals: FloatArray,
    n_items: IndexArray,
) -> FloatArray:
    """(ratings,): mean of the group's items that do not rest on this rater alone; needed for single ratings
    only."""
    single = np.isnan(left_out)
    if not single.any():
        return left_out
    own, n_own = _sums(rated[single], at=cell[single], n=int(cell.max()) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (totals[group] - own[cell]) / (n_items[group] - n_own[cell])
    # A rater alone with the whole group has nobody to differ from; such a group gets no interval anyway.
    return np.where(n_items[group] > n_own[cell], mean, rated)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Shown:
    """What the items show. cluster: (items,), a number for each thing of each group.  sizes, group:
    (clusters,), items with a score, and the group.  squared_sizes: (groups,), sum over things of n_c^2."""

    cluster: IndexArray
    sizes: IndexArray
    group: IndexArray
    squared_sizes: IndexArray


def _shown(groups: IndexArray, *, things: IndexArray | None, has_score: BoolArray, n_groups: int) -> _Shown:
    if things is None:
        sizes = has_score.astype(np.int64)
        squared = np.bincount(groups[has_score], minlength=n_groups)
        return _Shown(cluster=np.arange(groups.size), sizes=sizes, group=groups, squared_sizes=squared)
    key = groups * (int(things.max(initial=0)) + 1) + things
    _, first, cluster = np.unique(key, return_index=True, return_inverse=True)
    sizes = np.bincount(cluster[has_score], minlength=first.size)
    squares = sums_at(groups[first], weights=sizes.astype(np.float64) ** 2, n=n_groups).astype(np.int64)
    return _Shown(cluster=cluster, sizes=sizes, group=groups[first], squared_sizes=squares)


def _own_squares(
    influence: FloatArray, *, cell: IndexArray | None, group: IndexArray, n_groups: int
) -> FloatArray:
    """(groups,): sum_r sum_c (sum_{i in c} J_ir)^2. cell: (ratings,), thing and rater; None: all differ."""
    if cell is None:
        return sums_at(group, weights=influence**2, n=n_groups)
    _, first, place = np.unique(cell, return_index=True, return_inverse=True)
    squares = sums_at(place, weights=influence, n=first.size) ** 2
    return sums_at(group[first], weights=squares, n=n_groups)


def _no_spread(
    item_scores: FloatArray,
    *,
    groups: IndexArray,
    spreads: tuple[FloatArray, FloatArray],
    left_out: FloatArray,
) -> list[str]:
    """(groups,): TwoWayParts.no_spread. spreads: of the items and of what they show."""
    # Means of equal numbers can differ by rounding, which grows with the numbers that they are made of.
    known = [values for values in (item_scores, left_out) if not np.isnan(values).all()]
    dust = NO_SPREAD * max((float(max(np.nanmax(v), -np.nanmin(v))) for v in known), default=0.0)
    of_items, of_things = spreads
    reasons = np.full(of_items.size, "", dtype=object)
    reasons[~(of_things > dust)] = SAME_MEANS
    doubtful = ~(of_items > dust)
    if doubtful.any():
        kept = np.flatnonzero(~np.isnan(item_scores))
        scores, group = item_scores[kept], groups[kept]
        first = np.full(of_items.size, NAN)
        first[group[::-1]] = scores[::-1]
        differ = sums_at(group, weights=(scores != first[group]).astype(np.float64), n=of_items.size) > 0
        for g, n in enumerate(np.bincount(group, minlength=of_items.size).tolist()):
            if doubtful[g]:
                equal = f"all {n} item scores are equal"
                reasons[g] = TOO_SMALL.format(n=n, what="item scores") if differ[g] else equal
    return [str(reason) for reason in reasons]


def _one_rater(parts: TwoWayParts) -> str:
    return "one rater: how raters differ can't be estimated" if parts.n_raters < 2 else ""
