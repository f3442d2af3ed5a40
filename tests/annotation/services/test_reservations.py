"""Places kept for a rater: from consent on, no more than hers, and free again when she is gone."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from annotation.choices import SlotState
from annotation.models import Campaign, Consent, Rater, Slot
from annotation.services import entry, raters
from annotation.services.answers import stop_session, undo_last
from annotation.services.endings import EndReason, SessionEnd
from annotation.services.entry import EntryRefusal, EntryRefused
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db


def kept(rater: Rater) -> int:
    """How many places are kept for her."""
    return Slot.objects.filter(rater=rater, state=SlotState.KEPT).count()


def a_task(rater: Rater) -> Task:
    """Her task, which must be there."""
    step = next_task(rater)
    assert isinstance(step, Task), step
    return step


def refusal(campaign: Campaign, rater: Rater) -> EntryRefusal:
    """Why her consent is refused; nothing may be stored of it."""
    with pytest.raises(EntryRefused) as refused:
        entry.give_consent(rater)
    assert not Consent.objects.filter(rater=rater).exists()
    assert not entry.has_place(campaign)
    return refused.value.reason


def test_whoever_agreed_has_her_places_whatever_others_do() -> None:
    """Control: leave `keep` out of `_draw_checks`: the quick one takes everything."""
    campaign = factories.make_campaign_of(6, raters_per_item=1, places_kept=2)
    waiting, quick = factories.make_rater(campaign), factories.make_rater(campaign)
    assert factories.rate_all(quick) == 4
    assert factories.rate_all(waiting) == 2


def test_who_comes_too_late_is_told_before_consent() -> None:
    """Control: the consent is stored before the places are looked for."""
    campaign = factories.make_campaign_of(2, raters_per_item=1, places_kept=2)
    late = entry.enter(campaign, factories.identity())
    factories.make_rater(campaign)
    assert refusal(campaign, late) == EntryRefusal.FULL
    with pytest.raises(EntryRefused):
        entry.enter(campaign, factories.identity())


def test_places_are_kept_anew_and_never_beyond_the_raters_limit() -> None:
    """Control: keep places_kept whatever room she has left."""
    campaign = factories.make_campaign_of(10, raters_per_item=1, places_kept=3, items_per_rater=5)
    rater = factories.make_rater(campaign)
    held = []
    while isinstance(task := next_task(rater), Task):
        held.append(kept(rater))
        factories.answer(rater, task)
    assert held == [2, 1, 2, 1, 0]


@pytest.mark.parametrize("_", range(6))
def test_the_next_task_is_the_one_that_was_named(_: int) -> None:
    """Checks and repeats too: nothing in a page tells them apart.

    Controls: leave checks out of `_TASK`; make a repeat that is overdue for now (red in some of the draws).
    """
    campaign = factories.make_campaign_of(
        12, checks=2, checks_per_rater=2, repeats_per_rater=2, raters_per_item=1, places_kept=3
    )
    rater = factories.make_rater(campaign)
    named = None
    while isinstance(task := next_task(rater), Task):
        assert named in (None, task.public_id)
        assert task == next_task(rater)
        named = task.next_public_id
        assert (named is None) == (task.place == task.places_total)
        factories.answer(rater, task)


@pytest.mark.parametrize("leave", ["stop", "exclude", "lapse"])
def test_the_places_of_somebody_who_left_are_free_again(leave: str) -> None:
    """Control: leave `release` out of `end_session`, of `exclude`, or `release_lapsed` out of `keep_*`."""
    campaign = factories.make_campaign_of(4, raters_per_item=1, places_kept=4)
    rater = factories.make_rater(campaign)
    if leave == "stop":
        stop_session(rater)
    elif leave == "exclude":
        raters.exclude(rater, None, "a reason")
    else:
        factories.expire_lease(rater)
    assert entry.has_place(campaign)
    assert factories.rate_all(factories.make_rater(campaign)) == 4
    assert kept(rater) == 0


def test_a_rater_who_comes_back_late_goes_on_with_what_is_left() -> None:
    campaign = factories.make_campaign_of(4, raters_per_item=1, places_kept=2)
    slow = factories.make_rater(campaign)
    task = a_task(slow)
    factories.expire_lease(slow)
    other = factories.make_rater(campaign)
    factories.answer(other, a_task(other))
    factories.answer(slow, task)
    assert factories.rate_all(slow) >= 1
    assert factories.rate_all(other) >= 0
    assert not Slot.objects.exclude(state=SlotState.ANSWERED).exists()


def test_a_lease_that_ran_out_makes_a_place_for_a_newcomer() -> None:
    campaign = factories.make_campaign_of(1, raters_per_item=1, places_kept=3)
    slow = factories.make_rater(campaign)
    a_task(slow)
    factories.expire_lease(slow)
    newcomer = factories.make_rater(campaign)
    assert kept(newcomer) == 1
    assert factories.rate_all(newcomer) == 1


def test_an_undo_keeps_the_task_in_hand_as_the_next_one() -> None:
    """Control: give it back to the free ones, where another takes it."""
    campaign = factories.make_campaign_of(3, raters_per_item=1, places_kept=3)
    rater = factories.make_rater(campaign)
    factories.answer(rater, a_task(rater))
    second = a_task(rater)
    again = undo_last(rater)
    assert again.next_public_id == second.public_id
    factories.answer(rater, again)
    assert a_task(rater).slot_id == second.slot_id


def test_answering_keeps_the_places_for_as_long_again() -> None:
    campaign = factories.make_campaign_of(6, raters_per_item=1, places_kept=2)
    rater = factories.make_rater(campaign)
    almost = Now() + timedelta(seconds=1)
    Rater.objects.filter(pk=rater.pk).update(places_kept_until=almost)
    a_task(rater)
    assert Rater.objects.filter(pk=rater.pk, places_kept_until__gt=Now() + timedelta(minutes=9)).exists()


def test_a_session_without_kept_places_may_find_nothing() -> None:
    """What `places_kept` is for: with 0 the last places may go between consent and the first task."""
    campaign = factories.make_campaign_of(2, raters_per_item=1, places_kept=0)
    waiting, quick = factories.make_rater(campaign), factories.make_rater(campaign)
    factories.rate_all(quick)
    end = next_task(waiting)
    assert isinstance(end, SessionEnd)
    assert end.reason == EndReason.NOTHING_LEFT
