"""Chance-corrected agreement: Fleiss' kappa, Cohen's weighted kappa, Gwet's AC1 and AC2.

All are (p_a - p_e) / (1 - p_e): agreement seen, less the agreement that the model of chance expects. They
differ in that model only. Every function takes the scores of a table (opt-outs are missing) and returns an
Interval.

clusters: (items of the table,), items of one number show one thing. What its items add to the error is summed
before it is squared (Liang and Zeger 1986), so that a thing under four conditions counts once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation.metrics.counting import distinct, sums_at
from evaluation.metrics.intervals import NAN, Interval, check_confidence, t_interval, undefined
from evaluation.metrics.tables import FloatArray, IndexArray, OptOut, RatingTable

MOST_CATEGORIES = 200


class Weights(StrEnum):
    """How much credit two different scores earn: none, less by distance, less by squared distance."""

    IDENTITY = "identity"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


@dataclass(frozen=True, kw_only=True, eq=False)
class CountedScores:
    """Scores counted by item and category, from `counted_scores`.

    items: (n,), places of the items with a score.  histogram: (n, categories).  categories: in order.
    too_many: why the categories are no categories, and nothing was counted; else empty.
    """

    items: IndexArray
    histogram: FloatArray
    categories: FloatArray
    too_many: str = ""


def counted_scores(table: RatingTable) -> CountedScores:
    """The table's scores, opt-outs left out. Categories are those in the data."""
    rows = table.opt_out == OptOut.NONE
    categories, place = distinct(table.score[rows])
    q = categories.size
    if q > MOST_CATEGORIES:
        none = np.zeros(0, dtype=np.int64)
        too_many = f"{q} distinct scores are too many categories"
        return CountedScores(items=none, histogram=np.zeros((0, 0)), categories=categories, too_many=too_many)
    counts = np.bincount(table.item_index[rows] * q + place, minlength=table.n_items * q)
    histogram = counts.reshape(table.n_items, q)
    items = np.flatnonzero(histogram.any(axis=1))
    return CountedScores(items=items, histogram=histogram[items].astype(np.float64), categories=categories)


def credit(categories: FloatArray, *, weights: Weights) -> FloatArray:
    """(categories, categories): 1 on the diagonal, 0 for the two farthest categories (identity: for any
    two)."""
    distance = np.abs(categories[:, None] - categories[None, :])
    if weights == Weights.IDENTITY:
        return np.asarray(distance == 0, dtype=np.float64)
    power = 1 if weights == Weights.LINEAR else 2
    farthest = distance.max() if distance.size else 0.0
    if not farthest > 0:
        return np.ones_like(distance)
    return np.asarray(1.0 - (distance / farthest) ** power, dtype=np.float64)


