import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.bounded import (
    ZeroWidth,
    binomial_bounded,
    item_intervals,
    sos_interval,
    sos_model,
)
from evaluation.metrics.intervals import IntervalMethod, wilson
from evaluation.metrics.opinion import PRESETS, Protocol, opinion_report
from evaluation.metrics.tables import AnswerRow, RatingTable


def table_of(items: list[list[float]], *, groups: list[str] | None = None) -> RatingTable:
    return RatingTable.from_rows(
        AnswerRow(item=f"i{i}", rater=f"r{r}", score=score, group=groups[i] if groups else "")
        for i, scores in enumerate(items)
        for r, score in enumerate(scores)
    )


def test_the_sos_parameter_is_the_least_squares_slope() -> None:
    """Truth: numpy.linalg.lstsq of the variances on (m - 1)(5 - m)."""
    scores = np.random.default_rng(3).integers(1, 6, (40, 4)).astype(float)
    model = sos_model(table_of(scores.tolist()))
    mean, variance = scores.mean(axis=1), scores.var(axis=1, ddof=1)
    slope = np.linalg.lstsq(((mean - 1) * (5 - mean))[:, None], variance, rcond=None)[0][0]
    assert model.a.estimate == pytest.approx(slope, abs=1e-12)
    assert (model.n_items, model.degrees) == (40, 120)


def test_the_sos_interval_of_the_parameter_is_the_jackknife_done_by_leaving_items_out() -> None:
    scores = np.random.default_rng(4).integers(1, 6, (12, 3)).astype(float)
    full = sos_model(table_of(scores.tolist())).a
    without = [sos_model(table_of(np.delete(scores, i, axis=0).tolist())).a.estimate for i in range(12)]
    error = math.sqrt(11 / 12 * np.sum((np.array(without) - np.mean(without)) ** 2))
    assert full.standard_error == pytest.approx(error, abs=1e-12)


def test_a_study_of_coin_flips_between_the_ends_has_parameter_one() -> None:
    """The largest spread a scale allows: half 1, half 5. Population variance 4 = a * 2 * 2, so a = 1."""
    rng = np.random.default_rng(0)
    scores = np.where(rng.random((400, 100)) < 0.5, 1.0, 5.0)
    assert sos_model(table_of(scores.tolist())).a.estimate == pytest.approx(1.0, abs=0.02)


def test_three_equal_votes_get_a_width_from_the_rest_of_the_study() -> None:
    """Control: the spread of the item itself gives an interval of width zero."""
    study = [[4.0, 4.0, 4.0], [2.0, 3.0, 5.0], [1.0, 3.0, 3.0], [5.0, 4.0, 2.0], [5.0, 5.0, 5.0]]
    intervals = item_intervals(table_of(study))
    assert (intervals.low < intervals.high).all()
    assert intervals.bounded.tolist() == [False, False, False, False, True]
    single = sos_interval(4.0, n=3, model=sos_model(table_of(study)))
    assert (single.low, single.high) == pytest.approx((intervals.low[0], intervals.high[0]))
    assert single.flag


def test_the_bounded_interval_is_wilsons_on_the_scale() -> None:
    ends = wilson(6, total=8)
    bounded = binomial_bounded(4.0, n=8, scale=(1.0, 5.0))
    assert (bounded.low, bounded.high) == pytest.approx((1 + 4 * ends.low, 1 + 4 * ends.high), abs=1e-12)


@given(share=st.floats(0, 1), n=st.integers(1, 10**9), low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e6))
def test_the_bounded_interval_always_has_a_width_and_holds_its_mean(
    share: float, n: int, low: float, width: float
) -> None:
    scale = (low, low + width)
    mean = min(max(low + share * width, scale[0]), scale[1])
    interval = binomial_bounded(mean, n=n, scale=scale)
    assert interval.reason or interval.low < interval.high
    assert interval.reason or interval.low <= mean <= interval.high


def test_a_group_of_equal_scores_gets_a_flagged_stand_in() -> None:
    """Control: without the stand-in the cell is empty; without the flag nobody knows."""
    table = table_of([[4.0] * 3] * 5 + [[1.0, 2.0, 5.0], [3.0, 4.0, 4.0]], groups=["A"] * 5 + ["B"] * 2)
    for rule, method in ((ZeroWidth.BOUNDED, "binomial_bounded"), (ZeroWidth.POOLED, "pooled")):
        mos = opinion_report(table, protocol=Protocol(zero_width=rule)).groups[0].mos
        assert mos.method == method
        assert "all 5 item scores are equal" in mos.flag
        assert mos.low < 4.0 < mos.high
    empty = opinion_report(table, protocol=Protocol(zero_width=ZeroWidth.EMPTY)).groups[0].mos
    assert empty.reason == "all 5 item scores are equal"


def test_the_published_presets_leave_equal_scores_empty_and_divide_as_their_code_does() -> None:
    """Truth: 1.96 * numpy.std / sqrt(n), as the published evaluation code computes it."""
    scores = [[4.0, 4.0, 5.0], [2.0, 3.0, 5.0], [1.0, 3.0, 3.0]]
    mos = opinion_report(table_of(scores), protocol=PRESETS["published_code"]).overall.mos
    medians = np.median(scores, axis=1)
    assert mos.method == IntervalMethod.Z_196_POPULATION
    assert mos.high - mos.estimate == pytest.approx(1.96 * np.std(medians) / math.sqrt(3), abs=1e-12)


def test_a_mean_off_the_scale_and_a_bad_scale_are_refused() -> None:
    assert binomial_bounded(7.0, n=3, scale=(1.0, 5.0)).reason == "the mean 7 is not on the scale"
    with pytest.raises(ValueError, match="scale"):
        binomial_bounded(1.0, n=3, scale=(5.0, 1.0))
