"""How raters fared in training and qualification, for the supervision page. Worked out, never stored."""

from collections.abc import Sequence
from dataclasses import dataclass

from annotation import practice
from annotation.models import Campaign, Rater
from annotation.practice import Practised, Standing
from annotation.services.practice import practice_items, practised_by, standing_among


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """One training item. attempts: whether each answer was right, the first first."""

    item: int
    attempts: tuple[bool, ...]

    @property
    def words(self) -> str:
        """What became of it, in a few words."""
        if self.attempts and self.attempts[-1]:
            return f"right at attempt {len(self.attempts)}"
        return f"wrong {len(self.attempts)} times" if len(self.attempts) > 1 else "wrong once"


@dataclass(frozen=True, kw_only=True)
class PracticeRecord:
    """One rater's practice. training: the items that she has answered.  standing: where she is."""

    training: tuple[TrainingRecord, ...]
    training_total: int
    standing: Standing

    @property
    def never_right(self) -> int:
        """Training items that she got wrong in every attempt so far."""
        return sum(not one.attempts[-1] for one in self.training)

    @property
    def words(self) -> str:
        """All of it in a line."""
        parts = []
        if self.training_total:
            right = len(self.training) - self.never_right
            parts.append(f"training {right} of {self.training_total}")
        for number, one in enumerate(self.standing.rounds, start=1):
            outcome = "passed" if one.passed else "failed"
            parts.append(f"test {number} {outcome} ({one.right} of {one.total})")
        return ", ".join(parts)


def practice_records(campaign: Campaign, *, raters: Sequence[Rater]) -> dict[int, PracticeRecord]:
    """The records of these raters by primary key; empty where the campaign has no practice."""
    items = practice_items(campaign)
    if not items:
        return {}
    training = [item.pk for item in items if item.kind == practice.KINDS[0]]
    records = {}
    for rater, answers in practised_by(campaign, raters=raters, items=items).items():
        of_item: dict[int, list[Practised]] = {}
        for answer in sorted(answers, key=lambda answer: answer.attempt):
            of_item.setdefault(answer.item_id, []).append(answer)
        records[rater] = PracticeRecord(
            training=tuple(
                TrainingRecord(item=pk, attempts=tuple(answer.right for answer in of_item[pk]))
                for pk in training
                if pk in of_item
            ),
            training_total=len(training),
            standing=standing_among(items, answers, campaign=campaign),
        )
    return records
