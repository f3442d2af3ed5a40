"""Bootstrap of both samples at once: items and raters drawn anew, ratings weighted by their rater's draw.

One resample draws R raters and N items with replacement. A rater drawn twice counts twice in the items'
scores (the median of ratings so repeated), a rater not drawn not at all; an item left without a rating drops
out. Where items show one thing under several conditions, things are drawn, each with all its items. This is
the pigeonhole bootstrap: to first order its variance is never below the truth, and above it where the noise
of single ratings dominates. With few raters so few draws make its percentiles too narrow (measured in
docs/protocols.md); the two-way interval (see `two_way`) is the headline.
Source: Owen 2007, sec. 3; BCa for several samples, Efron and Tibshirani 1993, ch. 14.3.

Raters' draws are small whole numbers and item medians take few values, so that a resample costs a few passes
over the ratings and one multinomial draw per group instead of an index per item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.bootstrap import bca_bounds
from evaluation.metrics.intervals import NO_SPREAD, Interval, IntervalMethod, check_confidence, undefined
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.tables import FloatArray, IndexArray

CELLS_AT_ONCE = 400_000
MOST_LEVELS = 64
MOST_COMPARED = 32
NOTHING = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouping:
    """Which group each item is in: index (items,), values below n.

    things: (items,), equal numbers from 0 up for items that show one thing; None where no group holds a thing
    twice, so that each of its items is a draw of its own.
    """

    index: IndexArray
    n: int
    things: IndexArray | None = None


def grouping_of(index: IndexArray, *, n: int, same_thing: IndexArray | None) -> Grouping:
    """The grouping; it knows of things only where a group holds one twice.

    same_thing: (items,), equal numbers from 0 up for items that show one thing.
    """
    if same_thing is None or np.bincount(same_thing).max(initial=0) < 2:
        return Grouping(index=index, n=n)
    key = index * (int(same_thing.max()) + 1) + same_thing
    return Grouping(index=index, n=n, things=same_thing if np.unique(key).size < key.size else None)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Block:
    """Items with the same number k of ratings, each item's ratings in order of their score.

    items: (block,).  raters, scores: (k, block).
    """

    items: IndexArray
    raters: IndexArray
    scores: np.ndarray


def resample_two_way(
    scores: FloatArray,
    *,
    item_index: IndexArray,
    rater_index: IndexArray,
    n_items: int,
    groupings: Sequence[Grouping],
    rng: np.random.Generator,
    item_score: ItemScore = ItemScore.MEDIAN,
    n_resamples: int = 10_000,
) -> tuple[FloatArray, ...]:
    """Resampled means of item scores: one array (n_resamples, groups) per grouping; NaN for an empty group.

    scores, item_index, rater_index: (ratings,), one row per rating.  Items without ratings are not drawn.
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be 1 or more, got {n_resamples}")
    if scores.size and not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    results = tuple(np.full((n_resamples, grouping.n), np.nan) for grouping in groupings)
    if scores.size == 0:
        return results
    used = np.flatnonzero(np.bincount(item_index, minlength=n_items))
    coded = item_score == ItemScore.MEDIAN and _few_whole(scores)
    low = scores.min() if coded else 0.0
    # From here on items are numbered among those with a rating.
    blocks = _blocks(
        (scores - low).astype(np.int16) if coded else scores,
        item_index=np.searchsorted(used, item_index),
        rater_index=rater_index,
    )
    start = 0
    for weights in _draws(rater_index, rng=rng, n_resamples=n_resamples):
        rows = slice(start, start + weights.shape[0])
        start = rows.stop
        if coded:
            codes = _median_codes(blocks, weights=weights, n_items=used.size)
            for result, grouping in zip(results, groupings, strict=True):
                place = grouping.index[used]
                if grouping.things is None:
                    means = _means_by_code(codes, group=place, n_groups=grouping.n, rng=rng)
                else:
                    means = _means_by_thing(
                        np.where(codes < 0, np.nan, codes.astype(np.float64)),
                        group=place, things=grouping.things[used], n_groups=grouping.n, rng=rng,
                    )  # fmt: skip
                result[rows] = low + means / 2
        else:
            values = _item_values(blocks, weights=weights, n_items=used.size, item_score=item_score)
            for result, grouping in zip(results, groupings, strict=True):
                place = grouping.index[used]
                if grouping.things is None:
                    result[rows] = _means_by_index(values, group=place, n_groups=grouping.n, rng=rng)
                else:
                    result[rows] = _means_by_thing(
                        values, group=place, things=grouping.things[used], n_groups=grouping.n, rng=rng
                    )
    return results


