"""The interval of each group's mean opinion score by its method's name, and what stands in for width 0."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evaluation.metrics import bootstrap_two_way
from evaluation.metrics.bootstrap import bootstrap_items
from evaluation.metrics.bootstrap_two_way import Grouping
from evaluation.metrics.bounded import ZeroWidth, binomial_bounded
from evaluation.metrics.intervals import (
    NAN,
    Interval,
    IntervalMethod,
    check_confidence,
    deviation,
    interval_from_moments,
    t_interval,
    undefined,
)
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.tables import FloatArray, IndexArray
from evaluation.metrics.two_way import (
    SAME_MEANS,
    TwoWayParts,
    ratings_two_way,
    too_few,
    two_way,
    two_way_parts,
)

OVER_ROWS = (IntervalMethod.Z_196, IntervalMethod.Z_196_POPULATION, IntervalMethod.T_RATINGS)
OVER_ITEMS = (IntervalMethod.T_ITEMS, IntervalMethod.Z_196, IntervalMethod.Z_196_POPULATION)
BY_ITEM_RESAMPLES = (IntervalMethod.BOOTSTRAP_ITEMS, IntervalMethod.BOOTSTRAP_ITEMS_BCA)
BY_TWO_WAY_RESAMPLES = (IntervalMethod.BOOTSTRAP_TWO_WAY, IntervalMethod.BOOTSTRAP_TWO_WAY_BCA)


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredRatings:
    """Ratings and what they made of their items.

    scores, item_index, rater_index, left_out: (ratings,); left_out is the item's score without the rating.
    item_scores: (items,), NaN for an item without a rating.
    """

    scores: FloatArray
    item_index: IndexArray
    rater_index: IndexArray
    left_out: FloatArray
    item_scores: FloatArray
    scale: tuple[float, float]
    item_score: ItemScore = ItemScore.MEDIAN


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How the bootstraps draw: resamples, and the seed that makes them repeatable."""

    n_resamples: int = 10_000
    seed: int = 2023


def parts_of_groups(study: ScoredRatings, *, grouping: Grouping) -> tuple[TwoWayParts, ...]:
    """What the two-way interval of each group is made of."""
    return two_way_parts(
        study.item_scores,
        item_index=study.item_index,
        rater_index=study.rater_index,
        left_out=study.left_out,
        group_index=grouping.index,
        n_groups=grouping.n,
        things=grouping.things,
    )


def mean_intervals(
    study: ScoredRatings,
    *,
    groupings: tuple[Grouping, ...],
    method: str = IntervalMethod.TWO_WAY,
    confidence: float = 0.95,
    zero_width: ZeroWidth = ZeroWidth.BOUNDED,
    resampling: Resampling = Resampling(),
    parts: tuple[tuple[TwoWayParts, ...], ...] | None = None,
) -> tuple[tuple[Interval, ...], ...]:
    """One interval per group, for each grouping of the items; every grouping shares the same resamples.

    parts: of `parts_of_groups` for each grouping, where they are known already.  method: any of
    `methods.methods_for_means`.  Where all item scores of a group are equal, `zero_width` says what stands
    in, and the interval's method and flag tell. ValueError for an unknown method.
    """
    check_confidence(confidence)
    if parts is None:
        parts = tuple(parts_of_groups(study, grouping=grouping) for grouping in groupings)
    raw = _raw(
        study, groupings=groupings, parts=parts, method=method, confidence=confidence, resampling=resampling
    )
    return tuple(
        tuple(
            with_width(
                _flagged(interval, parts=part, method=method),
                parts=part, all_parts=of_grouping, scale=study.scale, rule=zero_width,
            )
            for interval, part in zip(intervals, of_grouping, strict=True)
        )
        for intervals, of_grouping in zip(raw, parts, strict=True)
    )  # fmt: skip


