"""Strengths from paired comparisons: Bradley-Terry, with ties by Davidson.

    P(i beats j) = p_i / D,   P(tie) = v sqrt(p_i p_j) / D,   D = p_i + p_j + v sqrt(p_i p_j),   p_i =
    exp(strength_i)

Strengths sum to zero. Without any tie v = 0, which is plain Bradley-Terry.
Source: Bradley and Terry 1952; Davidson 1970, eq. 2.2. Fitted by Newton's method on the concave
log-likelihood, the intervals from its curvature. Validated against choix and closed forms for two systems.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.intervals import NAN, Interval, check_confidence, t_interval, undefined
from evaluation.metrics.tables import BoolArray, FloatArray, IndexArray

MOST_STEPS = 100
CONVERGED = 1e-10


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One judged pair. winner: first, second, or None for a tie."""

    first: str
    second: str
    winner: str | None


@dataclass(frozen=True, kw_only=True)
class BradleyTerry:
    """strengths: per system, log scale, mean zero, with Wald intervals.  tie: the parameter v, 0 without
    ties.

    reason: why the strengths are undefined; then every estimate is NaN.
    """

    systems: tuple[str, ...]
    strengths: tuple[Interval, ...]
    tie: float
    n_comparisons: int
    log_likelihood: float
    reason: str = ""

    def chance(self, first: str, second: str) -> tuple[float, float, float]:
        """(first wins, tie, second wins) by the model; NaN where it is undefined."""
        a, b = (float(np.exp(self.strengths[self.systems.index(name)].estimate)) for name in (first, second))
        even = self.tie * (a * b) ** 0.5
        return a / (a + b + even), even / (a + b + even), b / (a + b + even)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pairs:
    """Judged pairs counted: i and j (pairs,), outcomes (pairs, 3): i won, j won, tie."""

    i: IndexArray
    j: IndexArray
    outcomes: FloatArray
    n_systems: int


def bradley_terry(comparisons: list[Comparison], *, confidence: float = 0.95) -> BradleyTerry:
    """Strengths of all systems that were compared, in order of first appearance.

    They exist only if no set of systems won every comparison against the rest (Ford 1957; with ties, if
    the outcomes are not separated, Albert and Anderson 1984); otherwise
    `reason` says so.
    Raises ValueError for a system against itself, or a winner that was not in the pair.
    """
    bad = [c for c in comparisons if c.first == c.second or c.winner not in (None, c.first, c.second)]
    if bad:
        raise ValueError(f"{len(bad)} comparisons are not between two systems, e.g. {bad[0]}")
    counts: dict[tuple[str, str], list[int]] = {}
    for c in comparisons:
        outcome = 1 if c.winner is None else 0 if c.winner == c.first else 2
        counts.setdefault((c.first, c.second), [0, 0, 0])[outcome] += 1
    return bradley_terry_of_counts(
        {pair: (won, tie, lost) for pair, (won, tie, lost) in counts.items()}, confidence=confidence
    )


def bradley_terry_of_counts(
    counts: Mapping[tuple[str, str], tuple[int, int, int]], *, confidence: float = 0.95
) -> BradleyTerry:
    """As `bradley_terry`, from how often the first of two systems won, tied and lost.

    Raises ValueError for a system against itself, or a count below 0.
    """
    check_confidence(confidence)
    bad = [pair for pair, told in counts.items() if pair[0] == pair[1] or min(told) < 0]
    if bad:
        raise ValueError(f"{len(bad)} pairs are no comparisons of two systems, e.g. {bad[0]}")
    counts = {pair: told for pair, told in counts.items() if any(told)}
    systems = tuple(dict.fromkeys(name for pair in counts for name in pair))
    n_comparisons = sum(map(sum, counts.values()))
    pairs = _count(counts, systems=systems)
    reason = _problem(pairs)
    if reason:
        empty = undefined(reason, method="bradley_terry", confidence=confidence)
        return BradleyTerry(
            systems=systems,
            strengths=(empty,) * len(systems),
            tie=NAN,
            n_comparisons=n_comparisons,
            log_likelihood=NAN,
            reason=reason,
        )
    with_ties = bool(pairs.outcomes[:, 2].any())
    parameters, covariance, likelihood = _fit(pairs, with_ties=with_ties)
    errors = np.sqrt(np.diag(covariance))
    return BradleyTerry(
        systems=systems,
        strengths=tuple(
            t_interval(
                float(parameters[s]),
                error=float(errors[s]),
                degrees=float("inf"),
                method="bradley_terry_davidson" if with_ties else "bradley_terry",
                confidence=confidence,
            )
            for s in range(len(systems))
        ),
        tie=float(np.exp(parameters[-1])) if with_ties else 0.0,
        n_comparisons=n_comparisons,
        log_likelihood=likelihood,
    )


def _count(told: Mapping[tuple[str, str], tuple[int, int, int]], *, systems: tuple[str, ...]) -> _Pairs:
    place = {name: index for index, name in enumerate(systems)}
    counts: dict[tuple[int, int], list[int]] = {}
    for (first, second), (won, tie, lost) in told.items():
        a, b = place[first], place[second]
        own = counts.setdefault((min(a, b), max(a, b)), [0, 0, 0])
        for outcome, n in enumerate((won, lost, tie) if a < b else (lost, won, tie)):
            own[outcome] += n
    keys = np.array(list(counts), dtype=np.int64).reshape(-1, 2)
    outcomes = np.array(list(counts.values()), dtype=np.float64).reshape(-1, 3)
    return _Pairs(i=keys[:, 0], j=keys[:, 1], outcomes=outcomes, n_systems=len(systems))


