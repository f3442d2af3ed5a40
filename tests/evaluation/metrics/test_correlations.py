import math

import numpy as np
import pingouin
import pytest
from scipy import stats

from evaluation.metrics.correlations import (
    as_percent,
    correlation_difference,
    mean_correlation,
    mean_correlation_difference,
    pearson,
    pixel_correlations,
)
from evaluation.metrics.intervals import Interval


def images(*, n: int = 80, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(change, a score that follows it, the same score with some noise more)."""
    rng = np.random.default_rng(seed)
    change = rng.standard_normal(n)
    score = change + rng.standard_normal(n)
    return change, score, score + 0.3 * rng.standard_normal(n)


def test_r_its_interval_and_its_p_value_are_scipys_and_pingouins() -> None:
    change, score, _ = images()
    ours, theirs = pearson(score, change), stats.pearsonr(score, change)
    bounds = theirs.confidence_interval(0.95)
    assert ours.interval.estimate == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-12)
    assert (ours.interval.low, ours.interval.high) == pytest.approx(tuple(bounds), abs=1e-9)
    table = pingouin.corr(score, change)
    assert ours.interval.estimate == pytest.approx(float(table["r"].iloc[0]), abs=1e-9)


def test_pixel_correlations_are_taken_image_by_image() -> None:
    """Control: pooling the pixels of all images would let differences between images pass for agreement."""
    rng = np.random.default_rng(1)
    maps = [rng.random((8, 9)) + 10 * k for k in range(6)]
    changes = [rng.random((8, 9)) + 10 * k for k in range(6)]
    expected = [stats.pearsonr(a.ravel(), b.ravel()).statistic for a, b in zip(maps, changes, strict=True)]
    np.testing.assert_allclose(pixel_correlations(maps, changes), expected, atol=1e-12)
    assert np.isnan(pixel_correlations([np.ones((3, 3))], [rng.random((3, 3))])[0])
    with pytest.raises(ValueError, match="resize first"):
        pixel_correlations([np.ones((3, 3))], [np.ones((3, 4))])


def test_the_pixel_level_interval_resamples_whole_images() -> None:
    r = np.random.default_rng(2).uniform(-0.2, 0.9, 40)
    ours = mean_correlation(r, rng=np.random.default_rng(3), n_resamples=20_000)
    theirs = stats.bootstrap(
        (r,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(4)
    ).confidence_interval
    assert ours.method == "bootstrap_images"
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
    assert mean_correlation(np.array([0.3]), rng=np.random.default_rng(0)).reason.startswith("one image")


def test_a_difference_of_correlations_is_bootstrapped_in_pairs() -> None:
    """Truth: scipy's paired bootstrap. Control: drawing the two scores' images apart widens the interval."""
    change, close, loose = images()
    ours = correlation_difference(
        change, first=close, second=loose, rng=np.random.default_rng(5), n_resamples=8_000
    )

    def statistic(t: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a, t)[0, 1] - np.corrcoef(b, t)[0, 1])

    theirs = stats.bootstrap(
        (change, close, loose), statistic, paired=True, vectorized=False, n_resamples=3_000,
        method="percentile", rng=np.random.default_rng(6),
    ).confidence_interval  # fmt: skip
    assert ours.difference.estimate == pytest.approx(statistic(change, close, loose), abs=1e-12)
    assert (ours.difference.low, ours.difference.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    alone = ours.first.interval
    assert ours.difference.high - ours.difference.low < 0.6 * (alone.high - alone.low)


def test_two_pixel_level_means_are_compared_on_the_images_that_have_both() -> None:
    first = np.array([0.5, 0.6, np.nan, 0.7, 0.9])
    second = np.array([0.4, 0.2, 0.3, np.nan, 0.5])
    result = mean_correlation_difference(first, second, rng=np.random.default_rng(0))
    assert result.estimate == pytest.approx(np.mean([0.1, 0.4, 0.4]))


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ([], [], "no images"),
        ([1.0], [2.0], "one image"),
        ([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 5.0], "one side is constant"),
        ([1.0, 2.0, 4.0], [1.0, 5.0, 2.0], "fewer than four images"),
        ([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0], "the points lie on a line"),
    ],
)
def test_a_correlation_that_can_not_be_told_has_a_reason(
    first: list[float], second: list[float], reason: str
) -> None:
    """Control: scipy gives bounds of exactly 1 for points on a line, and crashes on one point."""
    result = pearson(first, second)
    assert result.interval.reason == reason
    assert math.isnan(result.interval.low)
    assert math.isnan(result.p_value)


def test_percent_carries_the_error_along() -> None:
    """Control: an error left in shares beside an estimate in percent."""
    percent = as_percent(
        Interval(
            estimate=0.5, low=0.4, high=0.6, method="m", confidence=0.95, standard_error=0.05, degrees=7.0
        )
    )
    assert (percent.estimate, percent.low, percent.high, percent.standard_error) == (50.0, 40.0, 60.0, 5.0)
    assert percent.degrees == 7.0
