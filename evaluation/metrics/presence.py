"""Which objects did the raters see, and were they the two that the prompt asked for? (Tang et al. 2023, sec.
5.1.)

A rater picks words from a list, in an order. The label of an image is the two words with the most votes;
ties go to the word submitted first, then to the earlier position in that submission. An image is correct iff
both words of its prompt are among the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evaluation.metrics.intervals import Interval, wilson
from evaluation.metrics.tests import ExactTest, TestResult, compare_shares


class OverlapGroup(StrEnum):
    """How much the two words' maps overlap (IoU at tau 0.4): low <= 0.4 < mid < 0.6 <= high."""

    LOW = "low"
    MID = "mid"
    HIGH = "high"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The words one rater checked for one image, in the order in which they were checked."""

    rater: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PresenceLabel:
    """words: the label, at most two, most votes first.  votes: their votes.  tied: a tie was broken to get
    them."""

    words: tuple[str, ...]
    votes: tuple[int, ...]
    tied: bool


@dataclass(frozen=True, kw_only=True)
class PresenceOutcome:
    """One image: whether both words of its prompt were seen. relation: e.g. "cohyponym"."""

    image: str
    relation: str
    correct: bool


@dataclass(frozen=True, kw_only=True)
class RelationAccuracy:
    """Share of correct images of one relation, with its Wilson interval."""

    relation: str
    n_images: int
    n_correct: int
    accuracy: Interval


def top_two_labels(submissions: Sequence[Submission]) -> PresenceLabel:
    """The label of one image. submissions: in the order in which they came in.

    A rater has one vote per word, however often the word was checked. Without votes the label is empty.
    """
    votes: dict[str, int] = {}
    first_seen: dict[str, tuple[int, int]] = {}
    for arrival, submission in enumerate(submissions):
        for position, word in enumerate(dict.fromkeys(submission.words)):
            votes[word] = votes.get(word, 0) + 1
            first_seen.setdefault(word, (arrival, position))
    ranked = sorted(votes, key=lambda word: (-votes[word], first_seen[word]))
    top = tuple(ranked[:2])
    tied = len(ranked) > 2 and votes[ranked[1]] == votes[ranked[2]]
    return PresenceLabel(words=top, votes=tuple(votes[word] for word in top), tied=tied)


def is_correct(label: PresenceLabel, *, prompt_words: tuple[str, str]) -> bool:
    """Whether both words of the prompt are the label. A prompt that names one thing twice needs it once."""
    return set(prompt_words) <= set(label.words)


def accuracy_by_relation(
    outcomes: Iterable[PresenceOutcome], *, confidence: float = 0.95
) -> tuple[RelationAccuracy, ...]:
    """Accuracy of each relation, in order of first appearance."""
    correct: dict[str, list[bool]] = {}
    for outcome in outcomes:
        correct.setdefault(outcome.relation, []).append(outcome.correct)
    return tuple(
        RelationAccuracy(
            relation=relation,
            n_images=len(hits),
            n_correct=sum(hits),
            accuracy=wilson(sum(hits), total=len(hits), confidence=confidence),
        )
        for relation, hits in correct.items()
    )


def compare_relations(
    first: RelationAccuracy,
    second: RelationAccuracy,
    *,
    test: ExactTest = ExactTest.FISHER,
    confidence: float = 0.95,
) -> TestResult:
    """Two-sided exact test of equal accuracies (Fisher by default, as the founding paper reports)."""
    return compare_shares(
        (first.n_correct, first.n_images),
        (second.n_correct, second.n_images),
        test=test,
        confidence=confidence,
    )


def overlap_group(iou: float) -> OverlapGroup | None:
    """The group of a pair of maps by its IoU at tau 0.4; None where the IoU is undefined."""
    if not 0 <= iou <= 1:
        return None
    if iou <= 0.4:
        return OverlapGroup.LOW
    return OverlapGroup.HIGH if iou >= 0.6 else OverlapGroup.MID