def interval_of_resamples(
    means: FloatArray,
    *,
    estimate: float,
    n_items: int,
    n_raters: int,
    method: str = IntervalMethod.BOOTSTRAP_TWO_WAY,
    confidence: float = 0.95,
    acceleration: float = 0.0,
) -> Interval:
    """Percentile or BCa interval from the resampled means of one group.

    acceleration: of `two_way_acceleration`, used by BCa only.  Resamples without an item are left out.
    """
    check_confidence(confidence)
    if method not in (IntervalMethod.BOOTSTRAP_TWO_WAY, IntervalMethod.BOOTSTRAP_TWO_WAY_BCA):
        raise ValueError(f"{method!r} is not a two-way bootstrap")
    reason = _reason(means, n_items=n_items, n_raters=n_raters)
    if reason:
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    known = means[~np.isnan(means)]
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    if method == IntervalMethod.BOOTSTRAP_TWO_WAY_BCA:
        tails = bca_bounds(known, estimate=estimate, acceleration=acceleration, confidence=confidence)
    low, high = (float(q) for q in np.quantile(known, tails))
    if not high - low > NO_SPREAD * max(abs(low), abs(high)):
        reason = "the resampled means don't differ"
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    return Interval(
        estimate=estimate,
        low=low,
        high=high,
        method=method,
        confidence=confidence,
        standard_error=float(known.std(ddof=1)),
    )


def two_way_acceleration(item_influence: FloatArray, *, rater_influence: FloatArray) -> float:
    """The acceleration of BCa for two independent samples, 0 where nothing varies.

    a = 1/6 sum_k sum_i (L_ki / n_k)^3 / [sum_k sum_i (L_ki / n_k)^2]^1.5
    item_influence: (items,), L / n of each item.  rater_influence: (raters,), L / n of each rater.
    """
    parts = [v - v.mean() for v in (item_influence, rater_influence) if v.size]
    largest = max((float(np.abs(v).max()) for v in parts), default=0.0)
    if not largest:
        return 0.0
    # A ratio: in shares of the largest influence, whose powers no number is too small for.
    parts = [v / largest for v in parts]
    squares = sum(float(v @ v) for v in parts)
    return float(sum(float((v**3).sum()) for v in parts) / squares**1.5 / 6)


def _reason(means: FloatArray, *, n_items: int, n_raters: int) -> str:
    if n_items < 2:
        return "no item" if n_items == 0 else "one item: no spread to estimate"
    if n_raters < 2:
        return "one rater: how raters differ can't be estimated"
    return "no resample kept an item" if np.isnan(means).all() else ""


def _blocks(scores: np.ndarray, *, item_index: IndexArray, rater_index: IndexArray) -> list[_Block]:
    order = np.lexsort((scores, item_index))
    item, rater, score = item_index[order], rater_index[order], scores[order]
    counts = np.bincount(item)
    start = np.cumsum(counts) - counts
    blocks = []
    for k in np.unique(counts[counts > 0]):
        items = np.flatnonzero(counts == k)
        rows = start[items][None, :] + np.arange(k)[:, None]
        blocks.append(_Block(items=items, raters=rater[rows], scores=score[rows]))
    return blocks


def _few_whole(scores: FloatArray) -> bool:
    """Whether the scores are whole numbers of a short scale, whose medians can be counted."""
    return bool(scores.max() - scores.min() < MOST_LEVELS and np.array_equal(scores, np.floor(scores)))


