"""Answers: each exactly once, whatever is sent twice, late or wrong."""

from uuid import UUID, uuid4

import pytest

from annotation.choices import SlotState
from annotation.contents import AnswerContent, option_content
from annotation.models import Answer, LateAnswer, Rater, Slot
from annotation.services import campaigns
from annotation.services.answers import (
    AnswerRefusal,
    AnswerRefused,
    Late,
    Recorded,
    UndoRefusal,
    UndoRefused,
    record_answer,
    stop_session,
    undo_last,
)
from annotation.services.endings import EndReason, session_end
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db


def send(rater: Rater, slot_id: int, option: str = "4", *, key: UUID | None = None) -> Recorded | Late:
    """One answer, under a new key unless one is given."""
    return record_answer(
        rater,
        slot_id=slot_id,
        content=option_content(option),
        idempotency_key=key or uuid4(),
        client_milliseconds=900,
        view="overlay",
    )


def refusal(rater: Rater, slot_id: int, option: str = "4", *, key: UUID | None = None) -> AnswerRefusal:
    """Why this answer is refused."""
    with pytest.raises(AnswerRefused) as refused:
        send(rater, slot_id, option, key=key)
    return refused.value.reason


def task_of(rater: Rater) -> Task:
    """The rater's next task, which there must be."""
    step = next_task(rater)
    assert isinstance(step, Task), step
    return step


def lost_task(campaign_items: int = 1) -> tuple[Rater, Task]:
    """A rater, and a task of hers that has expired and gone to somebody else."""
    campaign = factories.make_campaign_of(campaign_items, raters_per_item=1)
    slow, other = factories.make_rater(campaign), factories.make_rater(campaign)
    task = task_of(slow)
    factories.expire_lease(slow)
    factories.rate_all(other)
    return slow, task


def test_an_answer_is_stored_with_what_it_takes_to_know_how_it_came_about() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    task = task_of(rater)
    key = uuid4()
    recorded = send(rater, task.slot_id, "word_too_abstract", key=key)
    answer = Answer.objects.get()
    slot = Slot.objects.get(pk=task.slot_id)
    assert recorded == Recorded(answer_id=answer.pk, already=False)
    assert (answer.score, answer.opt_out, answer.place) == (None, "word_too_abstract", 1)
    assert (answer.idempotency_key, answer.client_milliseconds, answer.view) == (key, 900, "overlay")
    assert (answer.consent, answer.version) == (rater.consents.get(), rater.campaign.versions.get())
    assert answer.shown_at == slot.leased_at
    assert answer.shown_at < answer.answered_at
    assert slot.state == SlotState.ANSWERED


def test_the_same_answer_again_is_the_same_answer() -> None:
    """Control: skip the look-up by key: the second call says that the task is answered, not `already`."""
    rater = factories.make_rater(factories.make_campaign_of(3))
    task, key = task_of(rater), uuid4()
    first = send(rater, task.slot_id, key=key)
    assert isinstance(first, Recorded)
    assert send(rater, task.slot_id, key=key) == Recorded(answer_id=first.answer_id, already=True)
    assert Answer.objects.count() == 1


def test_a_key_can_not_be_used_for_another_answer() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    task, key = task_of(rater), uuid4()
    send(rater, task.slot_id, "4", key=key)
    assert refusal(rater, task.slot_id, "5", key=key) == AnswerRefusal.KEY_REUSED
    assert refusal(rater, task_of(rater).slot_id, "4", key=key) == AnswerRefusal.KEY_REUSED
    assert Answer.objects.get().score == 4


def test_a_key_of_another_rater_is_refused() -> None:
    campaign = factories.make_campaign_of(3)
    ada, bob = factories.make_rater(campaign), factories.make_rater(campaign)
    key = uuid4()
    send(ada, task_of(ada).slot_id, key=key)
    assert refusal(bob, task_of(bob).slot_id, key=key) == AnswerRefusal.KEY_REUSED


def test_two_tabs_that_give_the_same_answer_have_given_it_once() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    task = task_of(rater)
    first = send(rater, task.slot_id, "4")
    assert isinstance(first, Recorded)
    assert send(rater, task.slot_id, "4") == Recorded(answer_id=first.answer_id, already=True)


def test_of_two_tabs_that_give_different_answers_the_first_stands_and_the_second_is_told() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    task = task_of(rater)
    send(rater, task.slot_id, "4")
    assert refusal(rater, task.slot_id, "5") == AnswerRefusal.ALREADY_ANSWERED
    assert Answer.objects.get().score == 4


