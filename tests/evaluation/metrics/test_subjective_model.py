import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from benchmarks.statistics_sureal import run_sureal
from evaluation.metrics.subjective_model import subjective_model
from evaluation.metrics.tables import AnswerRow, RatingTable


def table_of(scores: np.ndarray) -> RatingTable:
    """(items, raters), NaN = not asked."""
    low, high = (float(np.nanmin(scores)), float(np.nanmax(scores))) if scores.size else (1.0, 5.0)
    return RatingTable.from_rows(
        (
            AnswerRow(item=f"i{i}", rater=f"r{r}", score=float(score))
            for (i, r), score in np.ndenumerate(scores)
            if not np.isnan(score)
        ),
        scale=(min(low, 1.0), max(high, 5.0)),
    )


def simulated(*, n_items: int = 60, n_raters: int = 14, missing: float = 0.0, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    latent = 3 + rng.standard_normal((n_items, 1)) + 0.5 * rng.standard_normal(n_raters)
    latent = latent + rng.uniform(0.6, 1.2, n_raters) * rng.standard_normal((n_items, n_raters))
    scores = np.clip(np.rint(latent), 1, 5)
    scores[rng.random(scores.shape) < missing] = np.nan
    return np.asarray(scores[~np.isnan(scores).all(axis=1)])


@pytest.mark.parametrize("missing", [0.0, 0.6])
def test_the_fit_is_sureals(missing: float) -> None:
    """Truth: sureal's projection solver; it adds 1e-8 to each variance, which is the whole difference."""
    scores = simulated(missing=missing)
    table = table_of(scores)
    ours = subjective_model(table, floor=1e-6, least_ratings=1)
    rater = [int(name[1:]) for name in table.rater_ids]
    theirs = run_sureal("SubjectMLEModelProjectionSolver", scores)
    assert ours.converged
    np.testing.assert_allclose(ours.quality, theirs["quality_scores"], atol=1e-6)
    np.testing.assert_allclose(ours.bias, np.array(theirs["observer_bias"])[rater], atol=1e-6)
    np.testing.assert_allclose(
        ours.inconsistency, np.array(theirs["observer_inconsistency"])[rater], atol=1e-6
    )
    half_low, half_high = np.array(theirs["observer_inconsistency_ci95"])[:, rater]
    np.testing.assert_allclose(ours.inconsistency - ours.inconsistency_low, half_low, atol=1e-5)
    np.testing.assert_allclose(ours.inconsistency_high - ours.inconsistency, half_high, atol=1e-5)
    np.testing.assert_allclose(
        ours.bias_high - ours.bias, np.array(theirs["observer_bias_ci95"][0])[rater], atol=1e-5
    )
    np.testing.assert_allclose(ours.quality_high - ours.quality, theirs["quality_scores_ci95"][0], atol=1e-5)
    assert ours.log_likelihood / np.sum(~np.isnan(scores)) == pytest.approx(theirs["loglikelihood"], abs=1e-6)


def test_the_likelihood_is_flat_at_the_fit() -> None:
    """A check that shares no code with the solver: the slope of the likelihood, by finite differences."""
    scores = simulated(n_items=40, n_raters=7)
    fit = subjective_model(table_of(scores), floor=0.05, least_ratings=1)

    def loss(x: np.ndarray) -> float:
        quality, bias, v = x[:40], x[40:47], np.exp(x[47:])
        residual = (scores - quality[:, None] - bias) / v
        return float((residual**2 / 2 + np.log(v) + np.log(2 * np.pi) / 2).sum())

    start = np.concatenate([fit.quality, fit.bias, np.log(fit.inconsistency)])
    assert loss(start) == pytest.approx(-fit.log_likelihood, abs=1e-9)
    assert not fit.at_floor.any()
    np.testing.assert_allclose(optimize.approx_fprime(start, loss, 1e-6), 0.0, atol=1e-3)
    assert np.abs(optimize.approx_fprime(start + 0.01, loss, 1e-6)).max() > 0.1


def test_an_inconsistent_rater_is_found_and_weighs_less() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(1.5, 4.5, 200)
    noise = np.array([0.4, 0.4, 0.4, 0.4, 0.4, 1.5])
    scores = truth[:, None] + noise * rng.standard_normal((200, 6))
    scores += np.array([0.5, -0.5, 0.0, 0.0, 0.0, 0.0])
    fit = subjective_model(table_of(scores))
    np.testing.assert_allclose(fit.inconsistency, noise, rtol=0.25)
    np.testing.assert_allclose(fit.bias, [0.5, -0.5, 0.0, 0.0, 0.0, 0.0], atol=0.2)
    assert np.abs(fit.quality - truth).mean() < np.abs(scores.mean(axis=1) - truth).mean()


def test_a_rater_whom_the_model_fits_perfectly_is_held_at_the_floor() -> None:
    """Control: without the floor one rater's variance falls to zero and takes all the weight."""
    rng = np.random.default_rng(0)
    scores = np.column_stack([rng.integers(1, 6, 30) for _ in range(3)]).astype(float)
    free = subjective_model(table_of(scores), floor=1e-9, least_ratings=1)
    held = subjective_model(table_of(scores), floor=0.9, least_ratings=1)
    assert held.at_floor.any()
    assert held.inconsistency.min() == 0.9
    assert free.inconsistency.min() < 0.9


def test_raters_with_few_ratings_share_one_inconsistency_and_have_no_bias() -> None:
    """Control: least_ratings=1 gives the rater of a single rating a perfect fit."""
    scores = simulated(n_items=40, n_raters=6)
    scores[1:, 5] = np.nan
    scores[3:, 4] = np.nan
    fit = subjective_model(table_of(scores))
    assert fit.pooled.tolist() == [False] * 4 + [True] * 2
    assert np.isnan(fit.bias[4:]).all()
    assert fit.inconsistency[4] == fit.inconsistency[5]
    assert subjective_model(table_of(scores), least_ratings=1, floor=1e-3).at_floor[5]


def test_too_few_iterations_are_named() -> None:
    fit = subjective_model(table_of(simulated()), most_iterations=2)
    assert not fit.converged
    assert fit.reason == "did not converge in 2 iterations"


def test_raters_who_share_no_item_can_not_be_compared() -> None:
    scores = np.full((6, 4), np.nan)
    scores[:3, :2], scores[3:, 2:] = 3.0, 4.0
    fit = subjective_model(table_of(scores), least_ratings=1)
    assert fit.reason == "the raters fall into 2 sets that share no item"
    assert np.isnan(fit.quality).all()
    assert not fit.converged


@given(st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), max_size=8), st.integers(1, 4))
def test_arbitrary_tables_give_numbers_or_a_reason(items: list[list[int]], least: int) -> None:
    table = RatingTable.from_rows(
        AnswerRow(item=f"i{i}", rater=f"r{(i + r) % 5}", score=score)
        for i, scores in enumerate(items)
        for r, score in enumerate(scores)
    )
    fit = subjective_model(table, least_ratings=least)
    assert fit.converged != bool(fit.reason)
    if not fit.reason:
        assert np.isfinite(fit.quality).all()
        assert (fit.quality_low < fit.quality).all()
        assert (fit.inconsistency >= fit.floor).all()
