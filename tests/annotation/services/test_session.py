"""One rater's session from the link to the completion code."""

from uuid import uuid4

import pytest

from annotation.choices import ItemKind, RaterOutcome, SlotState
from annotation.contents import option_content
from annotation.models import Answer, Campaign, Slot
from annotation.services import campaigns, entry
from annotation.services.answers import AnswerRefusal, AnswerRefused, record_answer, stop_session
from annotation.services.endings import EndReason, SessionEnd
from annotation.services.seats import ConsentMissing
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db


def a_task(step: Task | SessionEnd) -> Task:
    """The step, which must be a task."""
    assert isinstance(step, Task), step
    return step


def test_a_rater_rates_every_item_once_and_leaves_with_the_code() -> None:
    campaign = factories.make_campaign_of(5, raters_per_item=1)
    rater = factories.make_rater(campaign)
    maps = []
    while isinstance(task := next_task(rater), Task):
        maps.append(task.item_id)
        factories.answer(rater, task)
    assert len(maps) == len(set(maps)) == 5
    assert task == SessionEnd(reason=EndReason.FINISHED, completion_code="DONE1234", answers_given=5)
    rater.refresh_from_db()
    assert rater.outcome == RaterOutcome.COMPLETED


def test_a_task_shows_the_word_where_it_stands_in_the_prompt() -> None:
    campaign = factories.make_campaign_of(3)
    task = a_task(next_task(factories.make_rater(campaign)))
    item = campaign.items.get(pk=task.item_id)
    assert factories.word_of(task) == factories.map_of(item).word.text
    assert (task.place, task.places_total, task.can_undo) == (1, 3, False)
    assert task.seconds_left_estimate == 3 * campaign.seconds_per_item


def test_asking_again_gives_the_same_task() -> None:
    rater = factories.make_rater(factories.make_campaign_of(5))
    assert a_task(next_task(rater)) == a_task(next_task(rater))


def test_a_session_ends_after_its_number_of_ratings() -> None:
    campaign = factories.make_campaign_of(5, items_per_rater=2)
    assert factories.rate_all(factories.make_rater(campaign)) == 2


def test_a_share_cap_ends_a_session_with_its_reason() -> None:
    campaign = factories.make_campaign_of(10, raters_per_item=1, share_cap=0.31)
    rater = factories.make_rater(campaign)
    for _ in range(3):
        factories.answer(rater, a_task(next_task(rater)))
    assert next_task(rater) == SessionEnd(
        reason=EndReason.SHARE_CAP, completion_code="DONE1234", answers_given=3
    )


def test_the_places_that_remain_are_counted_down_to_what_others_left() -> None:
    campaign = factories.make_campaign_of(4, raters_per_item=1)
    slow, quick = factories.make_rater(campaign), factories.make_rater(campaign)
    first = a_task(next_task(slow))
    factories.rate_all(quick)
    assert first.places_total == 4
    assert a_task(next_task(slow)).places_total == 1


def test_when_others_took_everything_the_session_ends_with_a_code_only_for_answers() -> None:
    campaign = factories.make_campaign_of(2, raters_per_item=1)
    waiting, quick = factories.make_rater(campaign), factories.make_rater(campaign)
    factories.rate_all(quick)
    assert next_task(waiting) == SessionEnd(
        reason=EndReason.NOTHING_LEFT, completion_code="", answers_given=0
    )


def test_a_paused_campaign_shows_the_task_in_hand_and_then_nothing_new() -> None:
    campaign = factories.make_campaign_of(3)
    rater = factories.make_rater(campaign)
    task = a_task(next_task(rater))
    campaigns.pause(campaign, campaign.owner)
    assert a_task(next_task(rater)).slot_id == task.slot_id
    factories.answer(rater, task)
    assert next_task(rater) == SessionEnd(reason=EndReason.PAUSED, completion_code="", answers_given=1)
    campaigns.resume(campaign, campaign.owner)
    assert a_task(next_task(rater)).place == 2


def test_a_closed_campaign_lets_the_task_in_hand_be_answered_and_ends_with_the_code() -> None:
    campaign = factories.make_campaign_of(3)
    rater = factories.make_rater(campaign)
    task = a_task(next_task(rater))
    campaigns.close(campaign, campaign.owner)
    factories.answer(rater, task)
    assert next_task(rater) == SessionEnd(
        reason=EndReason.CAMPAIGN_CLOSED, completion_code="DONE1234", answers_given=1
    )


def test_stopping_frees_the_task_in_hand_and_gives_the_code_for_what_was_answered() -> None:
    campaign = factories.make_campaign_of(3)
    rater = factories.make_rater(campaign)
    factories.answer(rater, a_task(next_task(rater)))
    next_task(rater)
    end = SessionEnd(reason=EndReason.STOPPED, completion_code="DONE1234", answers_given=1)
    assert stop_session(rater) == end
    assert stop_session(rater) == end
    assert next_task(rater) == end
    assert not Slot.objects.filter(state=SlotState.LEASED).exists()
    rater.refresh_from_db()
    assert rater.outcome == RaterOutcome.STOPPED


def test_no_task_is_shown_and_no_answer_stored_without_consent() -> None:
    """Control: drop the consent look-up from `take_seat`: the first call hands out a task."""
    campaign = factories.make_campaign_of(3)
    rater = entry.enter(campaign, factories.identity())
    with pytest.raises(ConsentMissing):
        next_task(rater)
    slot = Slot.objects.first()
    assert slot is not None
    with pytest.raises(AnswerRefused) as refused:
        record_answer(
            rater,
            slot_id=slot.pk,
            content=option_content("3"),
            idempotency_key=uuid4(),
            client_milliseconds=None,
            view="",
        )
    assert refused.value.reason == AnswerRefusal.NO_CONSENT
    assert not Slot.objects.exclude(state=SlotState.FREE).exists()
    assert not Answer.objects.exists()


def test_a_changed_consent_text_asks_again() -> None:
    campaign = factories.make_campaign_of(3)
    rater = factories.make_rater(campaign)
    changed_text_of(campaign)
    with pytest.raises(ConsentMissing):
        next_task(rater)
    entry.give_consent(rater)
    assert a_task(next_task(rater)).place == 1


def changed_text_of(campaign: Campaign) -> None:
    """A second version with another consent text, as a later release may make one."""
    version = campaign.versions.get()
    version.pk, version.number, version.consent_sha256 = None, 2, "0" * 64
    version.save()


def test_checks_look_like_any_other_task_and_come_as_often_as_the_campaign_says() -> None:
    campaign = factories.make_campaign_of(6, checks=4, checks_per_rater=3)
    rater = factories.make_rater(campaign)
    places = []
    while isinstance(task := next_task(rater), Task):
        assert task.places_total == 9
        places.append(task.place)
        factories.answer(rater, task)
    assert places == list(range(1, 10))
    kinds = list(Answer.objects.order_by("pk").values_list("slot__item__kind", flat=True))
    assert kinds.count(ItemKind.ATTENTION) == 3


def test_a_session_cut_short_by_others_still_gets_its_checks() -> None:
    campaign = factories.make_campaign_of(6, checks=2, checks_per_rater=2, raters_per_item=1)
    slow, quick = factories.make_rater(campaign), factories.make_rater(campaign)
    while (task := a_task(next_task(slow))) and Slot.objects.get(pk=task.slot_id).number is None:
        factories.answer(slow, task)
    factories.rate_all(quick)
    factories.answer(slow, task)
    factories.rate_all(slow)
    assert slow.answers.filter(slot__number__isnull=True).count() == 2