def test_a_task_of_another_rater_or_of_nobody_is_refused() -> None:
    campaign = factories.make_campaign_of(3)
    ada, bob = factories.make_rater(campaign), factories.make_rater(campaign)
    assert refusal(bob, task_of(ada).slot_id) == AnswerRefusal.NOT_YOURS
    free = Slot.objects.filter(state=SlotState.FREE).first()
    assert free is not None
    for slot_id in (free.pk, 0, -1, 2**63, 2**70):
        assert refusal(bob, slot_id) == AnswerRefusal.NOT_YOURS


@pytest.mark.parametrize(
    "content",
    [
        AnswerContent(opt_out="word too abstract"),
        AnswerContent(opt_out="bad"),
        AnswerContent(score=0),
        AnswerContent(score=6),
        AnswerContent(choice="left"),
        AnswerContent(choice="not_in_image"),
        AnswerContent(words=()),
        AnswerContent(),
    ],
    ids=str,
)
def test_an_answer_that_the_page_does_not_offer_is_refused(content: AnswerContent) -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    with pytest.raises(AnswerRefused) as refused:
        record_answer(
            rater,
            slot_id=task_of(rater).slot_id,
            content=content,
            idempotency_key=uuid4(),
            client_milliseconds=900,
            view="",
        )
    assert refused.value.reason == AnswerRefusal.UNKNOWN_OPTION


@pytest.mark.parametrize(("milliseconds", "view"), [(-1, ""), (2**31, ""), (5, "x" * 21), (5, "a\0b")])
def test_a_value_that_no_column_holds_is_refused_and_not_an_error(milliseconds: int, view: str) -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    slot_id = task_of(rater).slot_id
    with pytest.raises(AnswerRefused) as refused:
        record_answer(
            rater,
            slot_id=slot_id,
            content=option_content("4"),
            idempotency_key=uuid4(),
            client_milliseconds=milliseconds,
            view=view,
        )
    assert refused.value.reason == AnswerRefusal.BAD_VALUE


def test_a_lease_that_ran_out_is_no_fault_while_nobody_wanted_the_place() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    task = task_of(rater)
    factories.expire_lease(rater)
    assert isinstance(send(rater, task.slot_id), Recorded)


def test_a_place_that_went_to_somebody_else_leaves_a_late_answer_that_is_payable() -> None:
    """Control: accept answers on void slots: two answers then stand for one place."""
    slow, task = lost_task()
    late = send(slow, task.slot_id, "5")
    assert isinstance(late, Late)
    assert LateAnswer.objects.get().score == 5
    assert Answer.objects.filter(undone_at__isnull=True).count() == 1
    end = next_task(slow)
    assert not isinstance(end, Task)
    assert (end.completion_code, end.answers_given) == ("DONE1234", 1)


def test_a_late_answer_sent_again_is_the_same_one() -> None:
    slow, task = lost_task()
    key = uuid4()
    first = send(slow, task.slot_id, "5", key=key)
    assert isinstance(first, Late)
    again = Late(late_answer_id=first.late_answer_id, already=True)
    assert send(slow, task.slot_id, "5", key=key) == again
    assert send(slow, task.slot_id, "5") == again
    assert refusal(slow, task.slot_id, "1", key=key) == AnswerRefusal.KEY_REUSED
    assert refusal(slow, task.slot_id, "1") == AnswerRefusal.ALREADY_ANSWERED
    assert LateAnswer.objects.count() == 1


def test_an_expired_task_of_a_closed_campaign_is_answered_late() -> None:
    campaign = factories.make_campaign_of(3)
    rater = factories.make_rater(campaign)
    task = task_of(rater)
    campaigns.close(campaign, campaign.owner)
    factories.expire_lease(rater)
    assert isinstance(send(rater, task.slot_id), Late)
    assert not Answer.objects.exists()


def test_the_last_answer_can_be_taken_back_once_and_stays_stored() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    task = task_of(rater)
    send(rater, task.slot_id, "1")
    ahead = task_of(rater)
    assert ahead.can_undo
    again = undo_last(rater)
    assert (again.slot_id, again.place, again.can_undo) == (task.slot_id, 1, False)
    with pytest.raises(UndoRefused) as refused:
        undo_last(rater)
    assert refused.value.reason == UndoRefusal.NOTHING_TO_UNDO
    send(rater, again.slot_id, "2")
    assert list(Answer.objects.order_by("pk").values_list("score", "place")) == [(1, 1), (2, 1)]
    assert Answer.objects.get(undone_at__isnull=True).score == 2


