"""A study in numbers before anybody has rated: raters, hours, cost, width of the interval, power."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from annotation.choices import TaskKind
from annotation.effort import Effort, effort
from evaluation.metrics.planning import (
    SampleSize,
    VarianceComponents,
    half_width,
    per_group_for_shares,
    power_of_difference,
)
from evaluation.number_words import grouped

MOST_ITEMS: Final = 100_000
POWER: Final = 0.8
RATERS_TRIED: Final = (1, 2, 3, 5, 8, 12)
ITEMS_TRIED: Final = (0.25, 0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a researcher chooses.

    share_cap: in (0, 1].  pay_per_hour: in any currency.  fee: of the platform, as a share of the pay.
    target: half-width to reach, in points.  difference: between two halves of the items, in points.
    shares: of two groups that are to be told apart, e.g. of images with both objects under two relations.
    kind: of task.  Width and power are of opinion scores; without a spread they are undefined.
    """

    items: int
    raters_per_item: int
    items_per_rater: int
    share_cap: float
    checks_per_rater: int
    seconds_per_item: float
    pay_per_hour: float
    fee: float
    target: float
    difference: float
    spread: VarianceComponents
    shares: tuple[float, float] = (0.61, 0.52)
    kind: TaskKind = TaskKind.OPINION_SCORE

    @property
    def has_scores(self) -> bool:
        """Whether its result is a mean opinion score, with an interval and power to plan."""
        return self.kind == TaskKind.OPINION_SCORE

    @property
    def has_shares(self) -> bool:
        """Whether its result may be shares of images in two groups."""
        return self.kind in (TaskKind.OPINION_SCORE, TaskKind.OBJECT_PRESENCE)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a study comes to. half_width in points of the scale; power in [0, 1]; NaN where undefined."""

    study: Study
    effort: Effort
    cost: float
    half_width: float
    power: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A study's outlook, what other choices would come to, and the items that the target needs.

    per_group: of each of two groups, to tell their shares apart by an exact test with the power of POWER.
    """

    outlook: Outlook
    by_raters: Sequence[Outlook]
    by_items: Sequence[Outlook]
    items_needed: SampleSize
    per_group: SampleSize

    @property
    def shares(self) -> tuple[float, float]:
        """The two shares in percent."""
        first, second = self.outlook.study.shares
        return 100 * first, 100 * second


def plan(study: Study) -> Plan:
    """The whole page of a study."""
    by_raters = sorted({*RATERS_TRIED, study.raters_per_item})
    by_items = sorted({max(2, round(study.items * factor)) for factor in ITEMS_TRIED} | {study.items})
    return Plan(
        outlook=outlook(study),
        by_raters=[outlook(replace(study, raters_per_item=k)) for k in by_raters],
        by_items=[outlook(replace(study, items=items)) for items in by_items],
        items_needed=items_needed(study),
        per_group=per_group(study.shares),
    )


def per_group(shares: tuple[float, float]) -> SampleSize:
    """The size of each group for an exact test of two shares, with the few more that Fleiss adds for it."""
    found = per_group_for_shares(*shares, power=POWER)
    if found.n is None:
        return found
    return SampleSize(n=found.n + math.ceil(round(2 / abs(shares[0] - shares[1]), 6)))


def outlook(study: Study) -> Outlook:
    """One study's raters, hours, cost, expected half-width and power.

    The raters are as few as the rules let them be: with more of them the interval gets narrower.
    """
    work = effort(
        items=study.items,
        raters_per_item=study.raters_per_item,
        share_cap=study.share_cap,
        items_per_rater=study.items_per_rater,
        checks_per_rater=study.checks_per_rater,
        seconds_per_item=study.seconds_per_item,
    )
    return Outlook(
        study=study,
        effort=work,
        cost=work.hours_together * study.pay_per_hour * (1 + study.fee),
        half_width=half_width(
            study.spread,
            n_items=study.items,
            n_raters=work.raters_least,
            raters_per_item=study.raters_per_item,
        ),
        power=power_of_difference(
            study.spread,
            difference=study.difference,
            n_items=study.items,
            raters_per_item=study.raters_per_item,
        ),
    )


def items_needed(study: Study) -> SampleSize:
    """The fewest items whose half-width is at most the target, raters growing with the items.

    None where no number up to MOST_ITEMS is enough.
    """
    if study.spread.reason:
        return SampleSize(n=None, reason=study.spread.reason)
    low, high = 2, MOST_ITEMS
    widest = _width(study, items=high)
    if not widest <= study.target:
        return SampleSize(
            n=None,
            reason=f"even {grouped(MOST_ITEMS)} items leave ±{widest:.2f}: let more raters share them, by"
            " fewer ratings in one session",
        )
    while low < high:
        middle = (low + high) // 2
        if _width(study, items=middle) <= study.target:
            high = middle
        else:
            low = middle + 1
    return SampleSize(n=low)


def _width(study: Study, *, items: int) -> float:
    width = outlook(replace(study, items=items)).half_width
    return math.inf if math.isnan(width) else width
