"""Attention checks: what passes one, and when a rater has failed. Pure; verdicts are never stored."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AttentionOutcome:
    """How many checks a rater has answered, and how many of them wrongly."""

    served: int
    wrong: int


def passes(accepted_answers: Collection[str], option_code: str) -> bool:
    """Whether an answer passes a check. accepted_answers: codes of `choices.OPTION_BY_CODE`."""
    return option_code in accepted_answers


def fails_campaign(outcome: AttentionOutcome, *, allowed_wrong: int) -> bool:
    """Whether a rater is left out of the analysis: more checks wrong than the campaign allows."""
    return outcome.wrong > allowed_wrong