def cohen_kappa(
    table: RatingTable,
    *,
    raters: tuple[str, str],
    weights: Weights = Weights.QUADRATIC,
    clusters: IndexArray | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Cohen's kappa of two raters over the items that both scored, with its large-sample interval.

    Categories are those that either of them used. Source: Cohen 1960, 1968; variance of Fleiss, Cohen and
    Everitt 1969, eq. 14. Validated against statsmodels' cohens_kappa.
    """
    check_confidence(confidence)
    method = f"cohen_kappa_{weights}"
    first, second = (_scores_of(table, rater) for rater in raters)
    shared = ~np.isnan(first) & ~np.isnan(second)
    n = int(shared.sum())
    if n == 0:
        return undefined("no item scored by both", method=method, confidence=confidence)
    categories, place = np.unique(np.concatenate([first[shared], second[shared]]), return_inverse=True)
    if categories.size > MOST_CATEGORIES:
        reason = f"more than {MOST_CATEGORIES} categories"
        return undefined(reason, method=method, confidence=confidence)
    joint = np.zeros((categories.size, categories.size))
    np.add.at(joint, (place[:n], place[n:]), 1.0 / n)
    w = credit(categories, weights=weights)
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    agreed, by_chance = float((w * joint).sum()), float(rows @ w @ columns)
    if not by_chance < 1 - 1e-12:
        reason = "both used one category only: chance explains everything"
        return undefined(reason, method=method, confidence=confidence)
    kappa = (agreed - by_chance) / (1 - by_chance)
    row_credit, column_credit = w @ columns, w.T @ rows
    spread = w - (row_credit[:, None] + column_credit[None, :]) * (1 - kappa)
    of_item = spread[place[:n], place[n:]] - (kappa - by_chance * (1 - kappa))
    by_thing = _by_thing(of_item, things=_things(clusters, items=np.flatnonzero(shared)))
    if by_thing.size < 2:
        return _one_thing(n, estimate=kappa, method=method, confidence=confidence)
    error = math.sqrt(float(by_thing @ by_thing)) / (n * (1 - by_chance))
    return _with_error(kappa, error=error, degrees=math.inf, method=method, confidence=confidence)


def fleiss_kappa(
    table: RatingTable, *, clusters: IndexArray | None = None, confidence: float = 0.95
) -> Interval:
    """Fleiss' kappa; every item needs the same number of ratings, two or more.

    The interval is the normal one with the jackknife over items, or over clusters: the classical standard
    error (Fleiss 1971) holds under chance agreement only. Source: Fleiss 1971, eq. 7. Validated
    against statsmodels' fleiss_kappa.
    """
    return fleiss_of(counted_scores(table), clusters=clusters, confidence=confidence)


def fleiss_of(
    counted: CountedScores, *, clusters: IndexArray | None = None, confidence: float = 0.95
) -> Interval:
    """As `fleiss_kappa`, of scores that are counted already."""
    check_confidence(confidence)
    method = "fleiss_kappa"
    if counted.too_many:
        return undefined(counted.too_many, method=method, confidence=confidence)
    histogram, items = counted.histogram, counted.items
    sizes = histogram.sum(axis=1)
    if histogram.shape[0] == 0:
        return undefined("no ratings", method=method, confidence=confidence)
    if sizes.min() != sizes.max() or sizes[0] < 2:
        reason = (
            f"items have {sizes.min():g} to {sizes.max():g} ratings: Fleiss' kappa needs one number from 2 up"
        )
        return undefined(f"{reason}; use Krippendorff's alpha", method=method, confidence=confidence)
    n, k = histogram.shape[0], sizes[0]
    agreed = ((histogram**2).sum(axis=1) - k) / (k * (k - 1))
    totals = histogram.sum(axis=0)
    by_chance = float(((totals / totals.sum()) ** 2).sum())
    if not by_chance < 1 - 1e-12:
        return undefined("all ratings are equal", method=method, confidence=confidence)
    kappa = (float(agreed.mean()) - by_chance) / (1 - by_chance)
    things = _things(clusters, items=items)
    m = int(things.max()) + 1
    if m < 2:
        return _one_thing(n, estimate=kappa, method=method, confidence=confidence)
    without = _without_each(histogram, agreed=agreed, things=things, m=m)
    error = math.sqrt((m - 1) / m * float(((without - without.mean()) ** 2).sum()))
    return _with_error(kappa, error=error, degrees=math.inf, method=method, confidence=confidence)


def gwet_ac(
    table: RatingTable,
    *,
    weights: Weights = Weights.IDENTITY,
    clusters: IndexArray | None = None,
    confidence: float = 0.95,
) -> Interval:
    """Gwet's AC1 (identity weights) or AC2 (linear, quadratic), any pattern of missing ratings.

    p_e = T / (q (q-1)) sum_k pi_k (1 - pi_k), T the sum of all credits; t interval with items - 1 degrees, or
    clusters - 1.
    Categories are those in the data. Source: Gwet 2014, Handbook of Inter-Rater Reliability, 4th ed., ch. 5,
    and its variance (eq. 5.3.16). Validated against the book's example of 12 units and 4 raters (0.77544, SE
    0.14295).
    """
    return gwet_of(counted_scores(table), weights=weights, clusters=clusters, confidence=confidence)


def gwet_of(
    counted: CountedScores,
    *,
    weights: Weights = Weights.IDENTITY,
    clusters: IndexArray | None = None,
    confidence: float = 0.95,
) -> Interval:
    """As `gwet_ac`, of scores that are counted already."""
    check_confidence(confidence)
    method = "gwet_ac1" if weights == Weights.IDENTITY else f"gwet_ac2_{weights}"
    if counted.too_many:
        return undefined(counted.too_many, method=method, confidence=confidence)
    histogram, categories, items = counted.histogram, counted.categories, counted.items
    n, q = histogram.shape
    sizes = histogram.sum(axis=1)
    paired = sizes > 1
    if not paired.any():
        return undefined("no item has two ratings", method=method, confidence=confidence)
    if q < 2:
        return undefined("all ratings are equal", method=method, confidence=confidence)
    w = credit(categories, weights=weights)
    agreed = np.zeros(n)
    pairs = (histogram * (histogram @ w - 1)).sum(axis=1)[paired]
    agreed[paired] = pairs / (sizes[paired] * (sizes[paired] - 1))
    share = w.sum() / (q * (q - 1))
    prevalence = (histogram / sizes[:, None]).mean(axis=0)
    by_chance = float(share * (prevalence @ (1 - prevalence)))
    # Items with one rating tell about prevalence only: the mean agreement is over the paired ones.
    scaled = agreed * n / paired.sum()
    gamma = (float(scaled.mean()) - by_chance) / (1 - by_chance)
    of_item = np.where(paired, (scaled - by_chance * n / paired.sum()) / (1 - by_chance), 0.0)
    chance_of_item = share * (histogram / sizes[:, None]) @ (1 - prevalence)
    influence = of_item - 2 * (1 - gamma) * (chance_of_item - by_chance) / (1 - by_chance)
    by_thing = _by_thing(influence - gamma, things=_things(clusters, items=items))
    m = by_thing.size
    if m < 2:
        return _one_thing(n, estimate=gamma, method=method, confidence=confidence)
    error = math.sqrt(m / (m - 1) * float(by_thing @ by_thing)) / n
    return _with_error(gamma, error=error, degrees=m - 1.0, method=method, confidence=confidence)


def _without_each(histogram: FloatArray, *, agreed: FloatArray, things: IndexArray, m: int) -> FloatArray:
    """(m,): Fleiss' kappa without each of the m things."""
    left = histogram.shape[0] - np.bincount(things, minlength=m)
    of_thing = np.stack([sums_at(things, weights=column, n=m) for column in histogram.T], axis=1)
    totals = histogram.sum(axis=0) - of_thing
    chance = ((totals / totals.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    mean = (agreed.sum() - sums_at(things, weights=agreed, n=m)) / left
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((mean - chance) / (1 - chance))


def _things(clusters: IndexArray | None, *, items: IndexArray) -> IndexArray:
    """(items,): the number from 0 up of the thing that each shows; its own without clusters."""
    if clusters is None:
        return np.arange(items.size)
    things: IndexArray = np.unique(clusters[items], return_inverse=True)[1]
    return things


def _by_thing(of_item: FloatArray, *, things: IndexArray) -> FloatArray:
    return sums_at(things, weights=of_item, n=int(things.max()) + 1)


def _one_thing(n: int, *, estimate: float, method: str, confidence: float) -> Interval:
    what = "one item" if n == 1 else f"all {n} items show one thing"
    return undefined(
        f"{what}: no spread to estimate", method=method, confidence=confidence, estimate=estimate
    )


def _with_error(estimate: float, *, error: float, degrees: float, method: str, confidence: float) -> Interval:
    if not error > 1e-12 or not math.isfinite(error):
        return undefined("no spread to estimate", method=method, confidence=confidence, estimate=estimate)
    return t_interval(estimate, error=error, degrees=degrees, method=method, confidence=confidence)


def _scores_of(table: RatingTable, rater: str) -> FloatArray:
    """(items,): the rater's scores, NaN where there is none. ValueError for a rater the table doesn't
    know."""
    if rater not in table.rater_ids:
        raise ValueError(f"no rater {rater!r} in the table")
    rows = table.rater_index == table.rater_ids.index(rater)
    scores = np.full(table.n_items, NAN)
    scores[table.item_index[rows]] = table.score[rows]
    return scores
