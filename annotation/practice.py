"""Training and qualification before the first question: where a rater stands. Pure; nothing of it is stored.

Training: each item is asked until it is answered rightly, at most `attempts` times, with the right answer and
an explanation after each. Qualification: all items are asked; with fewer right than the pass mark all are
asked again, at most `attempts` times in all. At least two attempts each: people misread.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from annotation.choices import ItemKind

FEWEST_ATTEMPTS: Final = 2
MOST_ATTEMPTS: Final = 5
KINDS: Final = (ItemKind.TRAINING, ItemKind.QUALIFICATION)


@dataclass(frozen=True, kw_only=True)
class PracticeItem:
    """An item with a known answer. kind: of KINDS."""

    item_id: int
    kind: str


@dataclass(frozen=True, kw_only=True)
class Practised:
    """One answer given. attempt: 1 for the first at this item.  right: as `verdicts` judges it."""

    item_id: int
    attempt: int
    right: bool


@dataclass(frozen=True, kw_only=True)
class Round:
    """One attempt at the qualification that is through. left: further attempts."""

    right: int
    total: int
    needed: int
    left: int

    @property
    def passed(self) -> bool:
        """Whether it was enough."""
        return self.right >= self.needed


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a rater stands. item, attempt: what is asked now; None and 0 when all is through.

    place, total: within the training, or within this attempt at the qualification.  rounds: the attempts at
    the qualification that are through.  passed: None until all is through.
    """

    item: PracticeItem | None
    attempt: int
    place: int
    total: int
    rounds: tuple[Round, ...]
    passed: bool | None


def standing(
    items: Sequence[PracticeItem], answers: Sequence[Practised], *, pass_mark_percent: int, attempts: int
) -> Standing:
    """Where the answers leave a rater. items: in the order in which they are asked."""
    given = {(answer.item_id, answer.attempt): answer.right for answer in answers}
    training = [item for item in items if item.kind == ItemKind.TRAINING]
    for place, item in enumerate(training, start=1):
        if attempt := _open_attempt(item, given, attempts=attempts):
            return _asked(item, attempt=attempt, place=place, total=len(training))
    qualification = [item for item in items if item.kind == ItemKind.QUALIFICATION]
    rounds: list[Round] = []
    for attempt in range(1, attempts + 1) if qualification else ():
        for place, item in enumerate(qualification, start=1):
            if (item.item_id, attempt) not in given:
                return _asked(
                    item, attempt=attempt, place=place, total=len(qualification), rounds=tuple(rounds)
                )
        right = sum(given[item.item_id, attempt] for item in qualification)
        needed = needed_of(len(qualification), pass_mark_percent=pass_mark_percent)
        rounds.append(Round(right=right, total=len(qualification), needed=needed, left=attempts - attempt))
        if rounds[-1].passed:
            break
    return Standing(
        item=None,
        attempt=0,
        place=0,
        total=0,
        rounds=tuple(rounds),
        passed=all(one.passed for one in rounds[-1:]),
    )


def needed_of(total: int, *, pass_mark_percent: int) -> int:
    """So many right answers of `total` reach the pass mark."""
    return math.ceil(total * pass_mark_percent / 100)


def _open_attempt(item: PracticeItem, given: dict[tuple[int, int], bool], *, attempts: int) -> int:
    """The attempt at a training item that is to be made; 0 when it was answered rightly or often enough."""
    for attempt in range(1, attempts + 1):
        right = given.get((item.item_id, attempt))
        if right is None:
            return attempt
        if right:
            return 0
    return 0


def _asked(
    item: PracticeItem, *, attempt: int, place: int, total: int, rounds: tuple[Round, ...] = ()
) -> Standing:
    return Standing(item=item, attempt=attempt, place=place, total=total, rounds=rounds, passed=None)
