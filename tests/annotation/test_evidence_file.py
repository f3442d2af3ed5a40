"""evidence.csv cell by cell: each column against what a rater did, counted here by other means."""

import csv
import io
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from uuid import uuid4

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db.models import F

from annotation.choices import OPTION_BY_CODE, CheckKind
from annotation.contents import option_content
from annotation.evidence_exports import EVIDENCE, evidence_csv
from annotation.known_answers import Use
from annotation.models import Answer, Campaign, Item, Rater, Slot
from annotation.services import campaigns, practice
from annotation.services.answers import Late, record_answer, stop_session, undo_last
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = " ".join(f"w{number}" for number in range(18))
# Of the checks of a kind that come first so many are answered wrongly: no number is that of the next column.
WRONG = {CheckKind.ABSTRACT: 4, CheckKind.KNOWN: 2, CheckKind.INSTRUCTED: 0, CheckKind.REPEAT: 2}
SERVED = {CheckKind.ABSTRACT: 6, CheckKind.KNOWN: 3, CheckKind.INSTRUCTED: 1, CheckKind.REPEAT: 3}
TRUE = ("5", "5", "5", "2", "4", "1", "5", "3")


@pytest.fixture
def campaign(owner: User) -> Campaign:
    """Fourteen rating items; of the marked ones three are checks and one is trained on."""
    draft = factories.make_draft(
        run=factories.make_finished_run(owner, prompts=[f"{WORDS} {' '.join(',' * 6)}"]),
        checks_per_rater=SERVED[CheckKind.ABSTRACT], known_per_rater=SERVED[CheckKind.KNOWN],
        instructed_per_rater=SERVED[CheckKind.INSTRUCTED], repeats_per_rater=SERVED[CheckKind.REPEAT],
        raters_per_item=3, count_devices=True,
    )  # fmt: skip
    *checks, trained = factories.known_for(draft, how_many=4)
    campaigns.mark_known(draft, [*checks, replace(trained, use=Use.TRAINING)], actor=owner)
    return campaigns.open_campaign(draft, owner)


class Worker:
    """A rater who answers as she is told to; what she gave, in order, is kept."""

    def __init__(self, campaign: Campaign, name: str, *, wrong: dict[CheckKind, int]) -> None:
        self.rater = factories.make_rater(campaign, name)
        self.wrong = dict(wrong)
        self.given: list[tuple[Item, str]] = []

    def train(self) -> None:
        """Wrong once, then right."""
        for option in ("5", "1"):
            standing = practice.standing_of(self.rater)
            if standing.item is None:
                return
            name = practice.name_of(Item.objects.get(pk=standing.item.item_id))
            practice.record_practice(
                self.rater, name=name, content=option_content(option), idempotency_key=uuid4()
            )
        self.rater.refresh_from_db()

    def work(self, *, shift: int, undoes: int = 0) -> None:
        """All that she is asked; scores by place, moved on by so many."""
        while isinstance(task := next_task(self.rater), Task):
            item = Slot.objects.select_related("item").get(pk=task.slot_id).item
            option = self.option_for(item, shift=shift)
            factories.answer(self.rater, task, option)
            if undoes and not item.check_kind:
                undo_last(self.rater)
                undoes -= 1
            else:
                self.given.append((item, option))

    def first_to_rate(self) -> Task:
        """Her first task that is no check; those before it are answered."""
        while isinstance(task := next_task(self.rater), Task):
            item = Slot.objects.select_related("item").get(pk=task.slot_id).item
            if not item.check_kind:
                return task
            factories.answer(self.rater, task, self.option_for(item, shift=0))
        raise AssertionError("There was nothing to rate.")

    def option_for(self, item: Item, *, shift: int) -> str:
        """A score, and of a check the right answer unless one is to be wrong."""
        if not item.check_kind:
            return TRUE[(item.position + shift) % len(TRUE)]
        kind = CheckKind(item.check_kind)
        is_wrong = self.wrong.get(kind, 0) > 0
        self.wrong[kind] = self.wrong.get(kind, 0) - 1
        if kind == CheckKind.REPEAT:
            first = next(option for one, option in self.given if one.pk == item.repeats_id)
            return {"1": "5", "5": "1"}.get(first, "5" if first == "2" else "1") if is_wrong else first
        return "3" if is_wrong else item.accepted_answers[0]

    def scores(self) -> dict[int, int]:
        """Of rating items."""
        return {item.pk: int(option) for item, option in self.given if not item.check_kind}


