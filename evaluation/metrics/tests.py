"""Hypothesis tests: exact tests of two shares, paired and unpaired comparisons, Holm's correction.

Every test returns a TestResult: a p-value with an effect and its interval, or NaN with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import NAN, Interval, check_size, t_interval, undefined
from evaluation.metrics.tables import FloatArray


class ExactTest(StrEnum):
    """Exact tests of a two-by-two table. FISHER conditions on both margins; the others do not and have more
    power."""

    FISHER = "fisher"
    BARNARD = "barnard"
    BOSCHLOO = "boschloo"


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """p_value: two-sided.  effect: the difference (first - second) with its interval.  statistic, degrees:
    NaN where the test has none.  reason: why p_value is NaN."""

    __test__ = False  # pytest collects classes by this prefix

    method: str
    p_value: float
    statistic: float
    degrees: float
    effect: Interval
    n: int
    reason: str = ""


def compare_shares(
    first: tuple[int, int],
    second: tuple[int, int],
    *,
    test: ExactTest = ExactTest.FISHER,
    confidence: float = 0.95,
) -> TestResult:
    """Are two shares (successes, total) equal? Exact, two-sided.

    The effect is the difference of the shares with Newcombe's interval (1998, method 10). Validated against
    scipy.stats and Fisher's tea tasting.
    """
    for successes, total in (first, second):
        if total < 0 or not 0 <= successes <= total:
            raise ValueError(f"{successes} of {total} is not a share")
    n = first[1] + second[1]
    effect = difference_of_shares(first, second, confidence=confidence)
    if not first[1] or not second[1]:
        return _undefined(test, reason="one of the groups is empty", effect=effect, n=n)
    from scipy import stats

    table = [[first[0], second[0]], [first[1] - first[0], second[1] - second[0]]]
    if test != ExactTest.FISHER and (sum(table[0]) == 0 or sum(table[1]) == 0):
        return _undefined(test, reason="all outcomes are equal", effect=effect, n=n)
    result = {
        ExactTest.FISHER: stats.fisher_exact,
        ExactTest.BARNARD: stats.barnard_exact,
        ExactTest.BOSCHLOO: stats.boschloo_exact,
    }[test](table)
    statistic = float(result.statistic)
    return TestResult(
        method=test,
        p_value=float(result.pvalue),
        statistic=statistic if math.isfinite(statistic) else NAN,
        degrees=NAN,
        effect=effect,
        n=n,
    )


def difference_of_shares(
    first: tuple[int, int], second: tuple[int, int], *, confidence: float = 0.95
) -> Interval:
    """first - second with Newcombe's hybrid score interval (1998, method 10), from both Wilson intervals."""
    from evaluation.metrics.intervals import wilson

    method = "newcombe"
    a, b = (wilson(successes, total=total, confidence=confidence) for successes, total in (first, second))
    if a.reason or b.reason:
        return undefined("one of the groups is empty", method=method, confidence=confidence)
    difference = a.estimate - b.estimate
    low = difference - math.hypot(a.estimate - a.low, b.high - b.estimate)
    high = difference + math.hypot(a.high - a.estimate, b.estimate - b.low)
    return Interval(estimate=difference, low=low, high=high, method=method, confidence=confidence)


def paired_t(
    first: ArrayLike, second: ArrayLike, *, clusters: Sequence[str] | None = None, confidence: float = 0.95
) -> TestResult:
    """Paired t test of first - second; pairs with a NaN are left out.

    clusters: one name per pair (the image): pairs of one cluster are not independent, and the standard error
    is the cluster-robust one, G/(G-1) sum_g (sum_i e_i)^2 / n^2, with G-1 degrees of freedom.
    Validated against scipy.stats.ttest_rel and statsmodels' OLS with cov_type="cluster".
    """
    difference, kept = _differences(first, second)
    method = "paired_t" if clusters is None else "paired_t_clustered"
    n = int(difference.size)
    groups = np.arange(n)
    if clusters is not None:
        if len(clusters) != kept.size:
            raise ValueError(f"{len(clusters)} clusters for {kept.size} pairs")
        names = [name for name, keep in zip(clusters, kept, strict=True) if keep]
        groups = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1]
    n_groups = int(groups.max()) + 1 if n else 0
    if n_groups < 2:
        reason = "fewer than two pairs" if n < 2 else "fewer than two clusters"
        effect = undefined(reason, method=method, confidence=confidence)
        return _undefined(method, reason=reason, effect=effect, n=n)
    mean = float(difference.mean())
    sums = sums_at(groups, weights=difference - mean, n=n_groups)
    error = math.sqrt(n_groups / (n_groups - 1) * float(sums @ sums)) / n
    return _t_result(mean, error=error, degrees=n_groups - 1.0, method=method, confidence=confidence, n=n)


