import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.metrics.bootstrap import bootstrap_items, resampled_means


@pytest.mark.parametrize("continuous", [False, True])
def test_the_interval_equals_scipys_within_its_noise(continuous: bool) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(3.5, 1, 400) if continuous else rng.integers(2, 11, 400) / 2
    ours = bootstrap_items(values, rng=rng, n_resamples=20_000)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=rng)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.004)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.004)
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=0.03)


def test_both_ways_of_drawing_have_the_same_spread() -> None:
    """Drawing counts of values and drawing indices are the same experiment."""
    values = np.random.default_rng(2).integers(1, 6, 500).astype(float)
    jittered = values + np.linspace(0, 1e-9, 500)
    by_count = resampled_means(values, rng=np.random.default_rng(3), n_resamples=20_000)
    by_index = resampled_means(jittered, rng=np.random.default_rng(4), n_resamples=20_000)
    assert by_count.std() == pytest.approx(by_index.std(), rel=0.03)


@pytest.mark.parametrize(("values", "reason"), [([], "no item"), ([3.0], "one item"), ([4.1] * 9, "equal")])
def test_nothing_to_resample_has_a_reason(values: list[float], reason: str) -> None:
    ours = bootstrap_items(np.array(values), rng=np.random.default_rng(0), n_resamples=50)
    assert reason in ours.reason
    assert math.isnan(ours.low)


@settings(max_examples=40)
@given(values=st.lists(st.one_of(st.floats(-1e9, 1e9), st.just(math.nan)), max_size=8))
def test_no_values_crash_the_bootstrap(values: list[float]) -> None:
    ours = bootstrap_items(np.array(values), rng=np.random.default_rng(0), n_resamples=30)
    assert bool(ours.reason) == math.isnan(ours.low)
