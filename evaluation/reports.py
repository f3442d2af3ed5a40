"""The whole report of a campaign: one pure function from the loaded answers to everything the page shows."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from evaluation.loading import CampaignData, LoadedCampaign, LoadedItem, LoadedRater
from evaluation.metrics.opinion import (
    ALL_GROUPS,
    ItemRow,
    ItemStatus,
    OpinionReport,
    Protocol,
    opinion_report,
)
from evaluation.metrics.responses import ResponseShares, response_shares
from evaluation.metrics.screening import RaterScreen, screen_raters
from evaluation.metrics.shares import RaterShares, rater_shares
from evaluation.metrics.tables import FlowStep, RatingTable

HEADLINE: Final = Protocol()


@dataclass(frozen=True, kw_only=True)
class ItemLine:
    """One item with its result; `result` is None for an attention check, which has none."""

    item: LoadedItem
    result: ItemRow | None


@dataclass(frozen=True, kw_only=True)
class RaterLine:
    """One rater in numbers; `screen` is None without an answer to a rating item."""

    rater: LoadedRater
    screen: RaterScreen | None

    @property
    def verdict(self) -> str:
        """Whether the rater's answers are analysed, in words."""
        if self.rater.standing.excluded_by_hand:
            return "excluded"
        return "failed checks" if self.rater.standing.failed_checks else "kept"


@dataclass(frozen=True, kw_only=True)
class ItemCounts:
    """Where the rating items went. The kept and the three reasons add up to all."""

    all: int
    kept: int
    too_abstract: int
    no_score: int
    no_answer: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """Results of a campaign by the founding protocol.

    responses: shares of all options per group, after the exclusion of raters, before the drop rule.
    shares: how evenly the kept raters shared the kept answers.
    """

    campaign: LoadedCampaign
    protocol: Protocol
    opinion: OpinionReport
    responses: tuple[ResponseShares, ...]
    responses_overall: ResponseShares
    shares: RaterShares
    items: tuple[ItemLine, ...]
    item_counts: ItemCounts
    raters: tuple[RaterLine, ...]
    flow: tuple[FlowStep, ...]

    @property
    def n_answers(self) -> int:
        """Answers to rating items, of all raters."""
        return self.flow[0].answers_after

    @property
    def raters_failed(self) -> int:
        """Raters who failed the attention checks."""
        return sum(line.rater.standing.failed_checks for line in self.raters)

    @property
    def raters_excluded(self) -> int:
        """Raters whom a researcher excluded."""
        return sum(line.rater.standing.excluded_by_hand for line in self.raters)

    @property
    def raters_simulated(self) -> int:
        """Raters who are no people."""
        return sum(line.rater.simulated for line in self.raters)


def build(data: CampaignData, *, protocol: Protocol = HEADLINE) -> Report:
    """The report: first the raters who don't count go, then `evaluation.metrics.opinion` runs."""
    kept = _kept(data)
    opinion = opinion_report(kept, protocol=protocol)
    rows = {row.item: row for row in opinion.items.rows()}
    screens = {screen.rater: screen for screen in screen_raters(data.table)}
    return Report(
        campaign=data.campaign,
        protocol=protocol,
        opinion=opinion,
        responses=response_shares(kept),
        responses_overall=response_shares(_as_one_group(kept))[0],
        shares=rater_shares(kept),
        items=tuple(ItemLine(item=item, result=rows.get(item.item)) for item in data.items),
        item_counts=_count(rows),
        raters=tuple(RaterLine(rater=rater, screen=screens.get(rater.rater)) for rater in data.raters),
        flow=opinion.flow,
    )


def _kept(data: CampaignData) -> RatingTable:
    """The answers of the raters who count. Both exclusions are steps of the flow, also when nobody goes."""
    present = set(data.table.rater_ids)
    failed = {rater.rater for rater in data.raters if rater.standing.failed_checks} & present
    excluded = {rater.rater for rater in data.raters if rater.standing.excluded_by_hand} & present - failed
    allowed = data.campaign.checks_allowed_wrong
    return data.table.without_raters(
        failed, reason=f"more than {allowed} attention check{'' if allowed == 1 else 's'} wrong"
    ).without_raters(excluded, reason="excluded by a researcher")


def _as_one_group(table: RatingTable) -> RatingTable:
    return replace(table, groups=(ALL_GROUPS,), group_index=np.zeros(table.n_items, dtype=np.int64))


def _count(rows: dict[str, ItemRow]) -> ItemCounts:
    by_status = dict.fromkeys(ItemStatus, 0)
    for row in rows.values():
        by_status[row.status] += 1
    return ItemCounts(
        all=len(rows),
        kept=by_status[ItemStatus.KEPT],
        too_abstract=by_status[ItemStatus.TOO_ABSTRACT],
        no_score=by_status[ItemStatus.NO_SCORE],
        no_answer=by_status[ItemStatus.NO_ANSWER],
    )
