"""What a campaign asks of its raters, before anybody has answered: plain arithmetic, no database."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Effort:
    """The size of a campaign. `raters_least` assumes that everybody rates as much as the rules let them."""

    items: int
    ratings: int
    ratings_per_rater: int
    raters_least: int
    minutes_per_rater: float
    hours_together: float


def effort(
    *,
    items: int,
    raters_per_item: int,
    share_cap: float,
    items_per_rater: int,
    checks_per_rater: int,
    seconds_per_item: float,
) -> Effort:
    """The work of a campaign with these rules.

    share_cap: largest share of all ratings by one rater, in (0, 1].  seconds_per_item: expected per answer.
    Attention checks take a rater's time but are nobody's rating.
    """
    ratings = items * raters_per_item
    most = ratings_per_rater_at_most(
        items=items, raters_per_item=raters_per_item, share_cap=share_cap, items_per_rater=items_per_rater
    )
    raters = max(raters_per_item, math.ceil(ratings / most)) if ratings else 0
    seconds = (most + checks_per_rater) * seconds_per_item if ratings else 0.0
    return Effort(
        items=items,
        ratings=ratings,
        ratings_per_rater=most,
        raters_least=raters,
        minutes_per_rater=seconds / 60,
        hours_together=(ratings + raters * checks_per_rater) * seconds_per_item / 3600,
    )


def ratings_per_rater_at_most(
    *, items: int, raters_per_item: int, share_cap: float, items_per_rater: int
) -> int:
    """Most ratings of one rater: the session's limit, the share cap, no item twice; 0 without items."""
    # A cap of 0.18 on 50 ratings is 9; floating point may say 8.999….
    by_share = math.floor(share_cap * items * raters_per_item + 1e-9)
    return min(items_per_rater, max(by_share, 1), items)
