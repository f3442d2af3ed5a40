"""System against system inside each group, e.g. one model against another by part of speech.

A grouping that holds the same things in several groups (prompts under two models) is one of systems. In each
group of every other grouping the systems are compared by `metrics.system_comparison`: pair by pair where they
share most things there, else by Welch's test, with Holm's correction over the groups. Where one thing has
several items in a group, their mean stands for it.
Source: Tang et al. 2023, app. A.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from evaluation.metrics.opinion import ItemTable
from evaluation.metrics.system_comparison import GroupComparison, ScoredItem, compare_systems
from evaluation.metrics.tables import BoolArray, FloatArray, IndexArray
from evaluation.study import Grouping

MOST_SYSTEMS: Final = 6
MOST_GROUPS: Final = 20


@dataclass(frozen=True, kw_only=True)
class SystemsWithin:
    """Two systems in every group of a grouping. p_holm of the rows: over these groups."""

    systems: Grouping
    grouping: Grouping
    first: str
    second: str
    rows: tuple[GroupComparison, ...]


def systems_within(
    items: ItemTable, *, groupings: Sequence[Grouping], same_thing: IndexArray, confidence: float
) -> tuple[SystemsWithin, ...]:
    """Every pair of systems in every other grouping of at most 20 groups; none of more than 6 systems."""
    found = []
    for systems in groupings:
        if not 1 < len(systems.values) <= MOST_SYSTEMS or not _shares(systems, same_thing=same_thing):
            continue
        for grouping in groupings:
            if 1 < len(grouping.values) <= MOST_GROUPS and grouping is not systems:
                found += _pairs(
                    items, systems=systems, grouping=grouping, same_thing=same_thing, confidence=confidence
                )
    return tuple(found)


def _shares(grouping: Grouping, *, same_thing: IndexArray) -> bool:
    """Whether most things lie in several groups: one that does by accident makes no system of a group."""
    code = np.unique(same_thing * len(grouping.values) + grouping.index)
    groups_of_thing = np.unique(code // len(grouping.values), return_counts=True)[1]
    return bool((groups_of_thing > 1).sum() * 2 > groups_of_thing.size)


def _pairs(
    items: ItemTable, *, systems: Grouping, grouping: Grouping, same_thing: IndexArray, confidence: float
) -> list[SystemsWithin]:
    sides = [
        _scored(
            items.score, chosen=items.kept & (systems.index == place), grouping=grouping,
            same_thing=same_thing,
        )
        for place in range(len(systems.values))
    ]  # fmt: skip
    return [
        SystemsWithin(
            systems=systems,
            grouping=grouping,
            first=systems.values[first],
            second=systems.values[second],
            rows=compare_systems(sides[first], sides[second], confidence=confidence),
        )
        for first, second in combinations(range(len(sides)), 2)
        if sides[first] and sides[second]
    ]


def _scored(
    score: FloatArray, *, chosen: BoolArray, grouping: Grouping, same_thing: IndexArray
) -> list[ScoredItem]:
    """The things of a system with their mean scores, in the order of their groups."""
    n = len(grouping.values)
    own, place = np.unique(same_thing[chosen] * n + grouping.index[chosen], return_inverse=True)
    counts = np.bincount(place, minlength=own.size)
    means = np.bincount(place, weights=score[chosen], minlength=own.size) / np.maximum(counts, 1)
    order = np.lexsort((own // n, own % n)).tolist()
    return [
        ScoredItem(item=str(own[at]), score=float(means[at]), group=grouping.values[own[at] % n])
        for at in order
    ]
