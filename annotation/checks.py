"""Attention checks: what passes one, and when a rater has failed. Pure; verdicts are never stored."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from annotation.choices import CheckKind, OpinionScore


@dataclass(frozen=True, kw_only=True)
class AttentionOutcome:
    """How many checks a rater has answered, and how many of them wrongly."""

    served: int
    wrong: int


@dataclass(frozen=True, kw_only=True)
class AnsweredCheck:
    """One answered check. kind: of CheckKind.  answer: code of the answer.

    accepted: codes that pass; of a repeat none.  first_answer: of a repeat the code of the same rater's
    answer when she met the item first, otherwise empty.
    """

    kind: str
    answer: str
    accepted: Collection[str]
    first_answer: str = ""


def passes(check: AnsweredCheck, *, repeat_tolerance: int) -> bool:
    """Whether an answer passes its check.

    A repeat passes with the same opt-out as before, or with a score at most repeat_tolerance points away.
    """
    if check.kind != CheckKind.REPEAT:
        return check.answer in check.accepted
    if check.answer == check.first_answer:
        return True
    scores = [int(code) for code in (check.answer, check.first_answer) if code.isdecimal()]
    return len(scores) == 2 and abs(scores[0] - scores[1]) <= repeat_tolerance


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