def welch_t(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> TestResult:
    """Welch's unpaired t test of mean(first) - mean(second); NaN values are left out."""
    a, b = (_numbers(values) for values in (first, second))
    n = int(a.size + b.size)
    if a.size < 2 or b.size < 2:
        reason = "a group has fewer than two values"
        return _undefined(
            "welch_t", reason=reason, n=n, effect=undefined(reason, method="welch_t", confidence=confidence)
        )
    parts = [float(v.var(ddof=1)) / v.size for v in (a, b)]
    difference = float(a.mean() - b.mean())
    denominator = sum(p**2 / (v.size - 1) for p, v in zip(parts, (a, b), strict=True))
    degrees = sum(parts) ** 2 / denominator if denominator > 0 else NAN
    return _t_result(
        difference, error=math.sqrt(sum(parts)), degrees=degrees, method="welch_t", confidence=confidence, n=n
    )


def wilcoxon(first: ArrayLike, second: ArrayLike) -> TestResult:
    """Wilcoxon signed-rank test of the differences (zeros by Pratt's rule); the effect is their median."""
    difference, _ = _differences(first, second)
    n = int(difference.size)
    effect = undefined(
        "the signed-rank test has no interval here",
        method="wilcoxon",
        confidence=NAN,
        estimate=float(np.median(difference)) if n else NAN,
    )
    if not np.any(difference):
        reason = "no pairs" if n == 0 else "all differences are zero"
        return _undefined("wilcoxon", reason=reason, effect=effect, n=n)
    from scipy import stats

    result = stats.wilcoxon(difference, zero_method="pratt")
    return TestResult(
        method="wilcoxon",
        p_value=float(result.pvalue),
        statistic=float(result.statistic),
        degrees=NAN,
        effect=effect,
        n=n,
    )


def holm(p_values: ArrayLike) -> FloatArray:
    """Holm's adjusted p-values, in the order given; NaN stays NaN and does not count as a test.

    adjusted_(i) = max over j <= i of min(1, (m - j + 1) p_(j)).  Source: Holm 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = ~np.isnan(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise ValueError("p-values lie between 0 and 1")
    order = np.argsort(p[known], kind="stable")
    steps = np.maximum.accumulate(p[known][order] * np.arange(order.size, 0, -1))
    adjusted = np.empty(order.size)
    adjusted[order] = np.minimum(steps, 1.0)
    result = np.full(p.shape, NAN)
    result[known] = adjusted
    return result


def _t_result(
    estimate: float, *, error: float, degrees: float, method: str, confidence: float, n: int
) -> TestResult:
    if not error > 1e-12 * max(1.0, abs(estimate)) or not math.isfinite(error):
        reason = "no spread to estimate"
        effect = undefined(reason, method=method, confidence=confidence, estimate=estimate)
        return _undefined(method, reason=reason, effect=effect, n=n)
    from scipy import special

    statistic = estimate / error
    return TestResult(
        method=method,
        p_value=2 * float(special.stdtr(degrees, -abs(statistic))),
        statistic=statistic,
        degrees=degrees,
        effect=t_interval(estimate, error=error, degrees=degrees, method=method, confidence=confidence),
        n=n,
    )


def _undefined(method: str, *, reason: str, effect: Interval, n: int) -> TestResult:
    return TestResult(
        method=method, p_value=NAN, statistic=NAN, degrees=NAN, effect=effect, n=n, reason=reason
    )


def _differences(first: ArrayLike, second: ArrayLike) -> tuple[FloatArray, np.ndarray]:
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"paired values must have one length: {a.shape}, {b.shape}")
    check_size(a)
    check_size(b)
    kept = ~(np.isnan(a) | np.isnan(b))
    return (a - b)[kept], kept


def _numbers(values: ArrayLike) -> FloatArray:
    numbers = np.asarray(values, dtype=np.float64).ravel()
    check_size(numbers)
    return numbers[~np.isnan(numbers)]
