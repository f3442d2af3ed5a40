"""Outside truth: scipy.stats and published tables, named per test."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.metrics.intervals import (
    Interval,
    IntervalMethod,
    clopper_pearson,
    t_items,
    undefined,
    wilson,
    z196,
)


@pytest.mark.parametrize(("successes", "total"), [(0, 5), (1, 5), (7, 9), (9, 9), (812, 1000), (1, 100000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_equals_scipy(successes: int, total: int, confidence: float) -> None:
    truth = stats.binomtest(successes, total).proportion_ci(confidence, method="wilson")
    ours = wilson(successes, total=total, confidence=confidence)
    assert ours.low == pytest.approx(truth.low, abs=1e-12)
    assert ours.high == pytest.approx(truth.high, abs=1e-12)


@pytest.mark.parametrize(("successes", "total"), [(0, 5), (1, 5), (7, 9), (9, 9), (812, 1000)])
def test_clopper_pearson_equals_scipy(successes: int, total: int) -> None:
    truth = stats.binomtest(successes, total).proportion_ci(0.95, method="exact")
    ours = clopper_pearson(successes, total=total)
    assert ours.low == pytest.approx(truth.low, abs=1e-9)
    assert ours.high == pytest.approx(truth.high, abs=1e-9)


def test_wilson_equals_the_published_example() -> None:
    """Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263 gives 0.2553 to 0.3662."""
    ours = wilson(81, total=263)
    assert (round(ours.low, 4), round(ours.high, 4)) == (0.2553, 0.3662)


def test_t_items_equals_scipy() -> None:
    values = np.array([3.0, 4.0, 4.5, 2.0, 5.0])
    low, high = stats.t.interval(0.95, 4, loc=values.mean(), scale=stats.sem(values))
    ours = t_items(values)
    assert (ours.low, ours.high) == pytest.approx((low, high), abs=1e-12)
    assert ours.method == IntervalMethod.T_ITEMS


def test_z196_uses_1_96_exactly() -> None:
    values = np.array([3.0, 4.0, 4.5, 2.0, 5.0])
    ours = z196(values)
    assert ours.high - ours.estimate == pytest.approx(1.96 * stats.sem(values), abs=1e-12)


@pytest.mark.parametrize(
    ("values", "reason"),
    [([], "no item"), ([3.0], "one item"), ([4.1, 4.1, 4.1], "equal"), ([math.nan, 3.0], "one item")],
)
def test_undefined_has_nan_bounds_and_a_reason(values: list[float], reason: str) -> None:
    """Control: dropping the spread check draws a zero-width interval for 4.1, 4.1, 4.1."""
    for interval in (t_items(np.array(values)), z196(np.array(values))):
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)
        assert reason in interval.reason
        assert not interval.is_defined


def test_a_share_of_nothing_is_undefined() -> None:
    for interval in (wilson(0, total=0), clopper_pearson(0, total=0)):
        assert math.isnan(interval.low)
        assert interval.reason == "nothing counted"


@pytest.mark.parametrize(("successes", "total"), [(-1, 3), (4, 3), (0, -1)])
def test_a_share_above_its_total_is_refused(successes: int, total: int) -> None:
    with pytest.raises(ValueError, match="not a share"):
        wilson(successes, total=total)


def test_infinite_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        t_items([1.0, math.inf])


SCALE = (1.0, 5.0)


@given(st.floats(1, 5), st.floats(-4, 3), st.floats(3, 10))
def test_cutting_at_the_scale_covers_a_mean_exactly_as_often_as_the_whole(
    truth: float, low: float, high: float
) -> None:
    whole = Interval(estimate=3.0, low=low, high=high, method="two_way", confidence=0.95)
    cut = whole.within(SCALE)
    assert (cut.low <= truth <= cut.high) == (whole.low <= truth <= whole.high)
    assert SCALE[0] <= cut.low <= cut.high <= SCALE[1]
    assert whole.passes(SCALE) == (cut != whole)


def test_an_undefined_interval_stays_undefined() -> None:
    nothing = undefined("no item", method="two_way", confidence=0.95)
    assert nothing.within(SCALE) is nothing
    assert not nothing.passes(SCALE)


@pytest.mark.parametrize(("unit", "start"), [(1.0, 1e13), (1e-170, 0.0), (2.0**-44, 1.0)])
def test_scores_that_differ_at_all_have_an_interval_and_only_equal_ones_are_called_equal(
    unit: float, start: float
) -> None:
    """1, 2, 4 and 5 in steps that squares or means lose. Control: numpy's std in place of `deviation`, or a
    spread below 1e-12 of the mean taken for none."""
    steps = np.array([1.0, 2.0, 4.0, 5.0])
    plain, tiny = t_items(steps), t_items(start + unit * steps)
    assert tiny.standard_error / unit == pytest.approx(plain.standard_error, rel=1e-12)
    assert "are equal" in t_items(np.full(4, start + unit)).reason


@pytest.mark.parametrize("share", [wilson, clopper_pearson])
def test_a_count_that_is_no_whole_number_is_refused(share: Callable[..., Interval]) -> None:
    """Control: compare sizes only: 2.5 of 5 is then half."""
    with pytest.raises(ValueError, match=r"successes must be a whole number, got 2\.5"):
        share(2.5, total=5)
