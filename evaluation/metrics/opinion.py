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

from evaluation.metrics import item_scores
from evaluation.metrics.bootstrap_two_way import Grouping, grouping_of
from evaluation.metrics.intervals import (
    NAN,
    Interval,
    IntervalMethod,
    check_confidence,
    share_interval,
)
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.mean_intervals import (
    Resampling,
    ScoredRatings,
    mean_intervals,
    over_items,
    parts_of_groups,
)
from evaluation.metrics.protocol import HEADLINE as HEADLINE
from evaluation.metrics.protocol import PRESETS as PRESETS
from evaluation.metrics.protocol import DropRule as DropRule
from evaluation.metrics.protocol import Protocol as Protocol
from evaluation.metrics.tables import BoolArray, FloatArray, FlowStep, IndexArray, OptOut, RatingTable
from evaluation.metrics.two_way import TwoWayParts

ALL_GROUPS = "(all)"


class ItemStatus(StrEnum):
    """Kept, or why not."""

    KEPT = "kept"
    TOO_ABSTRACT = "dropped: word too abstract"
    NO_SCORE = "no score: the image was too poor for every rater left"
    NO_ANSWER = "no answer left"


STATUSES = tuple(ItemStatus)


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

    mos: the headline interval; its method and flag say how it was made.  ci_t_items, z196: the alternatives.
    also: the further methods that the protocol asks for.  mos_of_means: item means instead of medians.
    standard_deviation: of the item scores (n-1).  fair_share: ratings from fair up, with Wilson bounds.
    n_raters: None where nobody knows who rated.
    below_min_items: too few items, or too few things that they show, to draw conclusions from; drawn grey.
    """

    group: str
    n_items: int
    n_dropped: int
    n_without_score: int
    n_raters: int | None
    n_ratings: int
    mos: Interval
    ci_t_items: Interval
    z196: Interval
    mos_of_means: float
    standard_deviation: float
    fair_share: Interval
    below_min_items: bool
    also: tuple[Interval, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OpinionReport:
    """Result of the protocol. groups follow the table's order; `overall` takes all kept items as one group.

    kept_by_rule: how many items each drop rule would keep.  flow: the table's filters, then the protocol's.
    scale: lowest and highest score.
    """

    protocol: Protocol
    scale: tuple[float, float]
    items: ItemTable
    groups: tuple[GroupOpinion, ...]
    overall: GroupOpinion
    kept_by_rule: dict[DropRule, int]
    flow: tuple[FlowStep, ...]


def opinion_report(
    table: RatingTable, *, protocol: Protocol = HEADLINE, same_thing: IndexArray | None = None
) -> OpinionReport:
    """Mean opinion scores of every group of the table, by the protocol.

    same_thing: (items,), equal numbers from 0 up for items that show one thing under several conditions: in a
    group that holds several of them the thing is the sample, not the item. Without it each shows its own.
    """
    check_confidence(protocol.confidence)
    counts = _AnswerCounts.of(table)
    dropped = {rule: _dropped(counts, rule=rule) for rule in DropRule}
    kept_answers = table.only_items(
        ~dropped[protocol.drop_rule], name="drop rule", detail=f"word too abstract: {protocol.drop_rule}"
    )
    used = kept_answers.only_scores()
    items, left_out = _score_items(table, used=used, counts=counts, protocol=protocol)
    groupings = (
        grouping_of(table.group_index, n=len(table.groups), same_thing=same_thing),
        grouping_of(np.zeros(table.n_items, dtype=np.int64), n=1, same_thing=same_thing),
    )
    study = ScoredRatings(
        scores=used.score,
        item_index=used.item_index,
        rater_index=used.rater_index,
        left_out=left_out,
        item_scores=items.score,
        scale=table.scale,
        item_score=protocol.item_score,
    )
    groups, overall = _opinions(
        study, items=items, names=(table.groups, (ALL_GROUPS,)), groupings=groupings, protocol=protocol
    )
    return OpinionReport(
        protocol=protocol,
        scale=table.scale,
        items=items,
        groups=groups,
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


def _opinions(
    study: ScoredRatings,
    *,
    items: ItemTable,
    names: tuple[tuple[str, ...], ...],
    groupings: tuple[Grouping, ...],
    protocol: Protocol,
) -> tuple[tuple[GroupOpinion, ...], ...]:
    """The opinions of every group, grouping by grouping."""
    wanted = (protocol.interval, *protocol.also)
    parts = tuple(parts_of_groups(study, grouping=grouping) for grouping in groupings)
    by_method = [
        mean_intervals(
            study,
            groupings=groupings,
            method=method,
            confidence=protocol.confidence,
            zero_width=protocol.zero_width,
            resampling=Resampling(n_resamples=protocol.n_resamples, seed=protocol.seed),
            parts=parts,
        )
        for method in wanted
    ]
    return tuple(
        _group_opinions(
            study,
            items=items,
            names=names[i],
            grouping=grouping,
            parts=parts[i],
            intervals=[by_group[i] for by_group in by_method],
            protocol=protocol,
        )
        for i, grouping in enumerate(groupings)
    )


def _group_opinions(
    study: ScoredRatings,
    *,
    items: ItemTable,
    names: tuple[str, ...],
    grouping: Grouping,
    parts: tuple[TwoWayParts, ...],
    intervals: list[tuple[Interval, ...]],
    protocol: Protocol,
) -> tuple[GroupOpinion, ...]:
    n = grouping.n
    of_rating = grouping.index[study.item_index]
    n_ratings = np.bincount(of_rating, minlength=n)
    n_fair = np.bincount(of_rating[study.scores >= protocol.fair_from], minlength=n)
    status_cell = grouping.index * len(STATUSES) + items.status
    by_status = np.bincount(status_cell, minlength=n * len(STATUSES)).reshape(n, len(STATUSES))
    of_kept = grouping.index[items.kept]
    sum_of_means = np.bincount(of_kept, weights=items.mean[items.kept], minlength=n)
    return tuple(
        _group_opinion(
            name,
            parts=parts[g],
            intervals=[of_method[g] for of_method in intervals],
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
    parts: TwoWayParts,
    intervals: list[Interval],
    n_ratings: int,
    n_fair: int,
    by_status: IndexArray,
    mos_of_means: float,
    protocol: Protocol,
) -> GroupOpinion:
    n = parts.n_items
    t_items, z196 = (
        over_items(parts, method=method, confidence=protocol.confidence)
        for method in (IntervalMethod.T_ITEMS, IntervalMethod.Z_196)
    )
    return GroupOpinion(
        group=name,
        n_items=n,
        n_dropped=int(by_status[STATUSES.index(ItemStatus.TOO_ABSTRACT)]),
        n_without_score=int(
            by_status[STATUSES.index(ItemStatus.NO_SCORE)] + by_status[STATUSES.index(ItemStatus.NO_ANSWER)]
        ),
        n_raters=parts.n_raters,
        n_ratings=n_ratings,
        mos=intervals[0],
        ci_t_items=t_items,
        z196=z196,
        mos_of_means=mos_of_means,
        standard_deviation=parts.standard_deviation,
        fair_share=share_interval(
            n_fair, total=n_ratings, method=protocol.share_interval, confidence=protocol.confidence
        ),
        below_min_items=parts.n_things < protocol.min_items,
        also=tuple(intervals[1:]),
    )
