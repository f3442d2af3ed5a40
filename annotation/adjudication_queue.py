"""What waits for adjudication: items whose answers are too far apart, with the answers side by side."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from string import ascii_uppercase
from typing import Any, Final

from annotation import standings
from annotation.check_rows import given_by
from annotation.choices import ItemKind, TaskKind
from annotation.disagreement import USUAL_PERCENT, disagreement
from annotation.models import Adjudication, Answer, Campaign, Item
from annotation.verdicts import Given

ROWS_AT_ONCE: Final = 2_000
# Where the answers lie in a row, by the names that `given_by` reads.
_SAID: Final = ("score", "opt_out", "words", "choice", "mask__rle", "slot__swapped")


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """One item of the queue. disagreement: from 0 to 1.  n_answers: of the raters who count."""

    item_id: int
    disagreement: float
    n_answers: int

    @property
    def percent(self) -> int:
        """The disagreement in whole percent."""
        return round(100 * self.disagreement)


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """One rater's answer as a reviewer sees it. letter: A, B, …, in an order of the item's own.

    answer_id: of the stored answer.  pseudonym: for who has opened the identities.
    """

    letter: str
    answer_id: int
    given: Given
    pseudonym: str
    view: str
    seconds: float


def threshold_percent(campaign: Campaign) -> int:
    """From which disagreement on items wait: the campaign's, or the usual one of its kind."""
    return campaign.adjudicate_from_percent or USUAL_PERCENT[TaskKind(campaign.task_kind)]


def waiting(campaign: Campaign, *, from_percent: int) -> list[Waiting]:
    """Items without an adjudication whose answers are so far apart or further, the furthest first.

    All answers are read in one pass, of which the items that wait are kept.
    """
    decided = set(standing_adjudications(campaign).values_list("item_id", flat=True))
    least = from_percent / 100 - 1e-9
    found = []
    for item_id, given in _by_item(campaign):
        apart = disagreement(given, task_kind=campaign.task_kind) if item_id not in decided else -1.0
        if apart >= least:
            found.append(Waiting(item_id=item_id, disagreement=apart, n_answers=len(given)))
    return sorted(found, key=lambda one: (-one.disagreement, one.item_id))


def standing_adjudications(campaign: Campaign) -> Any:
    """Those that were not taken back, with who made them."""
    made = Adjudication.objects.filter(item__campaign=campaign, undone_at__isnull=True)
    return made.select_related("actor", "mask").order_by("-pk")


def side_by_side(item: Item) -> list[SideBySide]:
    """The item's answers of the raters who count, lettered so that a letter says nothing about who it is."""
    of_rater = standings.standings(item.campaign)
    answers = (
        Answer.objects.filter(slot__item=item, slot__number__isnull=False, undone_at__isnull=True)
        .order_by("pk")
        .values("pk", "rater_id", "rater__pseudonym", "view", "shown_at", "answered_at", *_SAID)
    )
    rows = [row for row in answers if of_rater[row["rater_id"]].counts]
    random.Random(f"letters {item.pk}").shuffle(rows)
    return [
        SideBySide(
            letter=_letter(place),
            answer_id=row["pk"],
            given=_given(row),
            pseudonym=row["rater__pseudonym"],
            view=row["view"],
            seconds=(row["answered_at"] - row["shown_at"]).total_seconds(),
        )
        for place, row in enumerate(rows)
    ]


def _by_item(campaign: Campaign) -> Iterator[tuple[int, list[Given]]]:
    of_rater = standings.standings(campaign)
    answers = (
        Answer.objects.filter(
            slot__campaign=campaign, slot__item__kind=ItemKind.RATING, undone_at__isnull=True
        )
        .order_by("slot__item_id", "pk")
        .values("slot__item_id", "rater_id", *_SAID)
    )
    rows = answers.iterator(chunk_size=ROWS_AT_ONCE)
    for item_id, of_item in groupby(rows, key=lambda row: row["slot__item_id"]):
        yield item_id, [_given(row) for row in of_item if of_rater[row["rater_id"]].counts]


def _given(row: dict[str, Any]) -> Given:
    return given_by(row | {"rle": row["mask__rle"], "swapped": row["slot__swapped"]})


def _letter(place: int) -> str:
    rounds, letter = divmod(place, len(ascii_uppercase))
    return ascii_uppercase[letter] + (str(rounds + 1) if rounds else "")
