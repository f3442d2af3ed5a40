"""Percentile and BCa bootstrap of a mean of item scores.

Item medians take few distinct values, so a resample of n items is one multinomial draw of how often each
value comes:
ten thousand resamples cost as many draws of a dozen numbers instead of ten thousand times n indices.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from evaluation.metrics.intervals import (
    NAN,
    NO_SPREAD,
    Interval,
    IntervalMethod,
    check_confidence,
    check_size,
    undefined,
)
from evaluation.metrics.tables import FloatArray

MOST_DISTINCT = 256
INDICES_AT_ONCE = 4_000_000


def resampled_means(values: FloatArray, *, rng: np.random.Generator, n_resamples: int) -> FloatArray:
    """(n_resamples,): means of resamples of the values with replacement."""
    n = values.size
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
) -> Interval:
    """Interval of the mean item score over resampled items: new items, the same raters.

    method "bootstrap_items": percentiles; "bootstrap_items_bca": corrected for bias and skewness.
    NaN scores are left out. Like `t_items` it is too short once raters have a bias.
    Source: Efron and Tibshirani 1993, ch. 13 and 14. Validated against scipy.stats.bootstrap.
    """
    check_confidence(confidence)
    if method not in (IntervalMethod.BOOTSTRAP_ITEMS, IntervalMethod.BOOTSTRAP_ITEMS_BCA):
        raise ValueError(f"{method!r} is not a bootstrap over items")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be 1 or more, got {n_resamples}")
    check_size(item_scores)
    values = item_scores[~np.isnan(item_scores)]
    if values.size < 2:
        reason = "no item" if values.size == 0 else "one item: no spread to estimate"
        estimate = float(values[0]) if values.size else NAN
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    estimate = float(values.mean())
    means = resampled_means(values, rng=rng, n_resamples=n_resamples)
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    if method == IntervalMethod.BOOTSTRAP_ITEMS_BCA:
        tails = bca_bounds(
            means, estimate=estimate, acceleration=_acceleration(values), confidence=confidence
        )
    low, high = (float(q) for q in np.quantile(means, tails))
    if not high - low > NO_SPREAD * max(1.0, abs(estimate)):
        reason = f"all {values.size} item scores are equal"
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    return Interval(
        estimate=estimate,
        low=low,
        high=high,
        method=method,
        confidence=confidence,
        standard_error=float(means.std(ddof=1)) if n_resamples > 1 else NAN,
    )


def _acceleration(values: FloatArray) -> float:
    """Skewness of the jackknife of a mean, over six."""
    centred = values - values.mean()
    squares = float(centred @ centred)
    return float((centred**3).sum()) / squares**1.5 / 6 if squares > 0 else 0.0
