"""Attention checks: where they come in a session, and when a rater has failed. Pure.

What passes one is in `annotation.verdicts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from annotation.choices import CheckKind, OpinionScore


@dataclass(frozen=True, kw_only=True)
class AttentionOutcome:
    """How many checks a rater has answered, and how many of them wrongly."""

    served: int
    wrong: int


def fails_campaign(outcome: AttentionOutcome, *, allowed_wrong: int) -> bool:
    """Whether a rater is left out of the analysis: more checks wrong than the campaign allows."""
    return outcome.wrong > allowed_wrong


def within(score: int, *, tolerance: int) -> tuple[str, ...]:
    """The codes of the scores at most tolerance points from this one, the lowest first."""
    return tuple(str(other.value) for other in OpinionScore if abs(other.value - score) <= tolerance)


def spread_over(kinds: Sequence[str], places: Sequence[int]) -> list[tuple[str, int]]:
    """Checks by kind with their places in the session: repeats get the last ones.

    Something has to be rated before it can be asked again. kinds and places are equally many.
    """
    ordered = sorted(kinds, key=lambda kind: kind == CheckKind.REPEAT)
    return list(zip(ordered, sorted(places), strict=True))
