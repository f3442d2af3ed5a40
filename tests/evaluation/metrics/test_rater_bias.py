import math

import numpy as np
import pytest
from scipy import stats

from benchmarks.statistics_sureal import run_sureal
from evaluation.metrics.item_scores import means
from evaluation.metrics.outlier_rules import bt500_screen, least_votes, z_filter
from evaluation.metrics.rater_bias import rater_biases, without_bias
from evaluation.metrics.tables import AnswerRow, RatingTable


def table_of(scores: np.ndarray, *, scale: tuple[float, float] = (1.0, 5.0)) -> RatingTable:
    return RatingTable.from_rows(
        (
            AnswerRow(item=f"i{i}", rater=f"r{r}", score=float(score))
            for (i, r), score in np.ndenumerate(scores)
            if not np.isnan(score)
        ),
        scale=scale,
    )


def random_scores(*, n_items: int, n_raters: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 6, (n_items, n_raters)).astype(float)


def test_scores_without_bias_are_sureals() -> None:
    scores = random_scores(n_items=30, n_raters=6)
    shifted = without_bias(table_of(scores))
    theirs = run_sureal("BiasremvMosModel", scores)
    ours = means(shifted.score, item_index=shifted.item_index, n_items=30)
    np.testing.assert_allclose(ours.value, theirs["quality_scores"], atol=1e-9)
    np.testing.assert_allclose(rater_biases(table_of(scores)).bias, theirs["observer_bias"], atol=1e-9)
    assert shifted.flow[-1].name == "subtract bias"
    assert (shifted.flow[-1].answers_before, shifted.flow[-1].answers_after) == (180, 180)


def test_bias_and_inconsistency_have_the_intervals_of_t_and_chi_squared() -> None:
    """Truth: scipy.stats on the deviations of one rater."""
    scores = random_scores(n_items=25, n_raters=4)
    result = rater_biases(table_of(scores))
    deviation = scores[:, 2] - scores.mean(axis=1)
    expected = stats.t.interval(0.95, 24, loc=deviation.mean(), scale=stats.sem(deviation))
    assert (result.bias_low[2], result.bias_high[2]) == pytest.approx(expected, abs=1e-9)
    spread = deviation.std(ddof=1)
    chi = stats.chi2.ppf([0.975, 0.025], 24)
    assert (result.inconsistency_low[2], result.inconsistency_high[2]) == pytest.approx(
        tuple(spread * np.sqrt(24 / chi)), abs=1e-9
    )


def test_a_rater_who_shares_no_item_has_a_reason_and_no_number() -> None:
    """Control: an item scored by one rater alone would give a deviation of exactly 0."""
    scores = np.array([[3.0, 4.0, np.nan], [2.0, 4.0, np.nan], [np.nan, np.nan, 5.0]])
    result = rater_biases(table_of(scores))
    assert math.isnan(result.bias[2])
    assert result.reasons[2] == "no item shared with another rater"


def test_the_rule_of_bt500_counts_and_rejects_as_sureal_does() -> None:
    """A rater who is far off to both sides in a study of many raters is rejected, and only that one."""
    scores = np.random.default_rng(6).normal(3, 0.4, (60, 16))
    scores[:, 3] += np.where(np.arange(60) % 2, 0.8, -0.8)
    ours = bt500_screen(table_of(scores, scale=(-10.0, 10.0)))
    theirs = run_sureal("SubjrejMosModel", scores)
    assert ours.rejected == ("r3",)
    assert theirs["observer_rejected"] == [r in (3,) for r in range(16)] or theirs["observer_rejected"] == [3]
    np.testing.assert_allclose((ours.high + ours.low) / ours.n, theirs["observer_rejected_1st_stats"])
    assert ours.n_able == 60


@pytest.mark.parametrize(("limit", "strict", "votes"), [(2.0, False, 5), (3.29, True, 12), (2.0, True, 6)])
def test_the_fewest_votes_that_let_a_rule_fire_do_so(limit: float, strict: bool, votes: int) -> None:
    """One vote against all others is the farthest a vote can lie: at `votes` it passes the limit, below
    not.
    """
    assert least_votes(limit, strict=strict) == votes
    for n in (votes - 1, votes):
        z = float(np.max(stats.zscore([1.0] * (n - 1) + [5.0])))
        assert ((z > limit + 1e-9) if strict else (z >= limit - 1e-9)) == (n == votes)


def test_rules_that_can_not_fire_say_so() -> None:
    """Control: "0 rejected" alone would praise raters whom nothing could have rejected."""
    table = table_of(random_scores(n_items=200, n_raters=4))
    assert bt500_screen(table).note.startswith("can't fire: it needs 5 scores on an item, the most here is 4")
    assert z_filter(table).note.startswith("can't fire: it needs 12 scores")
    assert z_filter(table).n_outliers == 0


def test_the_z_filter_marks_what_scipys_z_scores_mark() -> None:
    scores = random_scores(n_items=40, n_raters=20, seed=3)
    scores[:5, 0], scores[:5, 1:] = 5.0, 1.0
    table = table_of(scores)
    expected = np.abs(stats.zscore(scores[:5], axis=1)) > 3.29
    marked = np.zeros((40, 20), dtype=bool)
    marked[table.item_index, table.rater_index] = z_filter(table).outlier
    np.testing.assert_array_equal(marked[:5], expected)
    assert marked[:5, 0].all()


def test_items_of_equal_scores_judge_nobody() -> None:
    """Compared as score >= mean + 2 SD, a deviation of 0 would put every score beyond the limit on both sides
    (sureal does); divided by a deviation of 0 there is no number to compare."""
    screen = bt500_screen(table_of(np.full((30, 8), 4.0)))
    assert not screen.high.any()
    assert screen.rejected == ()


def test_raters_are_the_same_in_any_unit() -> None:
    """Scores times 2^-60: biases scale, and a rule that finds an answer far off finds it again.

    Control: a spread below 1e-12 is none: every rater is then without an interval, and no answer far off.
    """
    rng = np.random.default_rng(4)
    item, rater = np.repeat(np.arange(6), 30), np.tile(np.arange(30), 6)
    scores = 2.0 + rng.integers(0, 2, item.size)
    scores[0] = 5.0
    found = []
    for unit in (1.0, 2.0**-60):
        table = RatingTable.from_columns(
            items=[f"i{i}" for i in item], raters=[f"r{r}" for r in rater], scores=(unit * scores).tolist(),
            scale=(unit, 5 * unit),
        )  # fmt: skip
        biases = rater_biases(table)
        found.append((biases.bias_low / unit, biases.inconsistency / unit, z_filter(table).n_outliers))
    assert found[1][2] == found[0][2] == 1
    for ours, plain in zip(found[1][:2], found[0][:2], strict=True):
        assert ours == pytest.approx(plain, rel=1e-9)
