"""Outside truth: scipy.stats, published examples, and values recorded from statsmodels 0.15.0."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.metrics.clustered import t_clustered
from evaluation.metrics.tests import (
    ExactTest,
    TestResult,
    compare_shares,
    difference_of_shares,
    holm,
    paired_t,
    welch_t,
    welch_t_clustered,
    wilcoxon,
)


def test_fisher_equals_the_lady_tasting_tea() -> None:
    """Fisher 1935: three of four cups right, two-sided p = 34/70."""
    assert compare_shares((3, 4), (1, 4)).p_value == pytest.approx(34 / 70, abs=1e-12)


@pytest.mark.parametrize("test", list(ExactTest))
def test_exact_tests_equal_scipy(test: ExactTest) -> None:
    table = [[7, 12], [8, 3]]
    truth = {
        "fisher": stats.fisher_exact,
        "barnard": stats.barnard_exact,
        "boschloo": stats.boschloo_exact,
    }[test](table)
    assert compare_shares((7, 15), (12, 15), test=test).p_value == pytest.approx(truth.pvalue, abs=1e-9)


def test_newcombes_interval_equals_his_example() -> None:
    """Newcombe 1998, Statistics in Medicine 17:873, table II (a), method 10: 56/70 - 48/80, 0.0524 to
    0.3339."""
    ours = difference_of_shares((56, 70), (48, 80))
    assert (round(ours.low, 4), round(ours.high, 4)) == (0.0524, 0.3339)


def test_an_empty_group_has_a_reason() -> None:
    result = compare_shares((0, 0), (3, 4))
    assert math.isnan(result.p_value)
    assert result.reason == "one of the groups is empty"


def test_paired_t_equals_scipy_and_skips_nan() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=20), rng.normal(size=20)
    a[3] = math.nan
    truth = stats.ttest_rel(a, b, nan_policy="omit")
    ours = paired_t(a, b)
    assert (ours.p_value, ours.statistic) == pytest.approx((truth.pvalue, truth.statistic), abs=1e-12)
    assert ours.n == 19
    interval = truth.confidence_interval()
    assert (ours.effect.low, ours.effect.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_clusters_of_one_give_the_plain_paired_test() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 20))
    names = [f"image {i}" for i in range(20)]
    assert paired_t(a, b, clusters=names).p_value == pytest.approx(paired_t(a, b).p_value, abs=1e-12)


def test_clustered_t_equals_ordinary_least_squares_with_clusters() -> None:
    """Recorded from statsmodels 0.15.0: OLS(d, 1).fit(cov_type="cluster", groups=..., use_t=True).bse,
    pvalues."""
    difference = np.array([0.5, 0.1, 0.9, -0.2, 0.4, 0.7])
    result = paired_t(difference, np.zeros(6), clusters=["a", "a", "b", "b", "c", "c"])
    assert result.effect.standard_error == pytest.approx(0.07637626158259732, abs=1e-12)
    assert result.p_value == pytest.approx(0.03457841594904443, abs=1e-12)
    assert result.degrees == 2


def test_repeating_every_pair_within_its_cluster_changes_nothing() -> None:
    """Control: an unclustered error shrinks by sqrt(2) when each pair is written twice."""
    a = np.array([0.5, 0.1, 0.9, -0.2])
    names = ["a", "b", "c", "d"]
    once = paired_t(a, np.zeros(4), clusters=names)
    twice = paired_t(np.tile(a, 2), np.zeros(8), clusters=names * 2)
    assert twice.p_value == pytest.approx(once.p_value, abs=1e-12)


def test_welch_equals_scipy() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=12), rng.normal(0.5, 3, size=30)
    truth = stats.ttest_ind(a, b, equal_var=False)
    ours = welch_t(a, b)
    assert (ours.p_value, ours.degrees) == pytest.approx((truth.pvalue, truth.df), abs=1e-12)


def test_wilcoxon_equals_scipy() -> None:
    a, b = np.array([4.0, 3, 5, 2, 4, 4]), np.array([3.0, 3, 3, 3, 2, 1])
    truth = stats.wilcoxon(a - b, zero_method="pratt")
    assert wilcoxon(a, b).p_value == pytest.approx(truth.pvalue, abs=1e-12)


def test_holm_equals_the_published_example() -> None:
    """Holm 1979 on p = 0.01, 0.04, 0.03, 0.005; the same as R's p.adjust(p, "holm")."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], atol=1e-15)


