"""Are the groups different? Every pair of groups of one grouping, with Holm's correction over the pairs.

Groups that show mostly the same things (prompts under two methods: more than half of either group's) are
compared pair by pair, without the things that only one of them has. Groups that share fewer are compared
whole by Welch's test, with a thing in both as one cluster; groups that share none by Welch's test itself. All
rest on item scores. Where one thing has several items in a group, their mean stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from evaluation.metrics.intervals import NAN
from evaluation.metrics.opinion import ItemTable
from evaluation.metrics.tables import FloatArray, IndexArray
from evaluation.metrics.tests import TestResult, holm, paired_t, welch_t, welch_t_clustered, wilcoxon
from evaluation.study import Grouping

MOST_GROUPS: Final = 20
FEWEST_PAIRS: Final = 2
PAIRED: Final = "paired_t"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two groups of one grouping. test: of mean(first) - mean(second).  p_holm: NaN where there is no
    p-value.

    n_first, n_second: things with a score.  n_shared: of them in both groups.
    n_left_out: things that the test left out, because it is paired and only one group has them.
    mean_first, mean_second: over the things that the test used, so that they differ by its effect.
    wilcoxon_p: of the signed-rank test beside a paired test, else NaN.
    """

    grouping: str
    first: str
    second: str
    n_first: int
    n_second: int
    n_shared: int
    n_left_out: int
    mean_first: float
    mean_second: float
    test: TestResult
    p_holm: float
    wilcoxon_p: float

    @property
    def is_paired(self) -> bool:
        """Whether the things were compared pair by pair."""
        return self.test.method == PAIRED


@dataclass(frozen=True, kw_only=True, eq=False)
class _Things:
    """Things of a group in ascending order, (things,), with their mean item scores."""

    names: IndexArray
    scores: FloatArray


@dataclass(frozen=True, kw_only=True)
class _Tested:
    """A test, what it rests on, and the signed-rank test's p-value beside it."""

    result: TestResult
    n_shared: int
    n_left_out: int
    means: tuple[float, float]
    wilcoxon_p: float = NAN


def compare_groups(
    items: ItemTable, *, grouping: Grouping, same_thing: IndexArray, confidence: float
) -> tuple[Comparison, ...]:
    """All pairs of groups with a scored item, in the grouping's order; none above MOST_GROUPS groups.

    same_thing: (items,), see Study.
    """
    by_group = {
        value: _by_thing(items, chosen=grouping.index == place, same_thing=same_thing)
        for place, value in enumerate(grouping.values)
    }
    with_items = [value for value, things in by_group.items() if things.names.size]
    if len(with_items) > MOST_GROUPS:
        return ()
    pairs = list(combinations(with_items, 2))
    compared = [_compare(by_group[first], by_group[second], confidence=confidence) for first, second in pairs]
    adjusted = holm([tested.result.p_value for tested in compared])
    return tuple(
        Comparison(
            grouping=grouping.name,
            first=first,
            second=second,
            n_first=by_group[first].names.size,
            n_second=by_group[second].names.size,
            n_shared=tested.n_shared,
            n_left_out=tested.n_left_out,
            mean_first=tested.means[0],
            mean_second=tested.means[1],
            test=tested.result,
            p_holm=float(p_holm),
            wilcoxon_p=tested.wilcoxon_p,
        )
        for (first, second), tested, p_holm in zip(pairs, compared, adjusted, strict=True)
    )


def _by_thing(items: ItemTable, *, chosen: np.ndarray, same_thing: IndexArray) -> _Things:
    """The things of a group."""
    kept = chosen & items.kept
    things, place = np.unique(same_thing[kept], return_inverse=True)
    counts = np.bincount(place, minlength=things.size)
    sums = np.bincount(place, weights=items.score[kept], minlength=things.size)
    return _Things(names=things, scores=sums / np.maximum(counts, 1))


def _compare(first: _Things, second: _Things, *, confidence: float) -> _Tested:
    """Pair by pair where most things of both groups are shared, else of all things."""
    shared, in_first, in_second = np.intersect1d(
        first.names, second.names, assume_unique=True, return_indices=True
    )
    n_shared, sizes = int(shared.size), (first.names.size, second.names.size)
    if n_shared >= FEWEST_PAIRS and 2 * n_shared > max(sizes):
        a, b = first.scores[in_first], second.scores[in_second]
        return _Tested(
            result=paired_t(a, b, confidence=confidence),
            n_shared=n_shared,
            n_left_out=sum(sizes) - 2 * n_shared,
            means=(float(a.mean()), float(b.mean())),
            wilcoxon_p=wilcoxon(a, b).p_value,
        )
    a, b = first.scores, second.scores
    if n_shared:
        result = welch_t_clustered(
            a, b, first_things=first.names, second_things=second.names, confidence=confidence
        )
    else:
        result = welch_t(a, b, confidence=confidence)
    return _Tested(result=result, n_shared=n_shared, n_left_out=0, means=(float(a.mean()), float(b.mean())))