def test_every_cell_is_what_the_rater_did(campaign: Campaign) -> None:
    """Anna answers checks of every kind, some wrongly, and takes two answers back; Dora comes too late; Emil
    stops before he has begun.

    Control: any column of EVIDENCE with the value of the next one, or with nothing; `same_answers` and
    `cycle` are not to be seen here: test_sequences.py has them.
    """
    anna = Worker(campaign, "anna", wrong=WRONG)
    others = [Worker(campaign, name, wrong={}) for name in ("bert", "cleo")]
    dora, emil = (Worker(campaign, name, wrong={}) for name in ("dora", "emil"))
    stop_session(emil.rater)
    for worker in (anna, *others, dora):
        worker.train()
    task = dora.first_to_rate()
    factories.expire_lease(dora.rater)
    anna.work(shift=0, undoes=2)
    bert, cleo = others
    bert.work(shift=1)
    cleo.work(shift=2)
    late = record_answer(
        dora.rater, slot_id=task.slot_id, content=option_content("4"), idempotency_key=uuid4(),
        client_milliseconds=None, view="",
    )  # fmt: skip
    assert isinstance(late, Late)
    Rater.objects.filter(pk__in=[anna.rater.pk, *(other.rater.pk for other in others)]).update(device="one")
    Rater.objects.filter(pk=anna.rater.pk).update(trap_filled=True)
    hers = Answer.objects.filter(rater=anna.rater)
    hers.update(shown_at=F("answered_at") - timedelta(seconds=60))
    hers.filter(undone_at=None).update(shown_at=F("answered_at") - timedelta(seconds=2.5))

    rows = list(csv.DictReader(io.StringIO(b"".join(evidence_csv(campaign)).decode())))
    assert [row["rater"] for row in rows] == [one.rater.pseudonym for one in (anna, *others, dora, emil)]
    assert list(rows[0]) == [column.name for column in EVIDENCE]
    kinds = Counter(item.check_kind for item, _ in anna.given)
    labels = [OPTION_BY_CODE[option].label.lower() for _, option in anna.given]
    [(commonest, often)] = Counter(labels).most_common(1)
    met = [item for item in anna.scores() if all(item in other.scores() for other in others)]
    mean = [np.mean([other.scores()[item] for other in others]) for item in met]
    truth = np.corrcoef([anna.scores()[item] for item in met], mean)[0, 1]
    agreement = float(rows[0].pop("agreement"))
    assert agreement == pytest.approx(truth)
    assert rows[0] == {
        "rater": anna.rater.pseudonym,
        "outcome": "completed",
        "n_answers": str(kinds[""]),
        "checks_answered": str(len(anna.given) - kinds[""]),
        "checks_wrong": str(sum(WRONG.values())),
        **{f"{kind.value}_checks": str(kinds[kind]) for kind in CheckKind},
        **{f"{kind.value}_wrong": str(WRONG[kind]) for kind in CheckKind},
        "failed_checks": "1",
        "median_seconds": "2.5",
        "longest_run": str(max(len(list(run)) for _, run in groupby(labels))),
        "commonest": commonest,
        "commonest_share": str(often / len(labels)),
        "agreement_measure": "correlation with the mean of the others",
        "agreement_items": str(len(met)),
        "practice": "training 1 of 1",
        "trap_filled": "1",
        "same_device": "2",
        "same_answers": "0",
        "cycle": "0",
        "undone": "2",
        "late": "0",
    }
    told = {name: rows[3][name] for name in ("outcome", "n_answers", "failed_checks", "late", "agreement")}
    assert told == {"outcome": "", "n_answers": "0", "failed_checks": "0", "late": "1", "agreement": ""}
    assert (rows[1]["failed_checks"], rows[1]["trap_filled"], rows[4]["outcome"]) == ("0", "0", "stopped")
