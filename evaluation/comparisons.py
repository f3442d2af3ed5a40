"""Are the groups different? Every pair of groups of one grouping, with Holm's correction over the pairs.

Two groups that show the same things (one prompt under two methods) are compared pair by pair; other groups by
Welch's test. Both rest on item scores. Where one thing has several items in a group, their mean stands for
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from evaluation.metrics.intervals import NAN
from evaluation.metrics.opinion import ItemTable
from evaluation.metrics.tables import FloatArray, IndexArray
from evaluation.metrics.tests import TestResult, holm, paired_t, welch_t, wilcoxon
from evaluation.study import Grouping

MOST_GROUPS: Final = 20
FEWEST_PAIRS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two groups of one grouping. test: of mean(first) - mean(second).  p_holm: NaN where there is no
    p-value.

    n_first, n_second: things with a score.  n_shared: of them in both groups; 0 unless the test is paired.
    wilcoxon_p: of the signed-rank test beside a paired test, else NaN.
    """

    grouping: str
    first: str
    second: str
    n_first: int
    n_second: int
    n_shared: int
    mean_first: float
    mean_second: float
    test: TestResult
    p_holm: float
    wilcoxon_p: float


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
    with_items = [value for value, (things, _) in by_group.items() if things.size]
    if len(with_items) > MOST_GROUPS:
        return ()
    compared = [
        _compare(by_group[first], by_group[second], confidence=confidence)
        for first, second in combinations(with_items, 2)
    ]
    adjusted = holm([result.p_value for result, _, _ in compared])
    return tuple(
        Comparison(
            grouping=grouping.name,
            first=first,
            second=second,
            n_first=by_group[first][0].size,
            n_second=by_group[second][0].size,
            n_shared=n_shared,
            mean_first=float(by_group[first][1].mean()),
            mean_second=float(by_group[second][1].mean()),
            test=result,
            p_holm=float(adjusted[place]),
            wilcoxon_p=signed_rank,
        )
        for place, ((first, second), (result, n_shared, signed_rank)) in enumerate(
            zip(combinations(with_items, 2), compared, strict=True)
        )
    )


def _by_thing(
    items: ItemTable, *, chosen: np.ndarray, same_thing: IndexArray
) -> tuple[IndexArray, FloatArray]:
    """The things of a group in ascending order, and their mean item scores."""
    kept = chosen & items.kept
    things, place = np.unique(same_thing[kept], return_inverse=True)
    counts = np.bincount(place, minlength=things.size)
    sums = np.bincount(place, weights=items.score[kept], minlength=things.size)
    return things, sums / np.maximum(counts, 1)


def _compare(
    first: tuple[IndexArray, FloatArray], second: tuple[IndexArray, FloatArray], *, confidence: float
) -> tuple[TestResult, int, float]:
    """The test, how many things it paired, and the p-value of the signed-rank test beside it."""
    shared, in_first, in_second = np.intersect1d(first[0], second[0], assume_unique=True, return_indices=True)
    if shared.size < FEWEST_PAIRS:
        return welch_t(first[1], second[1], confidence=confidence), 0, NAN
    pairs = first[1][in_first], second[1][in_second]
    result = paired_t(*pairs, confidence=confidence)
    return result, int(shared.size), wilcoxon(*pairs).p_value
