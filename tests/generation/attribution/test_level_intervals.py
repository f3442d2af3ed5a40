"""Intervals over noise levels, against scipy's t and against simulated levels."""

import math

import numpy as np
import pytest
from scipy import stats

from generation.attribution.level_intervals import FEWEST_LEVELS, half_width, t_quantile


@pytest.mark.parametrize("freedom", [8, 12.9, 32.9, 1000])
def test_the_quantile_is_student_s(freedom: float) -> None:
    assert t_quantile(0.975, freedom=freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=1e-3)


def test_intervals_of_the_fewest_levels_cover_what_they_promise() -> None:
    """Truth: 20,000 simulated totals of independent terms. Control: 1.96, which covers 93.1 %."""
    terms = np.random.default_rng(0).normal(size=(20_000, FEWEST_LEVELS))
    errors = np.sqrt((np.diff(terms) ** 2).sum(axis=1) / (2 * (FEWEST_LEVELS - 1)) / FEWEST_LEVELS)
    halves = [half_width(float(error), levels=FEWEST_LEVELS) for error in errors]
    covered = np.abs(terms.mean(axis=1)) <= np.array(halves, dtype=float)
    assert covered.mean() == pytest.approx(0.95, abs=0.005)


def test_there_is_no_interval_of_few_levels_or_of_an_unknown_error() -> None:
    """Control: an interval of 19 levels."""
    assert half_width(1.0, levels=FEWEST_LEVELS - 1) is None
    assert half_width(None, levels=50) is None
    assert half_width(math.nan, levels=50) is None
