"""Krippendorff's alpha from the long table: any number of raters, any pattern of missing ratings.

    alpha = 1 - D_o / D_e
    D_o = (1/n) sum_u sum_{i != j in u} d(x_i, x_j) / (n_u - 1)       over items u with n_u >= 2 ratings
    D_e = (1/(n (n-1))) sum_{i != j} d(x_i, x_j)                       over the n ratings of those items

    d: nominal [x != y]; interval (x - y)^2; ordinal: the squared difference of mid-ranks among the n ratings;
    ratio ((x - y) / (x + y))^2.

Ordinal is interval on mid-ranks, so that both need sums per item only and no coincidence matrix.
Source: Krippendorff 2004, Content Analysis, ch. 11; Hayes and Krippendorff 2007. Validated against
Krippendorff's published example (0.743, 0.815, 0.849, 0.797) and the package `krippendorff`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import NAN, Interval, undefined
from evaluation.metrics.tables import FloatArray, IndexArray, OptOut, RatingTable

MOST_RATIO_LEVELS = 2_000


class Level(StrEnum):
    """Level of measurement: which differences between two scores count, and how much."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """Ratings counted by unit and distinct score: unit u has `count` ratings of levels[level]; sorted by
    nothing.

    weight: (units,), how often each unit occurs. Units are items, or distinct patterns of ratings.
    """

    unit: IndexArray
    level: IndexArray
    count: FloatArray
    levels: FloatArray
    weight: FloatArray


def krippendorff_alpha(table: RatingTable, *, level: Level = Level.ORDINAL) -> Interval:
    """Alpha of the table's scores (opt-outs are missing); an Interval without bounds, `reason` tells why.

    estimate: 1 = agreement, 0 = as by chance, below 0 = systematic disagreement; NaN where it is undefined.
    """
    method = f"krippendorff_alpha_{level}"
    scores = table.opt_out == OptOut.NONE
    value, reason = alpha_of(cells_of(table.score[scores], table.item_index[scores]), level=level)
    return undefined(reason or "no interval asked for", method=method, confidence=NAN, estimate=value)


def cells_of(scores: FloatArray, item_index: IndexArray) -> Cells:
    """The ratings of items with at least two of them; one cell per rating (few items repeat a score
    often)."""
    if scores.size == 0:
        none = np.zeros(0, dtype=np.int64)
        return Cells(unit=none, level=none, count=scores, levels=scores, weight=np.zeros(0))
    counts = np.bincount(item_index)
    paired = counts[item_index] > 1
    if not paired.all():
        scores, item_index = scores[paired], item_index[paired]
    levels, level = _levels(scores)
    return Cells(
        unit=item_index,
        level=level,
        count=np.ones(scores.size),
        levels=levels,
        weight=(counts > 1).astype(np.float64),
    )


def _levels(scores: FloatArray) -> tuple[FloatArray, IndexArray]:
    """Distinct scores in order and each rating's place among them; whole numbers need no sorting."""
    if scores.size == 0:
        return scores, np.zeros(0, dtype=np.int64)
    low, high = scores.min(), scores.max()
    whole = scores.astype(np.int64) if abs(low) < 2**52 and abs(high) < 2**52 else np.zeros(0, dtype=np.int64)
    if high - low <= 10_000 and np.array_equal(whole, scores):
        return np.arange(low, high + 1.0), whole - int(low)
    distinct, place = np.unique(scores, return_inverse=True)
    return distinct, place.astype(np.int64)


def alpha_of(cells: Cells, *, level: Level) -> tuple[float, str]:
    """(alpha, "") or (NaN, why not)."""
    if cells.unit.size == 0 or not cells.weight.any():
        return NAN, "no item has two ratings"
    in_level = sums_at(cells.level, weights=cells.count * cells.weight[cells.unit], n=cells.levels.size)
    if np.count_nonzero(in_level) < 2:
        return NAN, "all ratings are equal: agreement beyond chance is undefined"
    if level == Level.NOMINAL:
        observed, expected = _nominal(cells, in_level=in_level)
    elif level == Level.RATIO:
        if cells.levels.size > MOST_RATIO_LEVELS:
            return NAN, f"more than {MOST_RATIO_LEVELS} distinct scores: too many for a ratio alpha"
        if cells.levels[0] < 0:
            return NAN, "negative scores have no ratio"
        observed, expected = _ratio(cells, in_level=in_level)
    else:
        values = cells.levels
        if level == Level.ORDINAL:
            values = np.cumsum(in_level) - (in_level + 1) / 2
        observed, expected = _squared(cells, values=values, in_level=in_level)
    if not expected > 0:
        return NAN, "the ratings differ by less than a number can hold: agreement beyond chance is undefined"
    return float(1.0 - observed / expected), ""


def _squared(cells: Cells, *, values: FloatArray, in_level: FloatArray) -> tuple[float, float]:
    n = in_level.sum()
    centred = values - (in_level @ values) / n
    of_cell = centred[cells.level]
    n_units = cells.weight.size
    size = sums_at(cells.unit, weights=cells.count, n=n_units)
    total = sums_at(cells.unit, weights=cells.count * of_cell, n=n_units)
    squares = sums_at(cells.unit, weights=cells.count * of_cell**2, n=n_units)
    used = (size > 1) & (cells.weight > 0)
    size, total, squares, weight = size[used], total[used], squares[used], cells.weight[used]
    observed = (weight * 2 * (size * squares - total**2) / (size - 1)).sum() / n
    expected = 2 * (in_level @ centred**2) / (n - 1)
    return float(observed), float(expected)


def _nominal(cells: Cells, *, in_level: FloatArray) -> tuple[float, float]:
    n = in_level.sum()
    unit, level_count = _counts_by_cell(cells)
    size = sums_at(unit, weights=level_count, n=cells.weight.size)
    same = sums_at(unit, weights=level_count**2, n=cells.weight.size)
    used = (size > 1) & (cells.weight > 0)
    differing = (size[used] ** 2 - same[used]) / (size[used] - 1)
    return float((cells.weight[used] * differing).sum() / n), float(
        (n**2 - in_level @ in_level) / (n * (n - 1))
    )


def _ratio(cells: Cells, *, in_level: FloatArray) -> tuple[float, float]:
    from scipy import sparse

    n = in_level.sum()
    shape = (cells.weight.size, cells.levels.size)
    histogram = sparse.csr_array((cells.count, (cells.unit, cells.level)), shape=shape)
    size = np.asarray(histogram.sum(axis=1)).ravel()
    share = np.where(size > 1, cells.weight / np.maximum(size - 1, 1), 0.0)
    coincidence = (histogram.T @ (histogram * share[:, None])).toarray()
    sums = cells.levels[:, None] + cells.levels[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.where(sums > 0, (cells.levels[:, None] - cells.levels[None, :]) / sums, 0.0) ** 2
    return float((coincidence * distance).sum() / n), float(in_level @ distance @ in_level / (n * (n - 1)))


def _counts_by_cell(cells: Cells) -> tuple[IndexArray, FloatArray]:
    """Cells of the same unit and level merged: (unit, ratings)."""
    n_levels = max(cells.levels.size, 1)
    key = cells.unit * n_levels + cells.level
    n_keys = cells.weight.size * n_levels
    if n_keys <= 20 * max(key.size, 1):
        count = sums_at(key, weights=cells.count, n=n_keys)
        present = np.flatnonzero(count)
        return present // n_levels, count[present]
    merged, inverse = np.unique(key, return_inverse=True)
    return merged // n_levels, sums_at(inverse, weights=cells.count, n=merged.size)
