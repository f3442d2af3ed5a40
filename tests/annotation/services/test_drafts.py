"""A drawing under way keeps its task: each stroke begins the lease anew."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from annotation.choices import SlotState, TaskKind
from annotation.models import Rater, Slot
from annotation.services import campaigns, drafts
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db


def drawing() -> tuple[Rater, Task]:
    """A rater with a mask to draw, and all other places of the campaign kept for her."""
    campaign = factories.make_campaign_of_kind(
        TaskKind.MASK, raters_per_item=1, places_kept=5, lease_seconds=30
    )
    rater = factories.make_rater(campaign)
    task = next_task(rater)
    assert isinstance(task, Task)
    return rater, task


def later(rater: Rater, *, seconds: int) -> None:
    """As if so much time had gone by since she got her task."""
    passed = timedelta(seconds=seconds)
    leased = Slot.objects.get(rater=rater, state=SlotState.LEASED)
    rater.refresh_from_db()
    assert leased.lease_until is not None
    assert rater.places_kept_until is not None
    Slot.objects.filter(pk=leased.pk).update(lease_until=leased.lease_until - passed)
    Rater.objects.filter(pk=rater.pk).update(places_kept_until=rater.places_kept_until - passed)


def test_a_drawing_that_takes_longer_than_the_lease_stays_with_who_makes_it() -> None:
    """A stroke every 20 s, a lease of 30 s, ten minutes. Control: save the draft and leave the lease."""
    rater, task = drawing()
    for number in range(1, 31):
        later(rater, seconds=20)
        drafts.save_draft(rater, slot_id=task.slot_id, number=number, png=factories.mask_png())
    assert Slot.objects.filter(pk=task.slot_id, lease_until__gt=Now()).exists()
    assert Rater.objects.filter(pk=rater.pk, places_kept_until__gt=Now()).exists()
    factories.answer(rater, task)


def test_a_stroke_takes_a_lease_back_that_has_run_out_and_that_nobody_took() -> None:
    """Control: renew live leases alone."""
    rater, task = drawing()
    later(rater, seconds=31)
    drafts.save_draft(rater, slot_id=task.slot_id, number=1, png=factories.mask_png())
    assert Slot.objects.filter(pk=task.slot_id, lease_until__gt=Now()).exists()


def test_strokes_do_not_keep_a_closed_campaign_open() -> None:
    """Control: renew whatever the campaign's state."""
    rater, task = drawing()
    later(rater, seconds=20)
    before = Slot.objects.get(pk=task.slot_id).lease_until
    campaigns.close(rater.campaign, rater.campaign.owner)
    drafts.save_draft(rater, slot_id=task.slot_id, number=1, png=factories.mask_png())
    assert Slot.objects.get(pk=task.slot_id).lease_until == before
