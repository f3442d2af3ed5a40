import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.metrics.screening import (
    AttentionAnswer,
    attention_outcomes,
    leave_one_out_correlations,
    longest_runs,
    reject_rates,
    screen_raters,
)
from evaluation.metrics.tables import AnswerRow, RatingTable


def random_table(seed: int = 0, n_items: int = 30, n_raters: int = 5) -> RatingTable:
    rng = np.random.default_rng(seed)
    return RatingTable.from_rows(
        AnswerRow(
            item=f"i{i}", rater=f"r{r}", score=float(rng.integers(1, 6)), seconds=float(rng.random() * 9)
        )
        for i in range(n_items)
        for r in range(n_raters)
        if rng.random() < 0.7
    )


def test_attention_is_counted_per_rater() -> None:
    answers = [AttentionAnswer(rater="x", passed=p) for p in (True, False, True)]
    x, y = attention_outcomes([*answers, AttentionAnswer(rater="y", passed=True)])
    assert (x.rater, x.n_served, x.n_failed) == ("x", 3, 1)
    assert (y.n_served, y.n_failed) == (1, 0)
    assert x.fail_rate.low == pytest.approx(stats.binomtest(1, 3).proportion_ci(method="exact").low)


def test_leave_one_out_correlation_equals_scipy_rater_by_rater() -> None:
    table = random_table()
    dense, _ = table.dense()
    ours, compared = leave_one_out_correlations(table)
    for r in range(table.n_raters):
        others = np.delete(dense, r, axis=1)
        with np.errstate(invalid="ignore"):
            mean = np.nansum(others, axis=1) / np.count_nonzero(~np.isnan(others), axis=1)
        both = ~np.isnan(dense[:, r]) & ~np.isnan(mean)
        assert compared[r] == both.sum()
        assert ours[r] == pytest.approx(stats.pearsonr(dense[both, r], mean[both]).statistic, abs=1e-12)


def test_a_constant_rater_has_a_reason_instead_of_a_correlation() -> None:
    """Control: without the spread check, 0/0 or rounding dust gives a correlation."""
    # The mean of six 1.1 is 1.1000000000000003.
    rows = [
        AnswerRow(item=f"i{i}", rater=rater, score=1.1 if rater == "x" else 1.0 + i / 2)
        for i in range(6)
        for rater in "xyz"
    ]
    x = screen_raters(RatingTable.from_rows(rows))[0]
    assert math.isnan(x.leave_one_out_correlation)
    assert "leave_one_out_correlation: scores do not vary" in x.reasons


def test_the_longest_run_follows_the_order_of_submission() -> None:
    answers: list[float | str] = [
        3,
        3,
        "image_too_poor",
        "image_too_poor",
        "image_too_poor",
        3,
        "word_too_abstract",
    ]
    rows = []
    for i, answer in enumerate(answers):
        score, opt_out = (None, answer) if isinstance(answer, str) else (answer, None)
        rows.append(AnswerRow(item=f"i{i}", rater="x", score=score, opt_out=opt_out))
        rows.append(AnswerRow(item=f"i{i}", rater="y", score=4))
    assert longest_runs(RatingTable.from_rows(rows)).tolist() == [3, 7]


def test_times_are_per_rater_and_unknown_times_have_a_reason() -> None:
    rows = [
        AnswerRow(item=f"i{i}", rater="x", score=3, seconds=s) for i, s in enumerate([4.0, 1.0, 9.0, 2.0])
    ]
    x, y = screen_raters(RatingTable.from_rows([*rows, AnswerRow(item="i0", rater="y", score=2)]))
    assert (x.median_seconds, x.fastest_seconds) == (3.0, 1.0)
    assert "seconds: no times known" in y.reasons


def test_reject_rates_are_counted_three_ways() -> None:
    rows = [AnswerRow(item=f"i{i}", rater="x", score=3) for i in range(8)]
    rows += [AnswerRow(item=f"i{i}", rater="y", score=3) for i in range(2)]
    rates = reject_rates(RatingTable.from_rows(rows), excluded=["y"], assignments={"x": 2, "y": 3})
    assert (rates.by_assignment.estimate, rates.by_rater.estimate) == (3 / 5, 1 / 2)
    assert rates.by_answer.estimate == 2 / 10


answers = st.tuples(st.integers(0, 5), st.integers(0, 4), st.sampled_from([1.0, 3.0, 5.0, None]))


@given(rows=st.lists(answers, max_size=25, unique_by=lambda a: a[:2]))
def test_screening_never_crashes_and_every_missing_number_has_a_reason(
    rows: list[tuple[int, int, float | None]],
) -> None:
    table = RatingTable.from_rows(
        AnswerRow(item=str(i), rater=str(r), score=s, opt_out=None if s else "image_too_poor")
        for i, r, s in rows
    )
    for screen in screen_raters(table):
        assert math.isnan(screen.leave_one_out_correlation) == any("correlation" in r for r in screen.reasons)
        assert math.isnan(screen.mean_score) == any("mean_score" in r for r in screen.reasons)
        assert screen.longest_run >= 1
