"""Any sequence of acts of raters and researchers keeps the promises, and the campaign ends with exactly k.

Hypothesis draws the sequences. What was acknowledged is kept beside the database and compared with it after
every step; the promises that are counts are asked of the database itself.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from annotation.choices import ANSWER_OPTIONS, PAIR_CHOICES, CampaignState, SlotState, TaskKind
from annotation.contents import AnswerContent, option_content
from annotation.mask_files import read_mask
from annotation.models import Answer, Campaign, LateAnswer, Rater, Slot
from annotation.services import campaigns, entry, payments, raters
from annotation.services.answers import (
    AnswerRefusal,
    AnswerRefused,
    Late,
    UndoRefused,
    record_and_go_on,
    stop_session,
    undo_last,
)
from annotation.services.campaigns import CampaignMoved, ExtensionRefused
from annotation.services.endings import SessionEnd
from annotation.services.entry import EntryRefused
from annotation.services.raters import RaterActRefused
from annotation.services.tasks_for_raters import Task, next_task
from generation.models import Run
from tests import factories

ITEMS = 8
K = 2
SHARE_CAP = 0.34
PEOPLE = 8
EXPECTED_REFUSALS = (AnswerRefusal.KEY_REUSED, AnswerRefusal.ALREADY_ANSWERED, AnswerRefusal.NOT_YOURS)
NUMBERS = st.integers(0, 10**6)
OPTIONS = st.sampled_from([option.code for option in ANSWER_OPTIONS])


@dataclass(frozen=True)
class Sent:
    """One submitted form: it may be sent again at any time."""

    rater: Rater
    slot_id: int
    option: str
    key: UUID


class Campaigning(RuleBasedStateMachine):
    """Raters come, answer, take back, dawdle and leave; the researcher judges, extends, pauses and closes."""

    run: Run
    kind = TaskKind.OPINION_SCORE
    special: ClassVar[dict[str, Any]] = {
        "checks_per_rater": 1,
        "instructed_per_rater": 1,
        "repeats_per_rater": 1,
        "parts_of_speech": ("NOUN",),
    }

    def __init__(self) -> None:
        super().__init__()
        self.k = K
        self.cast: list[Rater] = []
        self.shown: dict[int, Task] = {}
        self.sent: list[Sent] = []
        self.acknowledged: dict[UUID, int] = {}
        self.undone: set[UUID] = set()
        self.late: set[UUID] = set()

    @initialize(places_kept=st.sampled_from([0, 1, 3]))
    def open_it(self, *, places_kept: int) -> None:
        self.campaign = factories.make_open_campaign(
            run=self.run,
            raters_per_item=K,
            share_cap=SHARE_CAP,
            task_kind=self.kind.value,
            places_kept=places_kept,
            **self.special,
        )
        assert self.campaign.items.filter(kind="rating").count() == ITEMS
        for _ in range(3):
            self.come_in()

    def one_of_the_cast(self, number: int) -> Rater:
        return self.cast[number % len(self.cast)]

    @precondition(lambda self: len(self.cast) < PEOPLE)
    @rule()
    def come_in(self) -> None:
        try:
            rater = entry.enter(self.campaign, factories.identity(f"person-{len(self.cast)}"))
            entry.give_consent(rater)
        except EntryRefused:
            return
        self.cast.append(rater)
        kept = Slot.objects.filter(rater=rater, state=SlotState.KEPT).count()
        assert (kept > 0) == (self.campaign.places_kept > 0)

    @precondition(lambda self: self.cast)
    @rule(number=NUMBERS)
    def ask_for_a_task(self, number: int) -> None:
        rater = self.one_of_the_cast(number)
        step = next_task(rater)
        if isinstance(step, Task):
            self.shown[rater.pk] = step

    @precondition(lambda self: self.cast)
    @rule(number=NUMBERS, option=OPTIONS, answers=st.integers(1, 3))
    def work(self, number: int, option: str, answers: int) -> None:
        for _ in range(answers):
            self.ask_for_a_task(number)
            self.answer_what_is_shown(number, option)

    @precondition(lambda self: self.shown)
    @rule(number=NUMBERS, option=OPTIONS)
    def answer_what_is_shown(self, number: int, option: str) -> None:
        rater = self.one_of_the_cast(number)
        if rater.pk in self.shown:
            self.send(Sent(rater, self.shown[rater.pk].slot_id, option, uuid4()))

    @precondition(lambda self: self.sent)
    @rule(number=NUMBERS)
    def send_an_old_form_again(self, number: int) -> None:
        self.send(self.sent[number % len(self.sent)])

    @precondition(lambda self: self.sent)
    @rule(number=NUMBERS, option=OPTIONS)
    def send_an_old_key_with_another_answer(self, number: int, option: str) -> None:
        old = self.sent[number % len(self.sent)]
        if option != old.option:
            self.send(Sent(old.rater, old.slot_id, option, old.key))

    def send(self, form: Sent) -> None:
        try:
            reply, step = record_and_go_on(
                form.rater,
                slot_id=form.slot_id,
                content=content_of(self.kind, form.option),
                idempotency_key=form.key,
                client_milliseconds=None,
                view="",
            )
        except AnswerRefused as refused:
            if refused.reason not in EXPECTED_REFUSALS:
                raise
            return
        if step is not None:
            # What the answer's own transaction brings is what a new look at everything finds.
            found = next_task(form.rater)
            if isinstance(found, SessionEnd) and isinstance(step, SessionEnd):
                # Of a session that is over, its outcome is kept and not what brought it about.
                found = replace(found, reason=step.reason)
            assert found == step
        if reply.already:
            return
        self.sent.append(form)
        if isinstance(reply, Late):
            self.late.add(form.key)
        else:
            self.acknowledged[form.key] = reply.answer_id

    @precondition(lambda self: self.cast)
    @rule(number=NUMBERS)
    def take_back(self, number: int) -> None:
        rater = self.one_of_the_cast(number)
        self.ask_for_a_task(number)
        try:
            self.shown[rater.pk] = undo_last(rater)
        except UndoRefused:
            return
        self.undone.add(
            Answer.objects.filter(rater=rater, undone_at__isnull=False).latest("undone_at").idempotency_key
        )

    @precondition(lambda self: self.cast)
    @rule(number=NUMBERS)
    def dawdle(self, number: int) -> None:
        factories.expire_lease(self.one_of_the_cast(number))

    @precondition(lambda self: self.cast)
    @rule(number=NUMBERS)
    def leave(self, number: int) -> None:
        # Rarely: a sequence in which everybody has left has little to say.
        if number % 8 == 0:
            stop_session(self.one_of_the_cast(number))

    @precondition(lambda self: self.cast)
    @rule(number=NUMBERS, act=st.sampled_from(["exclude", "include", "include", "reopen", "reject"]))
    def judge(self, number: int, act: str) -> None:
        rater = self.one_of_the_cast(number)
        try:
            if act == "exclude":
                raters.exclude(rater, None, "a reason")
            elif act == "include":
                raters.include(rater, None)
            elif act == "reject":
                payments.reject_and_republish(
                    rater, self.campaign.owner, ground="unfinished", reason="a reason"
                )
            else:
                raters.reopen_places(rater, None)
        except RaterActRefused:
            return

    @rule(pausing=st.sampled_from([True, False, False, False]))
    def pause_or_resume(self, *, pausing: bool) -> None:
        try:
            (campaigns.pause if pausing else campaigns.resume)(self.campaign, None)
        except CampaignMoved:
            return

    @precondition(lambda self: self.k == K and len(self.acknowledged) > ITEMS)
    @rule(wanted=st.sampled_from([K, K + 1]))
    def ask_for_more_raters(self, wanted: int) -> None:
        try:
            campaigns.extend(self.campaign, None, raters_per_item=wanted)
        except (CampaignMoved, ExtensionRefused):
            return
        self.k = wanted

    @precondition(lambda self: len(self.acknowledged) > 2 * ITEMS)
    @rule()
    def close_it(self) -> None:
        try:
            campaigns.close(self.campaign, None)
        except CampaignMoved:
            return

    @invariant()
    def every_item_has_k_places_and_every_rater_her_own(self) -> None:
        slots = list(
            Slot.objects.filter(campaign=self.campaign_or_none()).values_list(
                "item_id", "rater_id", "state", "number"
            )
        )
        places = Counter(item for item, _, state, number in slots if number and state != SlotState.VOID)
        assert set(places.values()) <= {self.k}
        met = Counter((rater, item) for item, rater, *_ in slots if rater)
        assert set(met.values()) <= {1}
        in_hand = Counter(rater for _, rater, state, _ in slots if state == SlotState.LEASED)
        assert set(in_hand.values()) <= {1}
        hers = (SlotState.ANSWERED, SlotState.KEPT)
        rated = Counter(rater for _, rater, state, number in slots if number and state in hers)
        assert max(rated.values(), default=0) <= int(SHARE_CAP * ITEMS * self.k)

    @invariant()
    def nothing_acknowledged_is_lost_or_doubled(self) -> None:
        stored = dict(
            Answer.objects.filter(slot__campaign=self.campaign_or_none(), undone_at__isnull=True).values_list(
                "idempotency_key", "pk"
            )
        )
        standing = {key: pk for key, pk in self.acknowledged.items() if key not in self.undone}
        assert stored == standing
        late = LateAnswer.objects.filter(slot__campaign=self.campaign_or_none())
        assert set(late.values_list("idempotency_key", flat=True)) == self.late

    def campaign_or_none(self) -> Campaign | None:
        return getattr(self, "campaign", None)

    def teardown(self) -> None:
        """Whatever happened: once fresh raters fill what is left, each item has exactly k ratings."""
        campaign = Campaign.objects.get(pk=self.campaign.pk)
        if campaign.state == CampaignState.CLOSED:
            return
        if campaign.state == CampaignState.PAUSED:
            campaigns.resume(campaign, None)
        for rater in self.cast:
            factories.expire_lease(rater)
        unfinished = Slot.objects.filter(
            campaign=campaign,
            number__isnull=False,
            state__in=[SlotState.FREE, SlotState.KEPT, SlotState.LEASED],
        )
        helper = 0
        while unfinished.exists():
            assert factories.rate_all(factories.make_rater(campaign, f"helper-{helper}")) > 0
            helper += 1
        answered = Slot.objects.filter(campaign=campaign, number__isnull=False, state=SlotState.ANSWERED)
        assert set(Counter(answered.values_list("item_id", flat=True)).values()) == {self.k}
        assert answered.count() == ITEMS * self.k


def content_of(kind: TaskKind, option: str) -> AnswerContent:
    """An answer of the kind for each option of the opinion score: equal for equal options alone."""
    number = [known.code for known in ANSWER_OPTIONS].index(option)
    if kind == TaskKind.OBJECT_PRESENCE:
        return AnswerContent(words=factories.VOCABULARY[:number])
    if kind == TaskKind.PAIRWISE:
        return AnswerContent(choice=PAIR_CHOICES[number % len(PAIR_CHOICES)].value)
    if kind == TaskKind.MASK:
        png = factories.mask_png(box=(0, 0, number + 1, 1))
        return AnswerContent(mask=read_mask(png, height=factories.SIDE, width=factories.SIDE))
    return option_content(option)


def play(
    run: Run,
    *,
    examples: int,
    steps: int,
    kind: TaskKind = TaskKind.OPINION_SCORE,
    special: dict[str, Any] | None = None,
) -> None:
    """So many drawn sequences of at most so many steps, each on a campaign of its own."""

    class OnThisRun(Campaigning):
        pass

    OnThisRun.run = run
    OnThisRun.kind = kind
    if special is not None:
        OnThisRun.special = special
    run_state_machine_as_test(
        OnThisRun,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def nouns(count: int) -> Run:
    """A run whose prompt has so many nouns and two marks."""
    words = " ".join(f"noun{number}" for number in range(count))
    return factories.make_finished_run(prompts=[f"{words}, ."])


@pytest.mark.django_db
def test_no_sequence_of_acts_breaks_a_promise() -> None:
    """About 600 steps.

    Controls, each of which turns it red: free an expired slot in place of voiding it (item met twice); let
    `undo_last` keep the task in hand (two in hand); leave the cap out of `_new_task` (cap passed); accept an
    answer on a void slot (k + 1); keep as many places as the campaign says whatever her limit (cap passed);
    leave DISTINCT ON out of `_KEEP` (item met twice).
    """
    play(nouns(ITEMS), examples=12, steps=50)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [TaskKind.OBJECT_PRESENCE, TaskKind.MASK, TaskKind.PAIRWISE])
def test_no_sequence_of_acts_breaks_a_promise_whatever_is_asked(kind: TaskKind) -> None:
    """About 100 steps for each kind; the path is the same for all.

    Controls: compare a late or repeated answer by its score alone (another mask passes for the same); leave
    the draft of a slot behind when it is given back.
    """
    run = nouns(ITEMS)
    special: dict[str, Any] = {"parts_of_speech": ("NOUN",)}
    if kind == TaskKind.OBJECT_PRESENCE:
        run = factories.make_finished_run(prompts=[f"noun{number}" for number in range(ITEMS)])
        special = {"vocabulary": factories.VOCABULARY}
    elif kind == TaskKind.PAIRWISE:
        special |= {"compared_run_ids": (factories.make_run_again(run).pk,), "pair_of": "word_maps"}
    play(run, examples=2, steps=50, kind=kind, special=special)


@pytest.mark.soak
@pytest.mark.django_db
def test_no_long_sequence_of_acts_breaks_a_promise() -> None:
    """About 10,000 steps."""
    play(nouns(ITEMS), examples=200, steps=50)