def _problem(pairs: _Pairs) -> str:
    """Why there is no finite, unique maximum of the likelihood, or ""."""
    n = pairs.n_systems
    if n < 2:
        return "fewer than two systems"
    if not pairs.outcomes[:, :2].any():
        return "every comparison is a tie"
    met = np.zeros((n, n), dtype=bool)
    met[pairs.i, pairs.j] = met[pairs.j, pairs.i] = True
    if not _all_reached(met):
        return "some systems were never compared with the rest"
    beaten = np.zeros((n, n), dtype=bool)
    beaten[pairs.i, pairs.j] = pairs.outcomes[:, 0] > 0
    beaten[pairs.j, pairs.i] = pairs.outcomes[:, 1] > 0
    # Ford's condition on wins alone is enough; with ties it is not needed, and separation has to be looked
    # for.
    if _all_reached(beaten) and _all_reached(beaten.T):
        return ""
    if not pairs.outcomes[:, 2].any() or _is_separated(pairs):
        return "some systems won (or lost) every comparison with the rest: their strengths have no bound"
    return ""


def _is_separated(pairs: _Pairs) -> bool:
    """Whether some direction of the parameters makes every observed outcome at least as likely, and one more
    so.

    Such a direction is what a linear programme finds: the likelihood then grows along it without end.
    Source: Albert and Anderson 1984.
    """
    from scipy import optimize

    features = _features(pairs, with_ties=True)
    observed, other = np.nonzero(~np.eye(3, dtype=bool))
    seen = pairs.outcomes[:, observed] > 0
    gain = (features[:, observed] - features[:, other])[seen]
    result = optimize.linprog(-gain.sum(axis=0), A_ub=-gain, b_ub=np.zeros(len(gain)), bounds=(-1, 1))
    return bool(-result.fun > 1e-7)


def _all_reached(edges: BoolArray) -> bool:
    reached = np.zeros(edges.shape[0], dtype=bool)
    front = reached.copy()
    front[0] = True
    while front.any():
        reached |= front
        front = edges[front].any(axis=0) & ~reached
    return bool(reached.all())


def _fit(pairs: _Pairs, *, with_ties: bool) -> tuple[FloatArray, FloatArray, float]:
    """(parameters, covariance, log-likelihood). parameters: strengths, then log v where there are ties."""
    features = _features(pairs, with_ties=with_ties)
    outcomes = pairs.outcomes if with_ties else pairs.outcomes[:, :2]
    total = outcomes.sum(axis=1)
    parameters = np.zeros(features.shape[2])
    # Adding the same to all strengths changes nothing: this penalty of the sum makes the curvature invertible
    # without moving the solution whose sum is zero.
    level = np.concatenate([np.ones(pairs.n_systems), np.zeros(features.shape[2] - pairs.n_systems)])
    likelihood, chance = _likelihood(features @ parameters, outcomes=outcomes)
    for _ in range(MOST_STEPS):
        gradient = np.einsum("po,pod->d", outcomes - total[:, None] * chance, features)
        mean = np.einsum("po,pod->pd", chance, features)
        curvature = np.einsum("p,po,pod,poe->de", total, chance, features, features, optimize=True)
        curvature += np.outer(level, level) - np.einsum("p,pd,pe->de", total, mean, mean, optimize=True)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        new_likelihood, new_chance = _likelihood(features @ (parameters + step), outcomes=outcomes)
        while new_likelihood < likelihood - 1e-12 * abs(likelihood) and size > 1e-8:
            size /= 2
            new_likelihood, new_chance = _likelihood(features @ (parameters + size * step), outcomes=outcomes)
        parameters, likelihood, chance = parameters + size * step, new_likelihood, new_chance
        if np.abs(step).max() < CONVERGED:
            break
    parameters[: pairs.n_systems] -= parameters[: pairs.n_systems].mean()
    # The penalty adds 1/n^2 to every entry of the strengths' covariance; the sum itself has no variance.
    covariance = np.linalg.inv(curvature) - np.outer(level, level) / pairs.n_systems**2
    return parameters, covariance, likelihood


def _features(pairs: _Pairs, *, with_ties: bool) -> FloatArray:
    """(pairs, outcomes, parameters): the log-odds of each outcome are linear in the parameters."""
    n_pairs = pairs.i.size
    features = np.zeros((n_pairs, 3 if with_ties else 2, pairs.n_systems + int(with_ties)))
    rows = np.arange(n_pairs)
    features[rows, 0, pairs.i] = 1.0
    features[rows, 1, pairs.j] = 1.0
    if with_ties:
        features[rows, 2, pairs.i] = features[rows, 2, pairs.j] = 0.5
        features[:, 2, -1] = 1.0
    return features


def _likelihood(scores: FloatArray, *, outcomes: FloatArray) -> tuple[float, FloatArray]:
    peak = scores.max(axis=1, keepdims=True)
    weight = np.exp(scores - peak)
    total = weight.sum(axis=1, keepdims=True)
    return float((outcomes * (scores - peak - np.log(total))).sum()), weight / total