def _draws(
    rater_index: IndexArray, *, rng: np.random.Generator, n_resamples: int
) -> Iterator[NDArray[np.int16]]:
    """Chunks (resamples, raters) of how often each rater was drawn."""
    present = np.flatnonzero(np.bincount(rater_index))
    n = int(present[-1]) + 1
    at_once = max(1, min(n_resamples, CELLS_AT_ONCE // max(rater_index.size, n)))
    chances = np.full(present.size, 1.0 / present.size)
    for start in range(0, n_resamples, at_once):
        size = min(at_once, n_resamples - start)
        weights = np.zeros((size, n), dtype=np.int16)
        weights[:, present] = rng.multinomial(present.size, chances, size=size)
        yield weights


def _median_codes(blocks: Sequence[_Block], *, weights: NDArray[np.int16], n_items: int) -> NDArray[np.int16]:
    """(resamples, items): twice the items' medians, scores counted from 0 up; NOTHING without a rating."""
    codes = np.empty((weights.shape[0], n_items), dtype=np.int16)
    for block in blocks:
        lower, upper, total = _middle(block, weights=weights)
        codes[:, block.items] = np.where(total > 0, lower + upper, NOTHING)
    return codes


def _item_values(
    blocks: Sequence[_Block], *, weights: NDArray[np.int16], n_items: int, item_score: ItemScore
) -> FloatArray:
    """(resamples, items): the items' scores under the weights, NaN without a rating."""
    values = np.empty((weights.shape[0], n_items))
    for block in blocks:
        if item_score == ItemScore.MEDIAN:
            lower, upper, total = _middle(block, weights=weights)
            values[:, block.items] = np.where(total > 0, (lower + upper) / 2, np.nan)
            continue
        sums, total = np.zeros((2, weights.shape[0], block.items.size))
        for raters, scores in zip(block.raters, block.scores, strict=True):
            weight = weights[:, raters]
            sums += weight * scores
            total += weight
        with np.errstate(invalid="ignore", divide="ignore"):
            values[:, block.items] = sums / total
    return values


def _middle(block: _Block, *, weights: NDArray[np.int16]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lower, upper, total): the two middle scores of each item's ratings repeated by their weights."""
    if block.raters.shape[0] > MOST_COMPARED:
        return _middle_of_many(block, weights=weights)
    cumulative = np.cumsum(np.stack([weights[:, raters] for raters in block.raters]), axis=0, dtype=np.int32)
    total = cumulative[-1]
    lower_rank, upper_rank = (total + 1) // 2, total // 2 + 1
    lower = upper = np.broadcast_to(block.scores[-1], total.shape)
    for reached, score in zip(cumulative[-2::-1], block.scores[-2::-1], strict=True):
        lower = np.where(reached >= lower_rank, score, lower)
        upper = np.where(reached >= upper_rank, score, upper)
    return lower, upper, total


def _middle_of_many(
    block: _Block, *, weights: NDArray[np.int16]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As _middle, item by item, for items with so many ratings that comparing one after the other is slow."""
    columns = []
    for raters, scores in zip(block.raters.T, block.scores.T, strict=True):
        reached = np.cumsum(weights[:, raters], axis=1, dtype=np.int32)
        total = reached[:, -1]
        ranks = ((total + 1) // 2, total // 2 + 1)
        lower, upper = (
            scores[np.minimum((reached < rank[:, None]).sum(axis=1), scores.size - 1)] for rank in ranks
        )
        columns.append((lower, upper, total))
    lower, upper, total = (np.stack(column, axis=1) for column in zip(*columns, strict=True))
    return lower, upper, total


def _means_by_code(
    codes: NDArray[np.int16], *, group: IndexArray, n_groups: int, rng: np.random.Generator
) -> FloatArray:
    """(resamples, groups): mean code of items drawn anew within each group.

    Items of one code are interchangeable: one multinomial draw per group says how often each code comes.
    """
    n_rows, n_codes = codes.shape[0], max(int(codes.max()), 0) + 2
    # The last code stands for items without a rating, which can be drawn but have nothing to add.
    cell = (np.arange(n_rows)[:, None] * n_groups + group) * n_codes + np.where(codes < 0, n_codes - 1, codes)
    held = np.bincount(cell.ravel(), minlength=n_rows * n_groups * n_codes)
    held = held.reshape(n_rows, n_groups, n_codes)
    sizes = np.bincount(group, minlength=n_groups)
    drawn = rng.multinomial(sizes, held / np.maximum(sizes, 1)[:, None])[..., :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(drawn @ np.arange(n_codes - 1) / drawn.sum(axis=2), dtype=np.float64)


def _means_by_index(
    values: FloatArray, *, group: IndexArray, n_groups: int, rng: np.random.Generator
) -> FloatArray:
    """As _means_by_code, for values of any number of kinds."""
    means = np.full((values.shape[0], n_groups), np.nan)
    for g in range(n_groups):
        members = np.flatnonzero(group == g)
        if members.size == 0:
            continue
        chosen = members[rng.integers(0, members.size, size=(values.shape[0], members.size))]
        picked = np.take_along_axis(values, chosen, axis=1)
        known = ~np.isnan(picked)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[:, g] = np.where(known, picked, 0.0).sum(axis=1) / known.sum(axis=1)
    return means


def _means_by_thing(
    values: FloatArray, *, group: IndexArray, things: IndexArray, n_groups: int, rng: np.random.Generator
) -> FloatArray:
    """(resamples, groups): mean of the items of things drawn anew within each group; NaN values count for
    nothing."""
    means = np.full((values.shape[0], n_groups), np.nan)
    for g in range(n_groups):
        members = np.flatnonzero(group == g)
        if members.size == 0:
            continue
        members = members[np.argsort(things[members], kind="stable")]
        starts = np.flatnonzero(np.diff(things[members], prepend=-1))
        of_group = values[:, members]
        known = ~np.isnan(of_group)
        sums = np.add.reduceat(np.where(known, of_group, 0.0), starts, axis=1)
        counts = np.add.reduceat(known, starts, axis=1, dtype=np.int64)
        drawn = rng.multinomial(starts.size, np.full(starts.size, 1.0 / starts.size), size=values.shape[0])
        with np.errstate(invalid="ignore", divide="ignore"):
            means[:, g] = (drawn * sums).sum(axis=1) / (drawn * counts).sum(axis=1)
    return means
