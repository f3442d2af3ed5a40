"""Which grounds for not paying a rater the evidence supports. Pure; nothing is decided here.

Recruitment platforms protect raters: in a study of five minutes or more one failed check is not enough, and
time spent on a page never is. What the evidence does not support is not offered; the remedy then is to leave
the answers out of the analysis, which costs the rater nothing.
"""

from dataclasses import dataclass
from typing import Final

from annotation.choices import RaterOutcome, RejectionGround

LONG_STUDY_MINUTES: Final = 5.0
WRONG_IN_A_SHORT_STUDY: Final = 1
WRONG_IN_A_LONG_STUDY: Final = 2


@dataclass(frozen=True, kw_only=True)
class PaymentEvidence:
    """What is stored about a rater's work. minutes_expected: of a whole session, as raters are told."""

    outcome: str
    answers_given: int
    checks_wrong: int
    minutes_expected: float


def wrong_checks_needed(minutes_expected: float) -> int:
    """How many failed checks a rejection needs in a study of so many minutes."""
    return WRONG_IN_A_LONG_STUDY if minutes_expected >= LONG_STUDY_MINUTES else WRONG_IN_A_SHORT_STUDY


def supported_grounds(evidence: PaymentEvidence) -> tuple[RejectionGround, ...]:
    """The grounds that the evidence supports; empty for a rater who has to be paid.

    Being turned away by a campaign that was full or closed is nobody's fault: only a stop by the rater's own
    hand counts as leaving early, and only who agreed and ended can have given no answers.
    """
    found = []
    if evidence.checks_wrong >= wrong_checks_needed(evidence.minutes_expected):
        found.append(RejectionGround.FAILED_CHECKS)
    if evidence.outcome == RaterOutcome.STOPPED:
        found.append(RejectionGround.UNFINISHED)
    if evidence.outcome in (RaterOutcome.STOPPED, RaterOutcome.COMPLETED) and evidence.answers_given == 0:
        found.append(RejectionGround.NO_ANSWERS)
    return tuple(found)
