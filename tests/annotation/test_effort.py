"""The size of a campaign, by hand."""

from annotation.effort import Effort, effort, ratings_per_rater_at_most


def size(**changes: float) -> Effort:
    values: dict[str, float] = {
        "items": 100,
        "raters_per_item": 3,
        "share_cap": 0.18,
        "items_per_rater": 40,
        "checks_per_rater": 5,
        "seconds_per_item": 8,
    }
    return effort(**(values | changes))  # type: ignore[arg-type]


def test_raters_needed_follow_from_the_session_limit() -> None:
    # 300 ratings, at most 40 each: 7.5, so 8 raters; a session is 45 answers of 8 seconds.
    asked = size()
    assert (asked.ratings, asked.ratings_per_rater, asked.raters_least) == (300, 40, 8)
    assert asked.minutes_per_rater == 6
    assert asked.hours_together == (300 + 8 * 5) * 8 / 3600


def test_raters_needed_follow_from_the_share_cap() -> None:
    # 10 % of 300 ratings is 30 each.
    assert size(share_cap=0.1).raters_least == 10


def test_no_rater_meets_an_item_twice() -> None:
    assert size(items=5, share_cap=1).ratings_per_rater == 5


def test_an_item_needs_as_many_raters_as_it_has_places() -> None:
    assert size(items=1, raters_per_item=7, share_cap=1).raters_least == 7


def test_a_share_that_floating_point_misses_is_still_counted() -> None:
    """0.07 * 100 is 7.000000000000001 and 0.29 * 100 is 28.999999999999996. Control: leave the 1e-9 out."""
    assert ratings_per_rater_at_most(items=100, raters_per_item=1, share_cap=0.29, items_per_rater=99) == 29


def test_without_items_there_is_no_work() -> None:
    asked = size(items=0)
    assert (asked.ratings, asked.raters_least, asked.minutes_per_rater) == (0, 0, 0)
