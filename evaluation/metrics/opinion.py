"""Mean opinion scores by the founding protocol (Tang et al. 2023, sec. 3.2 and A.2), step by step.

raters out        table.without_raters(...), before anything here
drop rule         an item is dropped when any of its raters chose "word too abstract" (majority selectable);
                  "image too poor" answers are missing numbers
item score        the median of the remaining scores (even: mean of the middle two); the mean stands beside it
group score       the mean of its items' scores, with the two-way interval (see `two_way`)
fair to excellent ratings >= 3 among the numeric ratings of kept items, Wilson interval
response shares   all answers by option, per group, before the drop rule
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import item_scores, two_way
from evaluation.metrics.intervals import (
    NAN,
    Interval,
    IntervalMethod,
    check_confidence,
    interval_from_moments,
    wilson,
)
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.tables import BoolArray, FloatArray, FlowStep, IndexArray, OptOut, RatingTable

ALL_GROUPS = "(all)"


class DropRule(StrEnum):
    """When "word too abstract" answers drop an item. MAJORITY: more than half of all its answers."""

    ANY_RATER = "any_rater"
    MAJORITY = "majority"
    NEVER = "never"


class ItemStatus(StrEnum):
    """Kept, or why not."""

    KEPT = "kept"
    TOO_ABSTRACT = "dropped: word too abstract"
    NO_SCORE = "no score: the image was too poor for every rater left"
    NO_ANSWER = "no answer left"


STATUSES = tuple(ItemStatus)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The choices that make a mean opinion score; the defaults are the headline.

    interval: two_way or two_way_satterthwaite.  fair_from: lowest score that counts as fair.
    min_items: groups with fewer kept items are flagged, not hidden.
    """

    drop_rule: DropRule = DropRule.ANY_RATER
    item_score: ItemScore = ItemScore.MEDIAN
    interval: IntervalMethod = IntervalMethod.TWO_WAY
    confidence: float = 0.95
    fair_from: float = 3.0
    min_items: int = 30


@dataclass(frozen=True, kw_only=True)
class ItemRow:
    """One item of the result. median and mean are NaN unless the item was kept."""

    item: str
    group: str
    status: ItemStatus
    n_scores: int
    n_too_abstract: int
    n_too_poor: int
    median: float
    mean: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemTable:
    """The items in columns (items,): score by the protocol, median, mean (NaN unless kept), counts of
    answers, status (index into STATUSES)."""

    item_ids: tuple[str, ...]
    groups: tuple[str, ...]
    group_index: IndexArray
    score: FloatArray
    median: FloatArray
    mean: FloatArray
    n_scores: IndexArray
    n_too_abstract: IndexArray
    n_too_poor: IndexArray
    status: NDArray[np.int8]

    @property
    def kept(self) -> BoolArray:
        """Whether each item entered the group scores."""
        return np.asarray(self.status == STATUSES.index(ItemStatus.KEPT))

    def rows(self) -> Iterator[ItemRow]:
        """One ItemRow per item, in the table's order."""
        for i, item in enumerate(self.item_ids):
            yield ItemRow(
                item=item,
                group=self.groups[self.group_index[i]],
                status=STATUSES[self.status[i]],
                n_scores=int(self.n_scores[i]),
                n_too_abstract=int(self.n_too_abstract[i]),
                n_too_poor=int(self.n_too_poor[i]),
                median=float(self.median[i]),
                mean=float(self.mean[i]),
            )


@dataclass(frozen=True, kw_only=True)
class GroupOpinion:
    """A group's mean opinion score. mos: interval.estimate, NaN where no item was kept.

    mos: the headline interval.  ci_t_items, z196: the alternatives.  mos_of_means: item means instead of
    medians.
    standard_deviation: of the item scores (n-1).  fair_share: ratings from fair up, with Wilson bounds.
    below_min_items: too few items to draw conclusions from; drawn grey.
    """

    group: str
    n_items: int
    n_dropped: int
    n_without_score: int
    n_raters: int
    n_ratings: int
    mos: Interval
    ci_t_items: Interval
    z196: Interval
    mos_of_means: float
    standard_deviation: float
    fair_share: Interval
    below_min_items: bool


@dataclass(frozen=True, kw_only=True)
class OpinionReport:
    """Result of the protocol. groups follow the table's order; `overall` takes all kept items as one group.

    kept_by_rule: how many items each drop rule would keep.  flow: the table's filters, then the protocol's.
    """

    protocol: Protocol
    items: ItemTable
    groups: tuple[GroupOpinion, ...]
    overall: GroupOpinion
    kept_by_rule: dict[DropRule, int]
    flow: tuple[FlowStep, ...]


