"""Hypothesis tests: exact tests of two shares, paired and unpaired comparisons, Holm's correction.

Every test returns a TestResult: a p-value with an effect and its interval, or NaN with a reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from evaluation.metrics.clustered import cluster_codes
from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import (
    NAN,
    TOO_SMALL,
    Interval,
    check_share,
    check_size,
    real_numbers,
    t_interval,
    undefined,
)
from evaluation.metrics.tables import FloatArray

# What subtracting leaves of nothing, and how far apart equal differences can come out, as shares of the
# largest value: item scores are means of a few ratings.
ROUNDING, TIE = 1e-14, 1e-14


# Beyond so many outcomes in all, a test's sums lose their digits (Fisher's p is half of the truth from some
# billions on) or take minutes: the two others look at every table of the same totals.
MOST_OUTCOMES: Final = {"fisher": 10_000_000, "barnard": 1_000, "boschloo": 1_000}


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

    The effect is the difference of the shares with Newcombe's interval (1998, method 10). Undefined above
    MOST_OUTCOMES in all. Validated against scipy.stats and Fisher's tea tasting.
    """
    for successes, total in (first, second):
        check_share(successes, total=total)
    # Python's own numbers: sums of numpy's short ones overflow.
    first, second = (int(first[0]), int(first[1])), (int(second[0]), int(second[1]))
    n = first[1] + second[1]
    effect = difference_of_shares(first, second, confidence=confidence)
    if not first[1] or not second[1]:
        return _undefined(test, reason="one of the groups is empty", effect=effect, n=n)
    if n > MOST_OUTCOMES[test]:
        reason = (
            f"{n} outcomes are too many for {test.title()}'s test, which takes up to {MOST_OUTCOMES[test]}"
        )
        return _undefined(test, reason=reason, effect=effect, n=n)
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
    first: ArrayLike, second: ArrayLike, *, clusters: Sequence[Any] | None = None, confidence: float = 0.95
) -> TestResult:
    """Paired t test of first - second; pairs with a NaN are left out.

    clusters: one name per pair (the image): pairs of one cluster are not independent, and the standard error
    is the cluster-robust one, G/(G-1) sum_g (sum_i e_i)^2 / n^2, with G-1 degrees of freedom.
    Validated against scipy.stats.ttest_rel and statsmodels' OLS with cov_type="cluster".
    """
    difference, kept, unit = _differences(first, second)
    method = "paired_t" if clusters is None else "paired_t_clustered"
    n = int(difference.size)
    groups = np.arange(n)
    if clusters is not None:
        if len(clusters) != kept.size:
            raise ValueError(f"{len(clusters)} clusters for {kept.size} pairs")
        names = [name for name, keep in zip(clusters, kept, strict=True) if keep]
        groups = cluster_codes(names)
    n_groups = int(groups.max()) + 1 if n else 0
    if n_groups < 2:
        reason = "fewer than two pairs" if n < 2 else "fewer than two clusters"
        effect = undefined(reason, method=method, confidence=confidence)
        return _undefined(method, reason=reason, effect=effect, n=n)
    mean = float(difference.mean())
    sums = sums_at(groups, weights=difference - mean, n=n_groups)
    error = math.sqrt(n_groups / (n_groups - 1) * float(sums @ sums)) / n
    return _t_result(
        mean, error=error, degrees=n_groups - 1.0, method=method, confidence=confidence, n=n, unit=unit,
        equal=bool(np.ptp(difference) <= ROUNDING),
    )  # fmt: skip


def welch_t(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> TestResult:
    """Welch's unpaired t test of mean(first) - mean(second); NaN values are left out."""
    a, b, unit = _in_one_unit(*(_numbers(values) for values in (first, second)))
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
        difference, error=math.sqrt(sum(parts)), degrees=degrees, method="welch_t", confidence=confidence,
        n=n, unit=unit, equal=not (np.ptp(a) or np.ptp(b)),
    )  # fmt: skip


def welch_t_clustered(
    first: ArrayLike,
    second: ArrayLike,
    *,
    first_things: Iterable[Any],
    second_things: Iterable[Any],
    confidence: float = 0.95,
) -> TestResult:
    """Welch's test of mean(first) - mean(second) where some things have a value in both; NaN is left out.

    first_things, second_things: names of what each value is of. A thing's values are one cluster:

        V = sum over things t of (u_t - v_t)^2,   u_t = sqrt(G/(G-1)) sum_{i in t} (x_i - mean) / n

    with G and n of the first group, and v_t the same of the second. Degrees of freedom: Welch's, but at most
    the number of things less one. Without a shared thing this is `welch_t`, with all shared `paired_t`.
    Source: Liang and Zeger 1986. Validated against both, and by simulation.
    """
    method = "welch_t_clustered"
    a, of_a = _numbers_of_things(first, first_things)
    b, of_b = _numbers_of_things(second, second_things)
    a, b, unit = _in_one_unit(a, b)
    n = int(a.size + b.size)
    place = cluster_codes([*of_a, *of_b], what="things")
    n_things = int(place.max(initial=-1)) + 1
    groups = [np.unique(of).size for of in (place[: a.size], place[a.size :])]
    if min(groups) < 2:
        reason = "a group has fewer than two things"
        return _undefined(
            method, reason=reason, n=n, effect=undefined(reason, method=method, confidence=confidence)
        )
    pulls = [
        math.sqrt(size / (size - 1)) / x.size * sums_at(at, weights=x - x.mean(), n=n_things)
        for x, at, size in zip((a, b), (place[: a.size], place[a.size :]), groups, strict=True)
    ]
    parts = [float(pull @ pull) for pull in pulls]
    denominator = sum(p**2 / (size - 1) for p, size in zip(parts, groups, strict=True))
    welch = sum(parts) ** 2 / denominator if denominator > 0 else NAN
    together = pulls[0] - pulls[1]
    return _t_result(
        float(a.mean() - b.mean()), error=math.sqrt(float(together @ together)),
        degrees=min(welch, n_things - 1.0), method=method, confidence=confidence, n=n, unit=unit,
        equal=not (np.ptp(a) or np.ptp(b)),
    )  # fmt: skip