def test_holm_does_not_count_tests_that_could_not_run() -> None:
    np.testing.assert_allclose(holm([0.01, math.nan, 0.04]), [0.02, math.nan, 0.04])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


numbers = st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(2.0)), max_size=6)


@given(first=numbers, second=numbers)
def test_no_values_crash_a_test_and_no_p_value_is_silent(first: list[float], second: list[float]) -> None:
    """Control: two constant samples divide by zero without the check on the error."""
    n = min(len(first), len(second))
    a, b = first[:n], second[:n]
    for result in (
        paired_t(a, b),
        paired_t(a, b, clusters=["x"] * n),
        welch_t(first, second),
        wilcoxon(a, b),
    ):
        assert math.isnan(result.p_value) == bool(result.reason)
        if not result.reason:
            assert 0 <= result.p_value <= 1


@given(a=st.integers(0, 6), b=st.integers(0, 6), c=st.integers(0, 6), d=st.integers(0, 6))
def test_no_two_by_two_table_crashes(a: int, b: int, c: int, d: int) -> None:
    result = compare_shares((a, a + b), (c, c + d))
    assert math.isnan(result.p_value) == bool(result.reason)
    boschloo = compare_shares((a, a + b), (c, c + d), test=ExactTest.FISHER)
    assert not math.isinf(boschloo.statistic)


def fisher_by_ratios(a: int, b: int, *, total: int) -> float:
    """Two-sided p of a and b successes of `total` each, by the ratios of neighbouring tables."""
    x = np.arange(a + b)
    steps = np.log((total - x) * (a + b - x)) - np.log((x + 1) * (total - a - b + x + 1))
    logs = np.concatenate([[0.0], np.cumsum(steps)])
    shares = np.exp(logs - logs.max())
    return float(shares[logs <= logs[a] + 1e-9].sum() / shares.sum())


def test_a_p_value_of_huge_counts_is_right_or_has_a_reason() -> None:
    """Truth: the ratios of neighbouring tables. Control: leave MOST_OUTCOMES out: 0.9999997 for 6e-7."""
    result = compare_shares((50_000, 5_000_000), (51_573, 5_000_000))
    assert result.p_value == pytest.approx(fisher_by_ratios(50_000, 51_573, total=5_000_000), rel=1e-6)
    half, more = 10**12, 10**12 + 5 * 10**6
    result = compare_shares((half, 2 * half), (more, 2 * half))
    assert math.isnan(result.p_value)
    assert (
        result.reason == "4000000000000 outcomes are too many for Fisher's test, which takes up to 10000000"
    )
    assert result.effect.low < result.effect.high
    for slow in (ExactTest.BARNARD, ExactTest.BOSCHLOO):
        assert "up to 1000" in compare_shares((5, 10), (400, 1_000), test=slow).reason
    with pytest.raises(ValueError, match="more than can be counted exactly"):
        compare_shares((1, 10**20), (2, 10**20))
    short = np.int32(2 * 10**9)
    assert compare_shares((short, short), (short, short)).n == 4 * 10**9  # type: ignore[arg-type]


