"""Attention verdicts are pure: the same answers always give the same verdict."""

import pytest

from annotation.checks import AttentionOutcome, fails_campaign, passes
from annotation.choices import ANSWER_OPTIONS, OptOut


def test_either_opt_out_passes_a_check_on_punctuation_and_no_score_does() -> None:
    passing = {option.code for option in ANSWER_OPTIONS if passes(list(OptOut.values), option.code)}
    assert passing == {"word_too_abstract", "image_too_poor"}


@pytest.mark.parametrize(
    ("wrong", "allowed", "fails"), [(0, 0, False), (1, 0, True), (1, 1, False), (2, 1, True)]
)
def test_a_rater_fails_with_more_wrong_checks_than_allowed(*, wrong: int, allowed: int, fails: bool) -> None:
    assert fails_campaign(AttentionOutcome(served=3, wrong=wrong), allowed_wrong=allowed) is fails