def wilcoxon(first: ArrayLike, second: ArrayLike) -> TestResult:
    """Wilcoxon signed-rank test of the differences (zeros by Pratt's rule); the effect is their median.

    Differences that are equal but for rounding (0.3 - 0.1 and 0.2 - 0.0) are ties, and those of nothing but
    rounding are zeros.
    """
    difference, _, unit = _differences(first, second)
    difference = _tied(difference)
    n = int(difference.size)
    effect = undefined(
        "the signed-rank test has no interval here",
        method="wilcoxon",
        confidence=NAN,
        estimate=float(np.median(difference)) * unit if n else NAN,
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
    p = real_numbers(p_values, what="p-values")
    known = ~np.isnan(p)
    if ((p[known] < 0) | (p[known] > 1)).any():
        raise ValueError("p-values lie between 0 and 1; NaN stands for a test without one")
    order = np.argsort(p[known], kind="stable")
    steps = np.maximum.accumulate(p[known][order] * np.arange(order.size, 0, -1))
    adjusted = np.empty(order.size)
    adjusted[order] = np.minimum(steps, 1.0)
    result = np.full(p.shape, NAN)
    result[known] = adjusted
    return result


def _t_result(
    estimate: float, *, error: float, degrees: float, method: str, confidence: float, n: int, unit: float,
    equal: bool,
) -> TestResult:  # fmt: skip
    """The test of an estimate and its error, both in units of `unit`. equal: whether the values show no
    spread."""
    effect = t_interval(
        estimate * unit, error=error * unit, degrees=degrees, method=method, confidence=confidence
    )
    if not error > ROUNDING or not effect.low < effect.high:
        reason = "no spread to estimate" if equal else TOO_SMALL.format(n=n, what="values")
        effect = undefined(reason, method=method, confidence=confidence, estimate=estimate * unit)
        return _undefined(method, reason=reason, effect=effect, n=n)
    from scipy import special

    statistic = estimate / error
    return TestResult(
        method=method,
        p_value=2 * float(special.stdtr(degrees, -abs(statistic))),
        statistic=statistic,
        degrees=degrees,
        effect=effect,
        n=n,
    )


def _undefined(method: str, *, reason: str, effect: Interval, n: int) -> TestResult:
    return TestResult(
        method=method, p_value=NAN, statistic=NAN, degrees=NAN, effect=effect, n=n, reason=reason
    )


def _differences(first: ArrayLike, second: ArrayLike) -> tuple[FloatArray, np.ndarray, float]:
    """The differences of the known pairs in units of the third, and which pairs those are."""
    a, b = real_numbers(first), real_numbers(second)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"paired values must have one length: {a.shape}, {b.shape}")
    check_size(a)
    check_size(b)
    kept = ~(np.isnan(a) | np.isnan(b))
    a, b, unit = _in_one_unit(a[kept], b[kept])
    return a - b, kept, unit


def _in_one_unit(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Both in units of a power of two that brings the largest of them to 0.5 .. 1, and the unit.

    A power of two rounds nothing; squares of what is left can neither vanish nor overflow.
    """
    largest = max(float(np.abs(v).max(initial=0.0)) for v in (first, second))
    unit = math.ldexp(1.0, max(math.frexp(largest)[1], -1022)) if largest else 1.0
    return first / unit, second / unit, unit


def _tied(differences: FloatArray) -> FloatArray:
    """The differences, each group of sizes that rounding alone tells apart brought to its smallest size."""
    sizes = np.abs(differences)
    order = np.argsort(sizes, kind="stable")
    steps = np.diff(sizes[order], prepend=0.0)
    first_of_group = np.maximum.accumulate(np.where(steps > TIE, np.arange(sizes.size), -1))
    tied = np.empty_like(sizes)
    tied[order] = np.where(first_of_group < 0, 0.0, sizes[order][first_of_group])
    return np.copysign(tied, differences)


def _numbers_of_things(values: ArrayLike, things: Iterable[Any]) -> tuple[FloatArray, list[Any]]:
    numbers = real_numbers(values).ravel()
    of = things.ravel().tolist() if isinstance(things, np.ndarray) else list(things)
    if numbers.size != len(of):
        raise ValueError(f"{len(of)} things for {numbers.size} values: give one for each")
    check_size(numbers)
    known = ~np.isnan(numbers)
    return numbers[known], [name for name, keep in zip(of, known, strict=True) if keep]


def _numbers(values: ArrayLike) -> FloatArray:
    numbers = real_numbers(values).ravel()
    check_size(numbers)
    return numbers[~np.isnan(numbers)]
