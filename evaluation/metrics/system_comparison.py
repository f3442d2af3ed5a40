"""One system against another, group by group: paired where the items are mostly shared, else Welch's test.

Rating the same items for both systems takes the items' own spread out of the comparison: it is the
recommended design. Holm's correction runs over the groups.
Source: Tang et al. 2023, app. A.2 (unpaired, by part of speech); Welch 1947; Holm 1979.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation.metrics.intervals import check_size
from evaluation.metrics.tests import TestResult, holm, paired_t, welch_t, welch_t_clustered


class Design(StrEnum):
    """How two systems are compared. BY_ITEMS: paired in a group where more than half of either system's items
    are shared, two at least; elsewhere by Welch's test, with a shared item as one cluster."""

    BY_ITEMS = "by_items"
    PAIRED = "paired"
    UNPAIRED = "unpaired"


@dataclass(frozen=True, kw_only=True)
class ScoredItem:
    """An item's score under one system. cluster: what pairs may share besides the item, e.g. the image."""

    item: str
    score: float
    group: str = ""
    cluster: str = ""


@dataclass(frozen=True, kw_only=True)
class GroupComparison:
    """One group. test: first less second; its method says whether it was paired.  p_holm: NaN where the test
    is undefined.  n_shared: items that both systems have.  n_unpaired: items of a paired test that one system
    alone had; they are left out, of the means too."""

    group: str
    n_first: int
    n_second: int
    mean_first: float
    mean_second: float
    test: TestResult
    p_holm: float
    n_shared: int
    n_unpaired: int


def compare_systems(
    first: Iterable[ScoredItem],
    second: Iterable[ScoredItem],
    *,
    design: Design = Design.BY_ITEMS,
    confidence: float = 0.95,
) -> tuple[GroupComparison, ...]:
    """Every group of either system, in order of first appearance; items with a NaN score are left out.

    ValueError for an item twice in one system, or in another group in the other.
    """
    sides = tuple(_by_item(side, name=name) for side, name in ((first, "first"), (second, "second")))
    moved = [item for item in sides[0] if item in sides[1] and sides[0][item].group != sides[1][item].group]
    if moved:
        raise ValueError(f"{len(moved)} items are in two groups, e.g. {moved[0]!r}")
    groups = dict.fromkeys(row.group for side in sides for row in side.values())
    drafts = [
        _compare(
            group,
            rows=tuple({i: r for i, r in side.items() if r.group == group} for side in sides),
            design=design,
            confidence=confidence,
        )
        for group in groups
    ]
    corrected = holm([draft.test.p_value for draft in drafts])
    return tuple(
        GroupComparison(**{**vars(draft), "p_holm": float(p)})
        for draft, p in zip(drafts, corrected, strict=True)
    )


def _compare(
    group: str, *, rows: tuple[dict[str, ScoredItem], ...], design: Design, confidence: float
) -> GroupComparison:
    shared = [item for item in rows[0] if item in rows[1]]
    alone = len(rows[0]) + len(rows[1]) - 2 * len(shared)
    mostly = len(shared) > 1 and 2 * len(shared) > max(len(side) for side in rows)
    paired = design == Design.PAIRED or (design == Design.BY_ITEMS and mostly)
    sides = [[side[item] for item in (shared if paired else side)] for side in rows]
    values = tuple(np.array([row.score for row in side], dtype=np.float64) for side in sides)
    if paired:
        test = paired_t(*values, clusters=_clusters(sides[0]), confidence=confidence)
    elif shared and design == Design.BY_ITEMS:
        first, second = (list(side) for side in rows)
        test = welch_t_clustered(*values, first_things=first, second_things=second, confidence=confidence)
    else:
        test = welch_t(*values, confidence=confidence)
    means = [float(v.mean()) if v.size else float("nan") for v in values]
    return GroupComparison(
        group=group,
        n_first=len(rows[0]),
        n_second=len(rows[1]),
        mean_first=means[0],
        mean_second=means[1],
        test=test,
        p_holm=float("nan"),
        n_shared=len(shared),
        n_unpaired=alone if paired else 0,
    )


def _clusters(rows: Sequence[ScoredItem]) -> list[str] | None:
    """The rows' clusters, None where no row names one; a row without one is its own."""
    if not any(row.cluster for row in rows):
        return None
    return [f"cluster {row.cluster}" if row.cluster else f"item {row.item}" for row in rows]


def _by_item(rows: Iterable[ScoredItem], *, name: str) -> dict[str, ScoredItem]:
    known: dict[str, ScoredItem] = {}
    for row in rows:
        if row.item in known:
            raise ValueError(f"item {row.item!r} is in the {name} system twice")
        known[row.item] = row
    check_size(np.array([row.score for row in known.values()], dtype=np.float64))
    return {item: row for item, row in known.items() if not np.isnan(row.score)}
