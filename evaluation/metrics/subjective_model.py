"""What each rater adds: the maximum-likelihood model of ITU-T P.910 and P.913, sparse.

    y_ir = q_i + b_r + v_r e_ir,   e_ir ~ N(0, 1)

q: quality of item i.  b: bias of rater r.  v: inconsistency of rater r. Solved by alternating projection:
each of v, q, b in turn takes its most likely value given the others, which never lowers the likelihood.
The likelihood has no upper bound: a rater whom the model fits perfectly gets v = 0 and all the weight. Hence
a floor under v, and raters with few ratings share one v and get no bias of their own. It is never the
default. Source: ITU-T P.910 (2023) Annex E and P.913 (2021) cl. 12.6; Li, Bampis, Krasula, Janowski and
Katsavounidis 2020, algorithm 1. Validated against sureal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import check_confidence
from evaluation.metrics.tables import BoolArray, FloatArray, IndexArray, OptOut, RatingTable


@dataclass(frozen=True, kw_only=True, eq=False)
class SubjectiveFit:
    """The fitted model; arrays are NaN throughout where `reason` says why there is none.

    quality, quality_low, quality_high: (items,), NaN for an item without a rating.
    bias, bias_low, bias_high: (raters,), mean zero over the raters who have one; NaN for pooled raters.
    inconsistency, inconsistency_low, inconsistency_high: (raters,), in points of the scale.
    pooled: (raters,), fewer ratings than the minimum.  at_floor: (raters,), inconsistency held at the floor:
    its value is the floor's, not the data's.
    converged: whether the qualities stood still within the iterations allowed.
    """

    quality: FloatArray
    quality_low: FloatArray
    quality_high: FloatArray
    bias: FloatArray
    bias_low: FloatArray
    bias_high: FloatArray
    inconsistency: FloatArray
    inconsistency_low: FloatArray
    inconsistency_high: FloatArray
    n_ratings: IndexArray
    pooled: BoolArray
    at_floor: BoolArray
    log_likelihood: float
    n_iterations: int
    converged: bool
    floor: float
    least_ratings: int
    reason: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ratings:
    """Ratings with the kind of their rater. of_v: (raters,), whose inconsistency each rater has."""

    score: FloatArray
    item: IndexArray
    rater: IndexArray
    n_items: int
    n_raters: int
    of_item: FloatArray
    of_rater: FloatArray
    own: BoolArray
    of_v: IndexArray


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    quality: FloatArray
    bias: FloatArray
    variance: FloatArray
    n_iterations: int
    converged: bool


def subjective_model(
    table: RatingTable,
    *,
    floor: float = 0.1,
    least_ratings: int = 10,
    tolerance: float = 1e-8,
    most_iterations: int = 1_000,
    confidence: float = 0.95,
) -> SubjectiveFit:
    """Qualities, biases and inconsistencies of the table's scores (opt-outs are missing).

    floor: lowest inconsistency, in points of the scale, above 0.  least_ratings: below it a rater is pooled.
    tolerance: change of the vector of qualities (its length) that ends the iterations.
    Undefined below two raters, and where the raters fall into sets that share no item.
    """
    check_confidence(confidence)
    if not floor > 0 or least_ratings < 1 or most_iterations < 1:
        raise ValueError("floor must be above 0, least_ratings and most_iterations 1 or more")
    ratings = _ratings(table, least_ratings=least_ratings)
    reason = _problem(ratings)
    if reason:
        state = _unknown(ratings)
    else:
        state = _solve(ratings, floor=floor, tolerance=tolerance, most_iterations=most_iterations)
        if not state.converged:
            reason = f"did not converge in {most_iterations} iterations"
    return _fit(
        ratings, state=state, reason=reason, floor=floor, least_ratings=least_ratings, confidence=confidence
    )


def _ratings(table: RatingTable, *, least_ratings: int) -> _Ratings:
    rows = table.opt_out == OptOut.NONE
    item, rater = table.item_index[rows], table.rater_index[rows]
    of_rater = np.bincount(rater, minlength=table.n_raters)
    own = of_rater >= least_ratings
    return _Ratings(
        score=table.score[rows],
        item=item,
        rater=rater,
        n_items=table.n_items,
        n_raters=table.n_raters,
        of_item=np.bincount(item, minlength=table.n_items).astype(np.float64),
        of_rater=of_rater.astype(np.float64),
        own=own,
        of_v=np.where(own, np.arange(table.n_raters), table.n_raters),
    )


def _problem(ratings: _Ratings) -> str:
    if np.count_nonzero(ratings.of_rater) < 2:
        return "no ratings" if ratings.score.size == 0 else "one rater: bias and quality can't be told apart"
    if ratings.of_item.max() < 2:
        return "no item has two ratings"
    n_sets = _connected_sets(ratings)
    return f"the raters fall into {n_sets} sets that share no item" if n_sets > 1 else ""


def _connected_sets(ratings: _Ratings) -> int:
    from scipy import sparse
    from scipy.sparse import csgraph

    size = ratings.n_items + ratings.n_raters
    edges = sparse.coo_array(
        (np.ones(ratings.item.size), (ratings.item, ratings.n_items + ratings.rater)), shape=(size, size)
    )
    label = csgraph.connected_components(edges, directed=False)[1]
    return int(np.unique(label[ratings.item]).size)


def _solve(ratings: _Ratings, *, floor: float, tolerance: float, most_iterations: int) -> _State:
    score, item, rater = ratings.score, ratings.item, ratings.rater
    n_items, n_raters = ratings.n_items, ratings.n_raters
    with np.errstate(invalid="ignore", divide="ignore"):
        quality = np.where(
            ratings.of_item > 0, sums_at(item, weights=score, n=n_items) / ratings.of_item, 0.0
        )
    of_rater = np.maximum(ratings.of_rater, 1)
    n_of_v = np.maximum(np.bincount(ratings.of_v[rater], minlength=n_raters + 1), 1)
    bias = _biases(score - quality[item], ratings=ratings, of_rater=of_rater)
    variance = np.zeros(n_raters)
    converged, iterations = False, 0
    while iterations < most_iterations and not converged:
        iterations += 1
        residual = score - quality[item] - bias[rater]
        squares = sums_at(ratings.of_v[rater], weights=residual**2, n=n_raters + 1) / n_of_v
        variance = np.maximum(squares, floor**2)[ratings.of_v]
        weight = (1.0 / variance)[rater]
        total = sums_at(item, weights=weight, n=n_items)
        weighted = sums_at(item, weights=weight * (score - bias[rater]), n=n_items)
        moved = weighted / np.where(total > 0, total, 1.0)
        step = float(np.linalg.norm(moved - quality))
        quality = moved
        bias = _biases(score - quality[item], ratings=ratings, of_rater=of_rater)
        converged = step < tolerance
    # Without a pooled rater only differences of biases are known; their mean is set to zero.
    shift = float(bias[ratings.own].mean()) if ratings.own[ratings.of_rater > 0].all() else 0.0
    return _State(
        quality=np.where(ratings.of_item > 0, quality + shift, np.nan),
        bias=np.where(ratings.own, bias - shift, 0.0),
        variance=variance,
        n_iterations=iterations,
        converged=converged,
    )


def _biases(residual: FloatArray, *, ratings: _Ratings, of_rater: FloatArray) -> FloatArray:
    mean = sums_at(ratings.rater, weights=residual, n=ratings.n_raters) / of_rater
    return np.where(ratings.own, mean, 0.0)


def _unknown(ratings: _Ratings) -> _State:
    nothing = np.full(ratings.n_raters, np.nan)
    return _State(
        quality=np.full(ratings.n_items, np.nan),
        bias=nothing,
        variance=nothing,
        n_iterations=0,
        converged=False,
    )


def _fit(
    ratings: _Ratings, *, state: _State, reason: str, floor: float, least_ratings: int, confidence: float
) -> SubjectiveFit:
    z, tail = float(special.ndtri(0.5 + confidence / 2)), (1 - confidence) / 2
    known = ratings.of_rater > 0
    v = np.where(known, np.sqrt(state.variance), np.nan)
    bias = np.where(known & ratings.own, state.bias, np.nan)
    weight = (1.0 / state.variance)[ratings.rater]
    with np.errstate(invalid="ignore", divide="ignore"):
        quality_half = z / np.sqrt(sums_at(ratings.item, weights=weight, n=ratings.n_items))
        bias_half = z * v / np.sqrt(ratings.of_rater)
    n_of_v = np.bincount(ratings.of_v[ratings.rater], minlength=ratings.n_raters + 1)[ratings.of_v]
    n_of_v = np.maximum(n_of_v, 1)
    residual = ratings.score - state.quality[ratings.item] - state.bias[ratings.rater]
    spread = v[ratings.rater]
    return SubjectiveFit(
        quality=state.quality,
        quality_low=state.quality - quality_half,
        quality_high=state.quality + quality_half,
        bias=bias,
        bias_low=bias - bias_half,
        bias_high=bias + bias_half,
        inconsistency=v,
        inconsistency_low=v * np.sqrt(n_of_v / special.chdtri(n_of_v, tail)),
        inconsistency_high=v * np.sqrt(n_of_v / special.chdtri(n_of_v, 1 - tail)),
        n_ratings=ratings.of_rater.astype(np.int64),
        pooled=known & ~ratings.own,
        at_floor=known & (state.variance <= floor**2),
        log_likelihood=float(-(np.log(spread) + (residual / spread) ** 2 / 2).sum())
        - ratings.score.size * float(np.log(2 * np.pi)) / 2,
        n_iterations=state.n_iterations,
        converged=state.converged,
        floor=floor,
        least_ratings=least_ratings,
        reason=reason,
    )