def test_clustered_welch_is_welch_without_a_shared_thing_and_paired_with_all_shared() -> None:
    """Truth: the two tests between which it stands, themselves checked against scipy."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=12), rng.normal(1, 2, size=9)
    apart = welch_t_clustered(a, b, first_things=np.arange(12), second_things=np.arange(100, 109))
    truth = welch_t(a, b)
    assert (apart.p_value, apart.degrees) == pytest.approx((truth.p_value, truth.degrees), abs=1e-12)
    c = a + rng.normal(size=12)
    order = rng.permutation(12)
    whole = welch_t_clustered(a, c[order], first_things=np.arange(12), second_things=order)
    pairs = paired_t(a, c)
    assert (whole.statistic, whole.degrees) == pytest.approx((pairs.statistic, pairs.degrees), abs=1e-12)


@pytest.mark.parametrize("names", [["a", None, "b"], ["a", math.nan, "b"], ["a", 1, "b"]])
def test_a_missing_name_is_no_cluster_of_its_own(names: list[Any]) -> None:
    """Control: names by `astype(str)`, or by `np.unique` of mixed kinds, which is a TypeError."""
    values = [1.0, 2.0, 4.0]
    with pytest.raises(ValueError, match=r"clusters: .*: (name each|make all texts)"):
        paired_t(values, [0.0, 0.0, 1.0], clusters=names)
    with pytest.raises(ValueError, match=r"things: .*: (name each|make all texts)"):
        welch_t_clustered(values, values, first_things=["a", "b", "c"], second_things=names)
    with pytest.raises(ValueError, match=r"clusters: .*: (name each|make all texts)"):
        t_clustered(np.array(values), clusters=names)
    assert paired_t([1.0, math.nan, 4.0], [0.0, 0.0, 1.0], clusters=["a", None, "b"]).n == 2


def test_clustered_welch_covers_where_a_third_of_the_things_is_shared() -> None:
    """2,000 studies whose groups don't differ. Control: `welch_t` covers 99 %: shared things cancel."""
    rng = np.random.default_rng(11)
    first, second = np.arange(30), np.arange(20, 50)
    covered = 0
    for _ in range(2000):
        thing = rng.normal(0, 2, 50)
        a, b = thing[first] + rng.normal(0, 0.5, 30), thing[second] + rng.normal(0, 0.5, 30)
        effect = welch_t_clustered(a, b, first_things=first, second_things=second).effect
        covered += effect.low < 0 < effect.high
    assert 0.93 < covered / 2000 < 0.97


def test_differences_that_rounding_alone_tells_apart_are_ties() -> None:
    """0.3 - 0.1 and 0.4 - 0.2 differ in the last digit. Control: leave `_tied` out.

    The same pairs in tenths are whole numbers, and must give the same test.
    """
    first = [0.3, 0.4, 0.8, 0.2, 0.9, 1.1, 0.5, 0.1 + 0.2]
    second = [0.1, 0.2, 1.0, 0.6, 0.5, 0.4, 0.6, 0.3]
    tenths = wilcoxon([round(10 * v) for v in first], [round(10 * v) for v in second])
    ours = wilcoxon(first, second)
    assert (ours.statistic, ours.p_value) == (tenths.statistic, tenths.p_value)
    assert ours.effect.estimate == pytest.approx(tenths.effect.estimate / 10)


@pytest.mark.parametrize("test", [paired_t, welch_t])
@pytest.mark.parametrize(("unit", "start"), [(1.0, 1e12), (1e-170, 0.0)])
def test_a_t_test_is_the_same_in_any_unit(test: Callable[..., TestResult], unit: float, start: float) -> None:
    """Control: leave `_in_one_unit` out: squares of 1e-170 are nothing, and nothing is no spread."""
    a, b = np.array([1.0, 4.0, 2.0, 5.0]), np.array([2.0, 1.0, 3.0, 1.0])
    ours, plain = test(start + unit * a, start + unit * b), test(a, b)
    assert ours.p_value == pytest.approx(plain.p_value, rel=1e-9)
    assert ours.effect.low / unit == pytest.approx(plain.effect.low, rel=1e-9)


@pytest.mark.parametrize("value", [1j, "3", b"3", object()])
def test_what_is_no_real_number_is_refused_with_its_type(value: object) -> None:
    """Control: numpy's own TypeError, or a complex number cut to its real part."""
    with pytest.raises(ValueError, match="must be real numbers"):
        welch_t([1.0, 2.0, value], [2.0, 4.0])  # type: ignore[arg-type]
