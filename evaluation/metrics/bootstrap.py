"""Percentile and BCa bootstrap of a mean of item scores.

Item medians take few distinct values, so a resample of n items is one multinomial draw of how often each
value comes:
ten thousand resamples cost as many draws of a dozen numbers instead of ten thousand times n indices.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import (
    NAN,
    NO_SPREAD,
    Interval,
    IntervalMethod,
    check_confidence,
    check_size,
    undefined,
)
from evaluation.metrics.tables import FloatArray, IndexArray

MOST_DISTINCT = 256
INDICES_AT_ONCE = 4_000_000


def resampled_means(values: FloatArray, *, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """(n_resamples,): means of resamples of the values with replacement. ValueError without a value."""
    n = values.size
    if n == 0:
        raise ValueError("no value to resample: give one or more")
    distinct, counts = np.unique(values, return_counts=True)
    if distinct.size <= MOST_DISTINCT:
        draws = rng.multinomial(n, counts / n, size=n_resamples)
        return np.asarray(draws @ distinct / n, dtype=np.float64)
    rows = max(1, INDICES_AT_ONCE // n)
    means = np.empty(n_resamples)
    for start in range(0, n_resamples, rows):
        stop = min(start + rows, n_resamples)
        means[start:stop] = values[rng.integers(0, n, size=(stop - start, n))].mean(axis=1)
    return means


def bca_bounds(
    means: FloatArray, *, estimate: float, acceleration: float, confidence: float
) -> tuple[float, float]:
    """The two quantiles that BCa reads: the tails, moved by bias and skewness of the resampled means.

    z0 = probit of the share of means below the estimate (ties by half), a = acceleration,
    tail' = Phi(z0 + (z0 + z) / (1 - a (z0 + z))).
    Source: Efron 1987; Efron and Tibshirani 1993, eq. 14.9. Validated against scipy.stats.bootstrap.
    """
    below = float(np.mean(means < estimate) + np.mean(means == estimate) / 2)
    if not 0 < below < 1:
        return (1 - confidence) / 2, (1 + confidence) / 2
    bias = float(special.ndtri(below))
    tails = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        moved = bias + float(special.ndtri(tail))
        scale = 1 - acceleration * moved
        tails.append(float(special.ndtr(bias + moved / scale)) if scale > 0 else float(moved > 0))
    return tails[0], tails[1]


def bootstrap_items(
    item_scores: FloatArray,
    *,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
    method: str = IntervalMethod.BOOTSTRAP_ITEMS,
    things: IndexArray | None = None,
) -> Interval:
    """Interval of the mean item score over resampled items: new items, the same raters.

    method "bootstrap_items": percentiles; "bootstrap_items_bca": corrected for bias and skewness.
    things: (items,), equal numbers for items that show one thing: things are drawn, each with all its items.
    NaN scores are left out. Like `t_items` it is too short once raters have a bias.
    Source: Efron and Tibshirani 1993, ch. 13 and 14. Validated against scipy.stats.bootstrap.
    """
    check_confidence(confidence)
    if method not in (IntervalMethod.BOOTSTRAP_ITEMS, IntervalMethod.BOOTSTRAP_ITEMS_BCA):
        raise ValueError(f"{method!r} is not a bootstrap over items")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be 1 or more, got {n_resamples}")
    check_size(item_scores)
    known = ~np.isnan(item_scores)
    values = item_scores[known]
    if reason := _too_few_or_equal(values, things=None if things is None else things[known]):
        estimate = float(values.mean() if np.ptp(values) else values[0]) if values.size else NAN
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    estimate = float(values.mean())
    pulls = values - estimate
    if things is None:
        means = resampled_means(values, rng=rng, n_resamples=n_resamples)
    else:
        place = np.unique(things[known], return_inverse=True)[1]
        n_things = int(place.max()) + 1
        pulls = sums_at(place, weights=pulls, n=n_things)
        means = _resampled_ratios(
            sums_at(place, weights=values, n=n_things),
            counts=np.bincount(place),
            rng=rng,
            n_resamples=n_resamples,
        )
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    if method == IntervalMethod.BOOTSTRAP_ITEMS_BCA:
        tails = bca_bounds(means, estimate=estimate, acceleration=_acceleration(pulls), confidence=confidence)
    low, high = (float(q) for q in np.quantile(means, tails))
    if not high - low > NO_SPREAD * max(abs(low), abs(high)):
        reason = "the resampled means don't differ"
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    return Interval(
        estimate=estimate,
        low=low,
        high=high,
        method=method,
        confidence=confidence,
        standard_error=float(means.std(ddof=1)) if n_resamples > 1 else NAN,
    )


def _too_few_or_equal(values: FloatArray, *, things: IndexArray | None) -> str:
    if values.size < 2:
        return "no item" if values.size == 0 else "one item: no spread to estimate"
    if things is not None and np.ptp(things) == 0:
        return f"all {values.size} items show one thing: no spread to estimate"
    if np.ptp(values) == 0:
        return f"all {values.size} item scores are equal"
    return ""


def _resampled_ratios(
    sums: FloatArray, *, counts: IndexArray, rng: np.random.Generator, n_resamples: int
) -> FloatArray:
    """(n_resamples,): means over the items of things drawn with replacement, each thing a sum and a count."""
    kinds, held = np.unique(np.stack([sums, counts.astype(np.float64)]), axis=1, return_counts=True)
    means = np.empty(n_resamples)
    rows = max(1, INDICES_AT_ONCE // held.size)
    for start in range(0, n_resamples, rows):
        stop = min(start + rows, n_resamples)
        drawn = rng.multinomial(sums.size, held / sums.size, size=stop - start)
        means[start:stop] = (drawn @ kinds[0]) / (drawn @ kinds[1])
    return means


def _acceleration(pulls: FloatArray) -> float:
    """Skewness of the jackknife of a mean, over six. pulls: what each thing adds to the sum of deviations."""
    largest = float(np.abs(pulls).max(initial=0.0))
    if not largest:
        return 0.0
    shares = pulls / largest
    return float((shares**3).sum() / np.square(shares).sum() ** 1.5 / 6)
