"""Which grounds the evidence supports: the platforms' rules, and nothing beyond them."""

from typing import Any

import pytest

from annotation.choices import RaterOutcome, RejectionGround
from annotation.payment_rules import PaymentEvidence, supported_grounds


def evidence(**changes: Any) -> PaymentEvidence:
    values: dict[str, Any] = {
        "outcome": "completed",
        "answers_given": 40,
        "checks_wrong": 0,
        "minutes_expected": 6.0,
    }
    return PaymentEvidence(**(values | changes))


@pytest.mark.parametrize(
    ("minutes", "wrong", "supported"),
    [(6.0, 1, False), (6.0, 2, True), (5.0, 1, False), (4.9, 1, True), (4.9, 0, False)],
)
def test_one_failed_check_is_a_ground_only_in_a_study_below_five_minutes(
    minutes: float, wrong: int, supported: bool
) -> None:
    """Control: one number of checks for studies of any length."""
    found = supported_grounds(evidence(minutes_expected=minutes, checks_wrong=wrong))
    assert (RejectionGround.FAILED_CHECKS in found) is supported


def test_leaving_early_is_a_ground_and_being_sent_home_is_none() -> None:
    assert supported_grounds(evidence(outcome=RaterOutcome.STOPPED)) == (RejectionGround.UNFINISHED,)
    assert supported_grounds(evidence(outcome=RaterOutcome.COMPLETED, answers_given=3)) == ()


def test_no_answer_at_all_is_a_ground_once_the_visit_has_ended() -> None:
    assert supported_grounds(evidence(answers_given=0)) == (RejectionGround.NO_ANSWERS,)
    assert supported_grounds(evidence(answers_given=0, outcome="")) == ()
    assert supported_grounds(evidence(answers_given=0, outcome=RaterOutcome.DECLINED)) == ()
