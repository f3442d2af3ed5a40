"""Whether an answer is right, and whether two answers agree: one pure function per kind of task.

The same functions judge known answers, instructed items, punctuation marks, repeats and practice. Verdicts
are never stored: what passes is frozen with the item, and the answer never changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from annotation import coco_rle
from annotation.choices import Choice, TaskKind

FIRST: Final = "first"
SECOND: Final = "second"
NOTHING_SAID: Final = ""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What one answer says. rle: counts of a drawn mask.  swapped: of a pair, the second lay left."""

    score: int | None = None
    opt_out: str = ""
    words: tuple[str, ...] | None = None
    choice: str = ""
    rle: str = ""
    swapped: bool = False

    @property
    def code(self) -> str:
        """The code of the button that gave it; empty for words and masks."""
        return self.choice or self.opt_out or (NOTHING_SAID if self.score is None else str(self.score))

    @property
    def winner(self) -> str:
        """Of a pair first or second, whichever side it lay on, or tie; empty for other answers."""
        if self.choice not in (Choice.LEFT, Choice.RIGHT):
            return Choice.TIE.value if self.choice == Choice.TIE else NOTHING_SAID
        return SECOND if (self.choice == Choice.LEFT) == self.swapped else FIRST


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a right answer is. Whatever is empty asks for nothing.

    accepted: codes; of a pair left, right and tie mean the side as shown, first and second the thing itself.
    must_have, must_not_have: of a checklist.  reference: counts of a right mask; least_iou: in (0, 1].
    """

    accepted: tuple[str, ...] = ()
    must_have: tuple[str, ...] = ()
    must_not_have: tuple[str, ...] = ()
    reference: str = ""
    least_iou: float | None = None


@dataclass(frozen=True, kw_only=True)
class Repeatability:
    """How far two answers of one rater to one item may differ.

    points: between two scores.  least_overlap: of two checklists (Jaccard) or masks (IoU), in (0, 1].
    """

    points: int
    least_overlap: float


def is_right(given: Given, expected: Expected, *, task_kind: str) -> bool:
    """Whether the answer to a task of this kind is one of the expected ones."""
    return _RIGHT[TaskKind(task_kind)](given, expected)


def repeats(again: Given, first: Given, *, task_kind: str, rule: Repeatability) -> bool:
    """Whether an answer is, within the rule, the one that the same rater gave to the same item before.

    Scores: the same opt-out, or at most so many points apart.  Pairs: the same thing, whichever side it lies
    on.  Checklists and masks: they overlap enough.
    """
    kind = TaskKind(task_kind)
    if kind == TaskKind.OPINION_SCORE:
        both = [given.score for given in (again, first) if given.score is not None]
        near = len(both) == 2 and abs(both[0] - both[1]) <= rule.points
        return near or again.code == first.code
    least = 1.0 if kind == TaskKind.PAIRWISE else rule.least_overlap
    return overlap(again, first, task_kind=kind) >= least


def overlap(one: Given, other: Given, *, task_kind: str) -> float:
    """How far two answers to one item agree, in [0, 1].

    Scores and pairs: 1 for the same answer, else 0.  Checklists: words in both over words in either
    (Jaccard), 1 where both are empty.  Masks: intersection over union; 1 where both say it is not there.
    """
    kind = TaskKind(task_kind)
    if kind == TaskKind.OBJECT_PRESENCE:
        words, others = set(one.words or ()), set(other.words or ())
        return len(words & others) / len(words | others) if words | others else 1.0
    if kind == TaskKind.MASK and one.rle and other.rle:
        return mask_iou(one.rle, other.rle)
    if kind == TaskKind.PAIRWISE:
        return float(one.winner == other.winner)
    return float(one.code == other.code and not one.rle and not other.rle)


# The same mask is judged again at every look at a page; a verdict is still worked out, never kept.
@lru_cache(maxsize=4_096)
def mask_iou(one: str, other: str) -> float:
    """Intersection over union of two masks by their counts. Raises ValueError for unequal sizes."""
    return coco_rle.iou(one, other)


def _right_code(given: Given, expected: Expected) -> bool:
    return given.code in expected.accepted


def _right_words(given: Given, expected: Expected) -> bool:
    words = set(given.words or ())
    return words.issuperset(expected.must_have) and words.isdisjoint(expected.must_not_have)


def _right_side(given: Given, expected: Expected) -> bool:
    return given.choice in expected.accepted or given.winner in expected.accepted


def _right_mask(given: Given, expected: Expected) -> bool:
    if not given.rle:
        return given.code in expected.accepted
    if not expected.reference or expected.least_iou is None:
        return False
    return mask_iou(given.rle, expected.reference) >= expected.least_iou


_RIGHT: Final[Mapping[TaskKind, Callable[[Given, Expected], bool]]] = {
    TaskKind.OPINION_SCORE: _right_code,
    TaskKind.OBJECT_PRESENCE: _right_words,
    TaskKind.PAIRWISE: _right_side,
    TaskKind.MASK: _right_mask,
}
