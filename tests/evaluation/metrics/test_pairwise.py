"""Outside truth: the package `choix`, closed forms for two systems, and a likelihood maximised by scipy."""

import math

import choix
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from evaluation.metrics.pairwise import Comparison, bradley_terry


def duel(first: str, second: str, winner: str | None, times: int = 1) -> list[Comparison]:
    return [Comparison(first=first, second=second, winner=winner)] * times


def test_two_systems_have_a_closed_form() -> None:
    """30 wins to 10: the difference is log 3, its variance 1/30 + 1/10."""
    model = bradley_terry(duel("a", "b", "a", 30) + duel("b", "a", "b", 10))
    a, b = model.strengths
    assert a.estimate - b.estimate == pytest.approx(math.log(3), abs=1e-9)
    assert 2 * a.standard_error == pytest.approx(math.sqrt(1 / 30 + 1 / 10), abs=1e-9)
    assert model.chance("a", "b") == pytest.approx((0.75, 0.0, 0.25), abs=1e-9)


def test_two_systems_with_ties_are_fitted_exactly() -> None:
    """Three free outcomes, two parameters and one pair: the model's chances are the observed shares."""
    model = bradley_terry(duel("a", "b", "a", 24) + duel("a", "b", "b", 8) + duel("a", "b", None, 16))
    assert model.chance("a", "b") == pytest.approx((24 / 48, 16 / 48, 8 / 48), abs=1e-9)


def test_strengths_equal_choix() -> None:
    rng = np.random.default_rng(6)
    truth = rng.normal(size=6)
    games = []
    for _ in range(300):
        i, j = rng.permutation(6)[:2]
        won = rng.random() < 1 / (1 + math.exp(truth[j] - truth[i]))
        games.append((int(i), int(j)) if won else (int(j), int(i)))
    model = bradley_terry([Comparison(first=f"s{i}", second=f"s{j}", winner=f"s{i}") for i, j in games])
    theirs = choix.ilsr_pairwise(6, games, max_iter=1000, tol=1e-12)
    ours = np.array([model.strengths[model.systems.index(f"s{i}")].estimate for i in range(6)])
    np.testing.assert_allclose(ours, theirs - theirs.mean(), atol=1e-6)


def test_ties_and_intervals_equal_a_likelihood_maximised_by_scipy() -> None:
    rng = np.random.default_rng(7)
    names, games = "abcd", []
    for _ in range(200):
        i, j = rng.permutation(4)[:2]
        games.append((int(i), int(j), int(rng.choice(3, p=[0.5, 0.2, 0.3]))))

    def loss(free: np.ndarray) -> float:
        s, v = np.append(free[:3], -free[:3].sum()), math.exp(free[3])
        total = 0.0
        for i, j, outcome in games:
            a, b = math.exp(s[i]), math.exp(s[j])
            even = v * math.sqrt(a * b)
            total -= math.log((a, b, even)[outcome] / (a + b + even))
        return total

    best = optimize.minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8})
    comparisons = [
        Comparison(first=names[i], second=names[j], winner=(names[i], names[j], None)[o]) for i, j, o in games
    ]
    model = bradley_terry(comparisons)
    ours = dict(zip(model.systems, model.strengths, strict=True))
    np.testing.assert_allclose([ours[n].estimate for n in "abc"], best.x[:3], atol=1e-5)
    assert model.tie == pytest.approx(math.exp(best.x[3]), abs=1e-5)
    assert model.log_likelihood == pytest.approx(-best.fun, abs=1e-8)
    step = 1e-4
    hessian = np.array(
        [
            [
                (loss(best.x + step * (e + f)) - loss(best.x + step * (e - f)) - loss(best.x + step * (f - e))
                 + loss(best.x - step * (e + f))) / (4 * step**2)
                for f in np.eye(4)
            ]
            for e in np.eye(4)
        ]
    )  # fmt: skip
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    np.testing.assert_allclose([ours[n].standard_error for n in "abc"], errors[:3], rtol=1e-3)


@pytest.mark.parametrize(
    ("games", "reason"),
    [
        ([], "fewer than two systems"),
        (duel("a", "b", "a", 5), "won (or lost) every comparison"),
        (duel("a", "b", None, 5), "every comparison is a tie"),
        (
            duel("a", "b", "a") + duel("a", "b", "b") + duel("c", "d", "c") + duel("c", "d", "d"),
            "never compared",
        ),
        (duel("a", "b", "a", 2) + duel("a", "b", None), "no bound"),
    ],
)
def test_strengths_without_a_bound_say_so(games: list[Comparison], reason: str) -> None:
    """Control: without Ford's condition Newton's method returns whatever it reached."""
    model = bradley_terry(games)
    assert reason in model.reason
    assert all(math.isnan(s.estimate) for s in model.strengths)


def test_a_system_that_only_tied_has_a_strength() -> None:
    """Ford's condition fails on wins alone, and yet the maximum exists: c ties with a, so c stands beside
    a."""
    model = bradley_terry(duel("a", "b", "a", 3) + duel("a", "b", "b", 1) + duel("a", "c", None, 2))
    strength = {name: s.estimate for name, s in zip(model.systems, model.strengths, strict=True)}
    assert strength["c"] == pytest.approx(strength["a"], abs=1e-6)


def test_a_system_against_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="not between two systems"):
        bradley_terry(duel("a", "a", None))


games = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"), st.integers(0, 2)), max_size=15)


@settings(max_examples=80)
@given(games=games)
def test_no_games_crash_the_model_and_no_strength_is_silent(games: list[tuple[str, str, int]]) -> None:
    comparisons = [
        Comparison(first=a, second=b, winner=(a, b, None)[outcome]) for a, b, outcome in games if a != b
    ]
    model = bradley_terry(comparisons)
    for strength in model.strengths:
        assert bool(strength.reason) == bool(model.reason)
        if not model.reason:
            assert strength.low < strength.estimate < strength.high
    if not model.reason:
        assert sum(s.estimate for s in model.strengths) == pytest.approx(0.0, abs=1e-9)
