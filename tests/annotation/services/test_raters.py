"""Leaving raters out, taking them back in, and filling their places."""

import pytest
from django.contrib.auth.models import User

from annotation.choices import SlotState
from annotation.models import Answer, AuditEntry, Slot
from annotation.services import campaigns, raters
from annotation.services.endings import EndReason, SessionEnd
from annotation.services.raters import RaterActRefused
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db


def test_exclusion_is_a_flag_that_can_be_taken_back(owner: User) -> None:
    rater = factories.make_rater(factories.make_campaign_of(3, owner=owner))
    out = raters.exclude(rater, owner, " too quick ")
    assert (out.exclusion_reason, out.excluded_at is not None) == ("too quick", True)
    again = raters.exclude(rater, owner, "another reason")
    assert again.exclusion_reason == "too quick"
    back = raters.include(rater, owner)
    assert (back.exclusion_reason, back.excluded_at) == ("", None)
    raters.include(rater, owner)
    acts = AuditEntry.objects.filter(rater=rater).order_by("pk").values_list("act", "detail")
    assert list(acts) == [("exclude_rater", {"reason": "too quick"}), ("include_rater", {})]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "a\0b"])
def test_an_exclusion_needs_a_reason_that_can_be_kept(owner: User, reason: str) -> None:
    rater = factories.make_rater(factories.make_campaign_of(3, owner=owner))
    with pytest.raises(RaterActRefused):
        raters.exclude(rater, owner, reason)


def test_an_excluded_rater_gets_no_new_task_and_keeps_her_code(owner: User) -> None:
    rater = factories.make_rater(factories.make_campaign_of(3, owner=owner))
    task = next_task(rater)
    assert isinstance(task, Task)
    factories.answer(rater, task)
    raters.exclude(rater, owner, "too quick")
    assert next_task(rater) == SessionEnd(
        reason=EndReason.NOTHING_LEFT, completion_code="DONE1234", answers_given=1
    )


def test_places_of_excluded_raters_are_filled_once_and_their_answers_kept(owner: User) -> None:
    """100 items x 3, 30 answers of one rater given up: 300 valid, 330 stored, the second time no change.

    Control: reopen without voiding the old slot, and the database refuses a second slot of the same number.
    """
    campaign = factories.make_campaign_of(100, owner=owner, items_per_rater=100)
    careless = factories.make_rater(campaign)
    for _ in range(30):
        task = next_task(careless)
        assert isinstance(task, Task)
        factories.answer(careless, task)
    raters.exclude(careless, owner, "all the same")
    assert raters.reopen_places(careless, owner) == 30
    assert raters.reopen_places(careless, owner) == 0
    for _ in range(4):
        factories.rate_all(factories.make_rater(campaign)) if free_places() else None
    valid = Slot.objects.filter(number__isnull=False, state=SlotState.ANSWERED)
    assert (valid.count(), Answer.objects.count()) == (300, 330)
    assert not valid.filter(rater=careless).exists()
    assert AuditEntry.objects.filter(act="reopen_places").count() == 1


def free_places() -> int:
    """Places that nobody has taken."""
    return Slot.objects.filter(state=SlotState.FREE).count()


def test_an_exclusion_stands_once_the_places_are_given_to_others(owner: User) -> None:
    """Control: include all the same, and an item has k+1 answers that count."""
    campaign = factories.make_campaign_of(3, owner=owner)
    rater = factories.make_rater(campaign)
    factories.rate_all(rater)
    raters.exclude(rater, owner, "all the same")
    raters.reopen_places(rater, owner)
    with pytest.raises(RaterActRefused):
        raters.include(rater, owner)


def test_places_are_only_filled_for_excluded_raters_of_campaigns_that_take_answers(owner: User) -> None:
    campaign = factories.make_campaign_of(3, owner=owner)
    rater = factories.make_rater(campaign)
    with pytest.raises(RaterActRefused):
        raters.reopen_places(rater, owner)
    raters.exclude(rater, owner, "all the same")
    campaigns.close(campaign, owner)
    with pytest.raises(RaterActRefused):
        raters.reopen_places(rater, owner)
