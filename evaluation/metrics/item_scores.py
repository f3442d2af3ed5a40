"""Median and mean of each item's ratings, and the same without each single rating.

On a scale of few values the medians come from histograms, without sorting; otherwise from one sort. Both
give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation.metrics.counting import sums_at
from evaluation.metrics.tables import FloatArray, IndexArray

MOST_LEVELS = 16
MOST_FORMS = 1_000_000


class ItemScore(StrEnum):
    """How the ratings of one item become its score."""

    MEDIAN = "median"
    MEAN = "mean"


@dataclass(frozen=True, kw_only=True)
class ItemScores:
    """value: (items,), NaN for an item without a rating.  left_out: (ratings,), the item's score without that
    rating, NaN where it was the item's only one."""

    value: FloatArray
    left_out: FloatArray


def medians(scores: FloatArray, *, item_index: IndexArray, n_items: int) -> ItemScores:
    """Median of each item; an even number of ratings takes the mean of the middle two.

    scores: (ratings,), finite.  item_index: (ratings,), values below n_items.
    """
    levels = _levels(scores)
    if levels is None:
        return _medians_by_sorting(scores, item_index=item_index, n_items=n_items)
    return _medians_by_counting(scores, levels=levels, item_index=item_index, n_items=n_items)


def means(scores: FloatArray, *, item_index: IndexArray, n_items: int) -> ItemScores:
    """Mean of each item. Same arguments as `medians`."""
    counts = np.bincount(item_index, minlength=n_items)
    sums = np.bincount(item_index, weights=scores, minlength=n_items)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = sums / counts
        left_out = (sums[item_index] - scores) / (counts[item_index] - 1.0)
    return ItemScores(value=value, left_out=np.where(counts[item_index] > 1, left_out, np.nan))


def _levels(scores: FloatArray) -> FloatArray | None:
    """The distinct scores in order where they are few; integers are recognised without sorting."""
    if scores.size == 0:
        return np.array([0.0])
    low, high = scores.min(), scores.max()
    if high - low < MOST_LEVELS and low == np.floor(low) and np.array_equal(scores, np.floor(scores)):
        # Counted from 0: beyond 2^53 the number after the highest is no other number.
        return np.asarray(low + np.arange(high - low + 1.0))
    distinct = np.unique(scores)
    return distinct if distinct.size <= MOST_LEVELS else None


def _medians_by_counting(
    scores: FloatArray, *, levels: FloatArray, item_index: IndexArray, n_items: int
) -> ItemScores:
    """Histograms of few levels take few distinct forms: medians are worked out once per form."""
    is_range = levels[0] == np.floor(levels[0]) and np.array_equal(levels, levels[0] + np.arange(levels.size))
    level = (scores - levels[0]).astype(np.int64) if is_range else np.searchsorted(levels, scores)
    histogram, form = _forms(level, item_index=item_index, n_items=n_items, n_levels=levels.size)
    # cumulative[f, l] = ratings at or below level l; the p-th smallest lies in the first level above p.
    cumulative = np.cumsum(histogram, axis=1)
    counts = cumulative[:, -1]
    left_out = np.full(histogram.shape, np.nan)
    for removed in range(levels.size):
        without = cumulative - (np.arange(levels.size) >= removed)
        rows = np.flatnonzero(histogram[:, removed])
        left_out[rows, removed] = _middle(without[rows], counts[rows] - 1, levels=levels)
    value = _middle(cumulative, counts, levels=levels)
    cell = form[item_index] * levels.size + level
    return ItemScores(value=value[form], left_out=left_out.ravel()[cell])


def _forms(
    level: IndexArray, *, item_index: IndexArray, n_items: int, n_levels: int
) -> tuple[IndexArray, IndexArray]:
    """(forms, levels) distinct histograms of ratings, and the form of each item.

    A histogram is read as a number whose digits are its counts. Where that number would be too long, every
    item is a form of its own.
    """
    most = int(np.bincount(item_index, minlength=1).max(initial=0))
    base, n_codes = most + 1, (most + 1) ** n_levels
    if n_codes > MOST_FORMS:
        cell = item_index * n_levels + level
        histogram = np.bincount(cell, minlength=n_items * n_levels).reshape(n_items, n_levels)
        return histogram, np.arange(n_items)
    digit = np.asarray(float(base) ** np.arange(n_levels), dtype=np.float64)
    code = sums_at(item_index, weights=digit[level], n=n_items).astype(np.int64)
    occurs = np.bincount(code, minlength=n_codes) > 0
    place = np.cumsum(occurs) - 1
    histogram = np.flatnonzero(occurs)[:, None] // digit.astype(np.int64) % base
    return histogram, place[code]


def _middle(cumulative: IndexArray, counts: IndexArray, *, levels: FloatArray) -> FloatArray:
    last = levels.size - 1
    lower = np.minimum((cumulative <= ((counts - 1) // 2)[:, None]).sum(axis=1), last)
    upper = np.minimum((cumulative <= (counts // 2)[:, None]).sum(axis=1), last)
    return np.where(counts > 0, (levels[lower] + levels[upper]) / 2, np.nan)


def _medians_by_sorting(scores: FloatArray, *, item_index: IndexArray, n_items: int) -> ItemScores:
    """Order by item, then score. Taking one of k sorted ratings away moves the middle by its side of it."""
    order = np.lexsort((scores, item_index))
    ranked = scores[order]
    counts = np.bincount(item_index, minlength=n_items)
    start = np.cumsum(counts) - counts
    present = counts > 0
    value = np.full(n_items, np.nan)
    k, first = counts[present], start[present]
    value[present] = (ranked[first + (k - 1) // 2] + ranked[first + k // 2]) / 2
    position = np.arange(ranked.size) - np.repeat(start, counts)
    size, begin = np.repeat(counts, counts), np.repeat(start, counts)
    lower, upper = (size - 2) // 2, (size - 1) // 2
    # Positions in what remains -> positions in the full ranking: those behind the removed one move up by one.
    lower, upper = lower + (lower >= position), upper + (upper >= position)
    last = max(ranked.size - 1, 0)
    middle = (ranked[np.minimum(begin + lower, last)] + ranked[np.minimum(begin + upper, last)]) / 2
    left_out = np.empty_like(ranked)
    left_out[order] = np.where(size > 1, middle, np.nan)
    return ItemScores(value=value, left_out=left_out)
