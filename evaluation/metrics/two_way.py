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
Validated by simulation: `python -m benchmarks.statistics --coverage` and
tests/evaluation/metrics/test_coverage.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import (
    NAN,
    NO_SPREAD,
    Interval,
    IntervalMethod,
    check_confidence,
    t_interval,
    undefined,
)
from evaluation.metrics.tables import FloatArray, IndexArray


@dataclass(frozen=True, kw_only=True)
class TwoWayParts:
    """What the two-way interval is made of. item_variance and rater_variance are parts of Var(estimate)."""

    estimate: float
    n_items: int
    n_raters: int
    item_variance: float
    rater_variance: float


def two_way(
    parts: TwoWayParts, *, confidence: float = 0.95, method: str = IntervalMethod.TWO_WAY
) -> Interval:
    """Two-way interval from its parts: the formula of this module's docstring.

    method "two_way": t with min(R, N) - 1 degrees of freedom.  "two_way_satterthwaite": degrees of freedom
    from the shares of both parts, V^2 / (V_items^2/(N-1) + V_raters^2/(R-1)); narrower where few raters
    agree well.
    """
    check_confidence(confidence)
    reason = _two_way_reason(parts)
    if reason:
        return undefined(reason, method=method, confidence=confidence, estimate=parts.estimate)
    variance = parts.item_variance + parts.rater_variance
    degrees = float(min(parts.n_raters, parts.n_items) - 1)
    if method == IntervalMethod.TWO_WAY_SATTERTHWAITE:
        items, raters = parts.item_variance / variance, parts.rater_variance / variance
        degrees = 1.0 / (items**2 / (parts.n_items - 1) + raters**2 / (parts.n_raters - 1))
    elif method != IntervalMethod.TWO_WAY:
        raise ValueError(f"{method!r} is not a two-way method")
    return t_interval(
        parts.estimate, error=math.sqrt(variance), degrees=degrees, method=method, confidence=confidence
    )


def two_way_parts(
    item_scores: FloatArray,
    *,
    item_index: IndexArray,
    rater_index: IndexArray,
    left_out: FloatArray,
    group_index: IndexArray | None = None,
    n_groups: int = 1,
) -> tuple[TwoWayParts, ...]:
    """Parts of the two-way interval for the mean of item_scores, one per group of items.

    item_scores: (items,), NaN for an item without a score, which must have no rating here.
    item_index, rater_index: (ratings,).  left_out: (ratings,), the item's score without that rating, NaN
    where it was the only one.  group_index: (items,), values below n_groups; without it all items are one
    group.
    """
    groups = np.zeros(item_scores.size, dtype=np.int64) if group_index is None else group_index
    has_score = ~np.isnan(item_scores)
    totals, n_items = _sums(item_scores[has_score], at=groups[has_score], n=n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = totals / n_items
        squares = _sums((item_scores - means[groups])[has_score] ** 2, at=groups[has_score], n=n_groups)[0]
        item_variance = squares / (n_items - 1.0) / n_items
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
    cross = (sums.reshape(n_groups, n_columns) ** 2).sum(axis=1) - _sums(influence**2, at=group, n=n_groups)[
        0
    ]
    return tuple(
        TwoWayParts(
            estimate=float(means[g]),
            n_items=int(n_items[g]),
            n_raters=int(n_raters[g]),
            item_variance=float(item_variance[g]) if n_items[g] > 1 else NAN,
            rater_variance=rater_variance(
                float(cross[g]), n_items=int(n_items[g]), n_raters=int(n_raters[g])
            ),
        )
        for g in range(n_groups)
    )


def rater_variance(cross: float, *, n_items: int, n_raters: int) -> float:
    """V_raters from sum_r [(sum_i J_ir)^2 - sum_i J_ir^2]; NaN below two items or two raters."""
    if n_items < 2 or n_raters < 2:
        return NAN
    return max(0.0, cross / (n_items * (n_items - 1)) * (n_raters - 1) / n_raters)


def ratings_two_way(
    scores: FloatArray, *, item_index: IndexArray, rater_index: IndexArray, confidence: float = 0.95
) -> Interval:
    """Two-way cluster-robust interval for the plain mean of all ratings (not of item scores).

    V = (1/n^2) [ N/(N-1) sum_i (sum_r e_ir)^2 + R/(R-1) sum_r (sum_i e_ir)^2 - n/(n-1) sum e_ir^2 ], e = y -
    mean; t with min(R, N) - 1 degrees of freedom. V is kept at or above its larger one-way part.
    Source: Cameron, Gelbach and Miller 2011, eq. 2.11, with their finite-sample factors.
    """
    method = IntervalMethod.T_RATINGS_TWO_WAY
    check_confidence(confidence)
    if scores.size == 0:
        return undefined("no ratings", method=method, confidence=confidence)
    residual = scores - scores.mean()
    one_way, counts = [], []
    for index in (item_index, rater_index):
        sums = np.bincount(index, weights=residual)
        count = int(np.unique(index).size)
        counts.append(count)
        one_way.append(float(sums @ sums) * count / (count - 1) if count > 1 else NAN)
    parts = TwoWayParts(
        estimate=float(scores.mean()),
        n_items=counts[0],
        n_raters=counts[1],
        item_variance=1.0,
        rater_variance=0.0,
    )
    n = scores.size
    both = one_way[0] + one_way[1] - float(residual @ residual) * n / max(n - 1, 1)
    variance = max(both, *one_way) / n**2
    reason = _two_way_reason(replace(parts, item_variance=variance))
    if reason:
        return undefined(reason, method=method, confidence=confidence, estimate=parts.estimate)
    return t_interval(
        parts.estimate,
        error=math.sqrt(variance),
        degrees=min(counts) - 1.0,
        method=method,
        confidence=confidence,
    )


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


def _two_way_reason(parts: TwoWayParts) -> str:
    if parts.n_items == 0:
        return "no item"
    if parts.n_items == 1:
        return "one item: no spread to estimate"
    if parts.n_raters < 2:
        return "one rater: how raters differ can't be estimated"
    no_spread = NO_SPREAD * max(1.0, abs(parts.estimate))
    if not math.sqrt(parts.item_variance * parts.n_items) > no_spread:
        return f"all {parts.n_items} item scores are equal"
    return ""
