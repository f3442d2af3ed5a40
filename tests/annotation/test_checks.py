"""Where checks come in a session, and when a rater has failed."""

import pytest

from annotation.checks import AttentionOutcome, fails_campaign, spread_over, within


@pytest.mark.parametrize(
    ("score", "tolerance", "codes"),
    [(4, 0, ("4",)), (4, 1, ("3", "4", "5")), (1, 2, ("1", "2", "3")), (3, 4, ("1", "2", "3", "4", "5"))],
)
def test_a_tolerance_stays_on_the_scale(score: int, tolerance: int, codes: tuple[str, ...]) -> None:
    assert within(score, tolerance=tolerance) == codes


def test_repeats_get_the_last_of_the_drawn_places() -> None:
    kinds = ["repeat", "known", "repeat", "abstract"]
    assert spread_over(kinds, [9, 2, 5, 0]) == [("known", 0), ("abstract", 2), ("repeat", 5), ("repeat", 9)]


@pytest.mark.parametrize(
    ("wrong", "allowed", "fails"), [(0, 0, False), (1, 0, True), (1, 1, False), (2, 1, True)]
)
def test_a_rater_fails_with_more_wrong_checks_than_allowed(*, wrong: int, allowed: int, fails: bool) -> None:
    assert fails_campaign(AttentionOutcome(served=3, wrong=wrong), allowed_wrong=allowed) is fails
