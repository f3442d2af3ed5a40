"""Attention verdicts are pure: the same answers always give the same verdict."""

import pytest

from annotation.checks import (
    AnsweredCheck,
    AttentionOutcome,
    fails_campaign,
    passes,
    spread_over,
    within,
)
from annotation.choices import ANSWER_OPTIONS, CheckKind, OptOut


def test_either_opt_out_passes_a_check_on_punctuation_and_no_score_does() -> None:
    passing = {
        option.code
        for option in ANSWER_OPTIONS
        if passes(
            AnsweredCheck(kind=CheckKind.ABSTRACT, answer=option.code, accepted=OptOut.values),
            repeat_tolerance=1,
        )
    }
    assert passing == {"word_too_abstract", "image_too_poor"}


@pytest.mark.parametrize(
    ("first", "again", "tolerance", "right"),
    [
        ("4", "4", 0, True),
        ("4", "5", 0, False),
        ("4", "5", 1, True),
        ("4", "2", 1, False),
        ("4", "2", 2, True),
        ("word_too_abstract", "word_too_abstract", 0, True),
        ("word_too_abstract", "image_too_poor", 4, False),
        ("word_too_abstract", "3", 4, False),
        ("3", "image_too_poor", 4, False),
    ],
)
def test_a_repeat_passes_within_the_tolerance_or_with_the_same_opt_out(
    first: str, again: str, tolerance: int, right: bool
) -> None:
    """Control: compare the repeat with a set that is empty for it."""
    check = AnsweredCheck(kind=CheckKind.REPEAT, answer=again, accepted=(), first_answer=first)
    assert passes(check, repeat_tolerance=tolerance) is right


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
