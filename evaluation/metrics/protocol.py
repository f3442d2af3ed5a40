"""The choices that make a mean opinion score, and named sets of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from evaluation.metrics.bounded import ZeroWidth
from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.item_scores import ItemScore


class DropRule(StrEnum):
    """When "word too abstract" answers drop an item. MAJORITY: more than half of all its answers."""

    ANY_RATER = "any_rater"
    MAJORITY = "majority"
    NEVER = "never"


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The choices that make a mean opinion score; the defaults are the headline.

    interval: the headline's method, any of `methods.methods_for_means`; also: methods shown beside it.
    share_interval: wilson or clopper_pearson.  fair_from: lowest score that counts as fair.
    zero_width: what stands in where all item scores of a group are equal.
    min_items: groups with fewer kept items are flagged, not hidden.
    n_resamples, seed: of the bootstraps; the same seed gives the same bounds.
    """

    drop_rule: DropRule = DropRule.ANY_RATER
    item_score: ItemScore = ItemScore.MEDIAN
    interval: IntervalMethod = IntervalMethod.TWO_WAY
    also: tuple[IntervalMethod, ...] = ()
    share_interval: IntervalMethod = IntervalMethod.WILSON
    zero_width: ZeroWidth = ZeroWidth.BOUNDED
    confidence: float = 0.95
    fair_from: float = 3.0
    min_items: int = 30
    n_resamples: int = 10_000
    seed: int = 2023


PRESETS = {
    "headline": Protocol(),
    "bootstrap": Protocol(interval=IntervalMethod.BOOTSTRAP_TWO_WAY),
    "item_means": Protocol(item_score=ItemScore.MEAN),
    "items_only": Protocol(interval=IntervalMethod.T_ITEMS),
    "published_code": Protocol(interval=IntervalMethod.Z_196_POPULATION, zero_width=ZeroWidth.EMPTY),
    "published_z": Protocol(interval=IntervalMethod.Z_196, zero_width=ZeroWidth.EMPTY),
    "p800": Protocol(
        drop_rule=DropRule.NEVER, item_score=ItemScore.MEAN, interval=IntervalMethod.T_RATINGS
    ),
}  # fmt: skip
"""Named protocols: ours, its alternatives, and those that reproduce how others count.

published_code: the item's median as in Tang et al. 2023, with the interval of their evaluation code.
p800: the mean of all ratings with a t interval over them, as ITU-T P.800.2 reports single conditions.
"""
HEADLINE = PRESETS["headline"]