def with_width(
    interval: Interval,
    *,
    parts: TwoWayParts,
    all_parts: tuple[TwoWayParts, ...],
    scale: tuple[float, float],
    rule: ZeroWidth,
) -> Interval:
    """The interval, or what stands in for it where the group's item scores are all equal."""
    if interval.is_defined or rule == ZeroWidth.EMPTY or parts.n_raters < 2 or not parts.no_spread:
        return interval
    if too_few(parts):
        return interval
    if rule == ZeroWidth.POOLED:
        stand_in = _pooled(parts, all_parts=all_parts, confidence=interval.confidence)
        how = "the spread of the other groups"
    else:
        stand_in = _bounded(parts, scale=scale, confidence=interval.confidence)
        how = "the widest spread that the scale allows"
    if not stand_in.is_defined:
        return interval
    return replace(stand_in, flag=f"{parts.no_spread}: {how} stands in")


def over_items(parts: TwoWayParts, *, method: str, confidence: float) -> Interval:
    """t_items, z1.96 or z1.96_population. The t interval takes what the items show as the sample; the z ones
    take every item as independent, as published code does."""
    if method == IntervalMethod.T_ITEMS or parts.n_items < 2:
        reason = too_few(parts) or parts.no_spread
    else:
        reason = "" if parts.no_spread == SAME_MEANS else parts.no_spread
    if reason:
        return undefined(reason, method=method, confidence=confidence, estimate=parts.estimate)
    n, spread = float(parts.n_items), parts.standard_deviation
    if method == IntervalMethod.T_ITEMS and parts.n_things != parts.n_items:
        n = max(2.0, parts.n_things)
        spread = math.sqrt(parts.item_variance * n)
    return interval_from_moments(
        parts.estimate, standard_deviation=spread, n=n, method=method, confidence=confidence
    )


def _flagged(interval: Interval, *, parts: TwoWayParts, method: str) -> Interval:
    """The interval; one that knows nothing of what the items show says so where that matters."""
    if not interval.is_defined or parts.n_things == parts.n_items or method not in OVER_ROWS:
        return interval
    return replace(interval, flag=f"takes all {parts.n_items} items as independent; some show the same thing")


def _raw(
    study: ScoredRatings,
    *,
    groupings: tuple[Grouping, ...],
    parts: tuple[tuple[TwoWayParts, ...], ...],
    method: str,
    confidence: float,
    resampling: Resampling,
) -> tuple[tuple[Interval, ...], ...]:
    if method in BY_TWO_WAY_RESAMPLES:
        return _by_two_way_resamples(
            study,
            groupings=groupings,
            parts=parts,
            method=method,
            confidence=confidence,
            resampling=resampling,
        )
    if method in BY_ITEM_RESAMPLES:
        rng = np.random.default_rng(resampling.seed)
        return tuple(
            tuple(
                bootstrap_items(
                    study.item_scores[grouping.index == g],
                    rng=rng,
                    n_resamples=resampling.n_resamples,
                    confidence=confidence,
                    method=method,
                    things=None if grouping.things is None else grouping.things[grouping.index == g],
                )
                for g in range(grouping.n)
            )
            for grouping in groupings
        )
    if method in (IntervalMethod.T_RATINGS, IntervalMethod.T_RATINGS_TWO_WAY):
        return tuple(
            _of_ratings(study, grouping=grouping, method=method, confidence=confidence)
            for grouping in groupings
        )
    return tuple(
        tuple(
            _from_parts(part, all_parts=group, method=method, confidence=confidence, scale=study.scale)
            for part in group
        )
        for group in parts
    )


def _from_parts(
    parts: TwoWayParts,
    *,
    all_parts: tuple[TwoWayParts, ...],
    method: str,
    confidence: float,
    scale: tuple[float, float],
) -> Interval:
    if method in OVER_ITEMS:
        return over_items(parts, method=method, confidence=confidence)
    if method == IntervalMethod.BINOMIAL_BOUNDED:
        return _bounded(parts, scale=scale, confidence=confidence)
    if method == IntervalMethod.POOLED:
        return _pooled(parts, all_parts=all_parts, confidence=confidence)
    return two_way(parts, confidence=confidence, method=method)


def _bounded(parts: TwoWayParts, *, scale: tuple[float, float], confidence: float) -> Interval:
    if not parts.n_items:
        return undefined("no item", method=IntervalMethod.BINOMIAL_BOUNDED, confidence=confidence)
    n = max(1, int(parts.n_things))
    return binomial_bounded(parts.estimate, n=n, scale=scale, confidence=confidence)