def test_before_the_first_answer_there_is_nothing_to_take_back() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    assert not task_of(rater).can_undo
    with pytest.raises(UndoRefused) as refused:
        undo_last(rater)
    assert refused.value.reason == UndoRefusal.NOTHING_TO_UNDO


def test_after_taking_back_one_may_take_back_the_next_answer_too() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    send(rater, task_of(rater).slot_id, "1")
    send(rater, undo_last(rater).slot_id, "2")
    assert undo_last(rater).place == 1


def test_taking_back_gives_up_the_task_in_hand() -> None:
    """Control: keep the task in hand: the rater would hold two leases."""
    rater = factories.make_rater(factories.make_campaign_of(3))
    send(rater, task_of(rater).slot_id)
    task_of(rater)
    undo_last(rater)
    assert rater.slots.filter(state=SlotState.LEASED).count() == 1
    assert Slot.objects.filter(state=SlotState.FREE).count() == 3 * 3 - 1


def test_taking_back_a_check_gives_the_check_again() -> None:
    campaign = factories.make_campaign_of(1, checks=1, checks_per_rater=1)
    rater = factories.make_rater(campaign)
    for _ in range(2):
        task = task_of(rater)
        send(rater, task.slot_id)
        assert undo_last(rater).slot_id == task.slot_id
        send(rater, task.slot_id, "word_too_abstract")
    assert session_end_is_reached(rater)
    assert Answer.objects.filter(undone_at__isnull=True).count() == 2


def session_end_is_reached(rater: Rater) -> bool:
    """Whether nothing is left for the rater."""
    return not isinstance(next_task(rater), Task)


def test_the_old_form_sent_again_after_taking_back_changes_nothing() -> None:
    rater = factories.make_rater(factories.make_campaign_of(3))
    task, key = task_of(rater), uuid4()
    first = send(rater, task.slot_id, "1", key=key)
    assert isinstance(first, Recorded)
    undo_last(rater)
    assert send(rater, task.slot_id, "1", key=key) == Recorded(answer_id=first.answer_id, already=True)
    assert task_of(rater).slot_id == task.slot_id


def test_nothing_is_taken_back_in_an_ended_session_or_a_paused_campaign() -> None:
    campaign = factories.make_campaign_of(3)
    rater = factories.make_rater(campaign)
    send(rater, task_of(rater).slot_id)
    campaigns.pause(campaign, campaign.owner)
    with pytest.raises(UndoRefused) as refused:
        undo_last(rater)
    assert refused.value.reason == UndoRefusal.CAMPAIGN_NOT_OPEN
    campaigns.resume(campaign, campaign.owner)
    stop_session(rater)
    with pytest.raises(UndoRefused) as refused:
        undo_last(rater)
    assert refused.value.reason == UndoRefusal.SESSION_ENDED


def test_a_rater_who_lost_a_task_never_meets_its_item_again() -> None:
    """Control: free the slot of an expired lease instead of voiding it: she would be given it again."""
    slow, task = lost_task(campaign_items=2)
    assert Slot.objects.get(pk=task.slot_id).state == SlotState.VOID
    assert session_end_is_reached(slow)
    assert Slot.objects.filter(rater=slow).count() == 1


def test_a_lease_that_ran_out_is_renewed_when_the_rater_is_back_first() -> None:
    rater = factories.make_rater(factories.make_campaign_of(1))
    task = task_of(rater)
    factories.expire_lease(rater)
    again = task_of(rater)
    assert again.slot_id == task.slot_id
    assert not Slot.objects.filter(state=SlotState.VOID).exists()
    assert again.lease_until > task.lease_until


def test_free_places_are_taken_before_expired_ones() -> None:
    campaign = factories.make_campaign_of(2, raters_per_item=1)
    slow, other = factories.make_rater(campaign), factories.make_rater(campaign)
    held = task_of(slow)
    factories.expire_lease(slow)
    assert task_of(other).item_id != held.item_id
    assert Slot.objects.get(pk=held.slot_id).state == SlotState.LEASED


def test_the_end_of_a_session_counts_late_answers_too() -> None:
    slow, task = lost_task()
    assert session_end(slow, reason=EndReason.NOTHING_LEFT).answers_given == 0
    send(slow, task.slot_id)
    assert session_end(slow, reason=EndReason.NOTHING_LEFT).answers_given == 1