def opinion_report(table: RatingTable, *, protocol: Protocol = Protocol()) -> OpinionReport:
    """Mean opinion scores of every group of the table, by the protocol."""
    check_confidence(protocol.confidence)
    counts = _AnswerCounts.of(table)
    dropped = {rule: _dropped(counts, rule=rule) for rule in DropRule}
    kept_answers = table.only_items(
        ~dropped[protocol.drop_rule], name="drop rule", detail=f"word too abstract: {protocol.drop_rule}"
    )
    used = kept_answers.only_scores()
    items, left_out = _score_items(table, used=used, counts=counts, protocol=protocol)
    one_group = np.zeros(table.n_items, dtype=np.int64)
    overall = _group_opinions(
        items, used=used, left_out=left_out, names=(ALL_GROUPS,), group_index=one_group, protocol=protocol
    )
    return OpinionReport(
        protocol=protocol,
        items=items,
        groups=_group_opinions(
            items,
            used=used,
            left_out=left_out,
            names=table.groups,
            group_index=table.group_index,
            protocol=protocol,
        ),
        overall=overall[0],
        kept_by_rule={
            rule: int(np.count_nonzero(~out & (counts.scores > 0))) for rule, out in dropped.items()
        },
        flow=used.flow,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _AnswerCounts:
    """Answers of each item, by kind, each (items,)."""

    scores: IndexArray
    too_abstract: IndexArray
    too_poor: IndexArray

    @classmethod
    def of(cls, table: RatingTable) -> _AnswerCounts:
        cell = table.item_index * len(OptOut) + table.opt_out
        by_kind = np.bincount(cell, minlength=table.n_items * len(OptOut)).reshape(-1, len(OptOut))
        return cls(
            scores=by_kind[:, OptOut.NONE],
            too_abstract=by_kind[:, OptOut.WORD_TOO_ABSTRACT],
            too_poor=by_kind[:, OptOut.IMAGE_TOO_POOR],
        )

    @property
    def all(self) -> IndexArray:
        return self.scores + self.too_abstract + self.too_poor


def _dropped(counts: _AnswerCounts, *, rule: DropRule) -> BoolArray:
    if rule == DropRule.ANY_RATER:
        return counts.too_abstract > 0
    if rule == DropRule.MAJORITY:
        return 2 * counts.too_abstract > counts.all
    return np.zeros(counts.scores.size, dtype=bool)


def _score_items(
    table: RatingTable, *, used: RatingTable, counts: _AnswerCounts, protocol: Protocol
) -> tuple[ItemTable, FloatArray]:
    """The items' scores, and for each used rating the item's score without it."""
    shape = {"item_index": used.item_index, "n_items": table.n_items}
    by_median = item_scores.medians(used.score, item_index=used.item_index, n_items=table.n_items)
    by_mean = item_scores.means(used.score, **shape)  # type: ignore[arg-type]
    chosen = by_median if protocol.item_score == ItemScore.MEDIAN else by_mean
    status = np.full(table.n_items, STATUSES.index(ItemStatus.KEPT), dtype=np.int8)
    status[counts.scores == 0] = STATUSES.index(ItemStatus.NO_SCORE)
    status[_dropped(counts, rule=protocol.drop_rule)] = STATUSES.index(ItemStatus.TOO_ABSTRACT)
    status[counts.all == 0] = STATUSES.index(ItemStatus.NO_ANSWER)
    items = ItemTable(
        item_ids=table.item_ids,
        groups=table.groups,
        group_index=table.group_index,
        score=chosen.value,
        median=by_median.value,
        mean=by_mean.value,
        n_scores=counts.scores,
        n_too_abstract=counts.too_abstract,
        n_too_poor=counts.too_poor,
        status=status,
    )
    return items, chosen.left_out


def _group_opinions(
    items: ItemTable,
    *,
    used: RatingTable,
    left_out: FloatArray,
    names: tuple[str, ...],
    group_index: IndexArray,
    protocol: Protocol,
) -> tuple[GroupOpinion, ...]:
    n = len(names)
    parts = two_way.two_way_parts(
        items.score,
        item_index=used.item_index,
        rater_index=used.rater_index,
        left_out=left_out,
        group_index=group_index,
        n_groups=n,
    )
    of_rating = group_index[used.item_index]
    n_ratings = np.bincount(of_rating, minlength=n)
    n_fair = np.bincount(of_rating[used.score >= protocol.fair_from], minlength=n)
    status_cell = group_index * len(STATUSES) + items.status
    by_status = np.bincount(status_cell, minlength=n * len(STATUSES)).reshape(n, len(STATUSES))
    of_kept = group_index[items.kept]
    sum_of_means = np.bincount(of_kept, weights=items.mean[items.kept], minlength=n)
    return tuple(
        _group_opinion(
            name,
            parts=parts[g],
            n_ratings=int(n_ratings[g]),
            n_fair=int(n_fair[g]),
            by_status=by_status[g],
            mos_of_means=float(sum_of_means[g] / parts[g].n_items) if parts[g].n_items else NAN,
            protocol=protocol,
        )
        for g, name in enumerate(names)
    )


def _group_opinion(
    name: str,
    *,
    parts: two_way.TwoWayParts,
    n_ratings: int,
    n_fair: int,
    by_status: IndexArray,
    mos_of_means: float,
    protocol: Protocol,
) -> GroupOpinion:
    n = parts.n_items
    spread = float(np.sqrt(parts.item_variance * n)) if n > 1 else NAN
    return GroupOpinion(
        group=name,
        n_items=n,
        n_dropped=int(by_status[STATUSES.index(ItemStatus.TOO_ABSTRACT)]),
        n_without_score=int(
            by_status[STATUSES.index(ItemStatus.NO_SCORE)] + by_status[STATUSES.index(ItemStatus.NO_ANSWER)]
        ),
        n_raters=parts.n_raters,
        n_ratings=n_ratings,
        mos=two_way.two_way(parts, confidence=protocol.confidence, method=protocol.interval),
        ci_t_items=interval_from_moments(
            parts.estimate,
            standard_deviation=spread,
            n=n,
            method=IntervalMethod.T_ITEMS,
            confidence=protocol.confidence,
        ),
        z196=interval_from_moments(
            parts.estimate, standard_deviation=spread, n=n, method=IntervalMethod.Z_196
        ),
        mos_of_means=mos_of_means,
        standard_deviation=spread,
        fair_share=wilson(n_fair, total=n_ratings, confidence=protocol.confidence),
        below_min_items=n < protocol.min_items,
    )