def _pooled(parts: TwoWayParts, *, all_parts: tuple[TwoWayParts, ...], confidence: float) -> Interval:
    """The group's mean with the spread of item scores pooled over all groups."""
    method = IntervalMethod.POOLED
    if not parts.n_items:
        return undefined("no item", method=method, confidence=confidence)
    known = [p for p in all_parts if p.n_things > 1]
    degrees = sum(p.n_things - 1 for p in known)
    squares = sum(p.item_variance * p.n_things * (p.n_things - 1) for p in known)
    if all(p.no_spread for p in known) or not squares > 0:
        reason = "no group has a spread to pool"
        return undefined(reason, method=method, confidence=confidence, estimate=parts.estimate)
    rater_variance = 0.0 if math.isnan(parts.rater_variance) else parts.rater_variance
    error = math.sqrt(squares / degrees / parts.n_things + rater_variance)
    return t_interval(
        parts.estimate, error=error, degrees=max(1.0, degrees), method=method, confidence=confidence
    )


def _of_ratings(
    study: ScoredRatings, *, grouping: Grouping, method: str, confidence: float
) -> tuple[Interval, ...]:
    of_rating = grouping.index[study.item_index]
    shown = None if grouping.things is None else grouping.things[study.item_index]
    intervals = []
    for g in range(grouping.n):
        rows = of_rating == g
        scores = study.scores[rows]
        if method == IntervalMethod.T_RATINGS_TWO_WAY:
            interval = ratings_two_way(
                scores,
                item_index=(study.item_index if shown is None else shown)[rows],
                rater_index=study.rater_index[rows],
                confidence=confidence,
            )
        else:
            interval = interval_from_moments(
                float(scores.mean()) if scores.size else NAN,
                standard_deviation=deviation(scores) if scores.size > 1 else NAN,
                n=int(scores.size),
                method=method,
                confidence=confidence,
            )
            interval = replace(interval, reason=interval.reason.replace("item scores", "ratings"))
        intervals.append(interval)
    return tuple(intervals)


def _by_two_way_resamples(
    study: ScoredRatings,
    *,
    groupings: tuple[Grouping, ...],
    parts: tuple[tuple[TwoWayParts, ...], ...],
    method: str,
    confidence: float,
    resampling: Resampling,
) -> tuple[tuple[Interval, ...], ...]:
    means = bootstrap_two_way.resample_two_way(
        study.scores,
        item_index=study.item_index,
        rater_index=study.rater_index,
        n_items=study.item_scores.size,
        groupings=groupings,
        rng=np.random.default_rng(resampling.seed),
        item_score=study.item_score,
        n_resamples=resampling.n_resamples,
    )
    is_bca = method == IntervalMethod.BOOTSTRAP_TWO_WAY_BCA
    return tuple(
        tuple(
            bootstrap_two_way.interval_of_resamples(
                resampled[:, g],
                estimate=part.estimate,
                n_items=0 if not part.n_items else max(1, int(part.n_things)),
                n_raters=part.n_raters,
                method=method,
                confidence=confidence,
                acceleration=_acceleration(study, grouping=grouping, g=g) if is_bca else 0.0,
            )
            if not (reason := too_few(part) or part.no_spread)
            else undefined(reason, method=method, confidence=confidence, estimate=part.estimate)
            for g, part in enumerate(of_grouping)
        )
        for resampled, grouping, of_grouping in zip(means, groupings, parts, strict=True)
    )


def _acceleration(study: ScoredRatings, *, grouping: Grouping, g: int) -> float:
    """Things pull the mean by the scores of their items, raters by what leaving them out does to theirs."""
    rows = grouping.index == g
    known = rows & ~np.isnan(study.item_scores)
    scores = study.item_scores[known]
    if scores.size < 2:
        return 0.0
    item_pull = (scores - scores.mean()) / scores.size
    if grouping.things is not None:
        item_pull = np.bincount(np.unique(grouping.things[known], return_inverse=True)[1], weights=item_pull)
    of_group = rows[study.item_index] & ~np.isnan(study.left_out)
    pull = (study.item_scores[study.item_index] - study.left_out)[of_group]
    raters = study.rater_index[of_group]
    of_rater = np.bincount(raters, weights=pull) / scores.size
    return bootstrap_two_way.two_way_acceleration(
        item_pull, rater_influence=of_rater[np.bincount(raters) > 0]
    )
