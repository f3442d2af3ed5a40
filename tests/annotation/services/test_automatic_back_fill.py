"""Back-fill by itself: only where a campaign asks for it, only of who failed and is gone, never twice."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from annotation import queries, specification
from annotation.apps import AnnotationConfig
from annotation.choices import SlotState
from annotation.models import Answer, AuditEntry, Campaign, Rater, Slot
from annotation.services import back_fill, campaigns, dry_runs, raters
from annotation.services.back_fill import BackFilled
from annotation.services.tasks_for_raters import Task, next_task
from generation.sweeping import swept
from tests import factories
from tests.annotation.services.test_back_fill import worked
from tests.program import Program

pytestmark = pytest.mark.django_db
RIGHT = "word_too_abstract"
NOTHING = BackFilled(raters=0, places=0, left=0)


@pytest.fixture(autouse=True)
def looks_at_once() -> Iterator[None]:
    """A process looks once a minute."""
    AnnotationConfig.gives_again_at = 0.0
    yield
    AnnotationConfig.gives_again_at = 0.0


def made(owner: User, *, automatic: bool = True) -> Campaign:
    """Four items with three places each, two checks for everybody."""
    return factories.make_campaign_of(
        4, checks=2, checks_per_rater=2, owner=owner, raters_per_item=3, automatic_back_fill=automatic
    )


def answered(campaign: Campaign) -> int:
    return Slot.objects.filter(campaign=campaign, number__isnull=False, state=SlotState.ANSWERED).count()


def test_a_workers_sweep_gives_the_places_of_who_failed_once_and_to_exactly_k(owner: User) -> None:
    """Controls: take every rater for failed; leave the receiver unconnected; exclude without giving."""
    campaign = made(owner)
    careful, careless = worked(campaign, RIGHT), worked(campaign, "4")
    swept.send_robust(sender=object)
    assert answered(campaign) == 4
    assert dict(Rater.objects.values_list("pk", "exclusion_reason")) == {
        careful.pk: "",
        careless.pk: back_fill.REASON,
    }
    entry = AuditEntry.objects.get(act="back_fill")
    assert (entry.actor, entry.detail) == (None, {"raters": 1, "places": 4})
    AnnotationConfig.gives_again_at = 0.0
    swept.send_robust(sender=object)
    assert AuditEntry.objects.filter(act="back_fill").count() == 1
    for _ in range(2):
        worked(campaign, RIGHT)
    progress = queries.progress(campaign)
    assert (progress.places, progress.answered, progress.uncounted, progress.free) == (12, 12, 0, 0)


def test_a_process_looks_once_a_minute_and_not_at_every_sweep(owner: User) -> None:
    """Control: leave `gives_again_at` as it was."""
    campaign = made(owner)
    swept.send_robust(sender=object)
    worked(campaign, "4")
    swept.send_robust(sender=object)
    assert answered(campaign) == 4


def test_only_open_campaigns_that_ask_for_it_are_looked_at(owner: User) -> None:
    """Controls: leave out that it is real, or in both questions the setting or the state."""
    silent, paused, closed, real = made(owner, automatic=False), made(owner), made(owner), made(owner)
    rehearsed = dry_runs.start_dry_run(real, owner)
    for campaign in (silent, paused, closed, rehearsed):
        worked(campaign, "4")
    campaigns.pause(paused, owner)
    campaigns.close(closed, owner)
    assert back_fill.give_everywhere() == 0
    assert {answered(campaign) for campaign in (silent, paused, closed, rehearsed)} == {4}
    campaigns.resume(paused, owner)
    assert back_fill.give_everywhere() == 1


def test_what_a_person_excluded_waits_for_a_person(owner: User) -> None:
    """Her exclusion can be taken back, a back-fill can't. Control: leave `excluded_at` out."""
    campaign = made(owner)
    out = worked(campaign, RIGHT)
    raters.exclude(out, owner, "wrote that she guessed")
    assert back_fill.give_of_failed(campaign) == NOTHING
    raters.include(out, owner)
    assert queries.progress(campaign).uncounted == 0


def test_who_may_still_come_back_keeps_her_places_until_she_ends_or_an_hour_has_gone(owner: User) -> None:
    """She has failed, and her task has lapsed while she reads. Controls: leave the ended out, or the hour."""
    campaign = made(owner)
    rater = factories.make_rater(campaign)
    for _ in range(5):
        task = next_task(rater)
        assert isinstance(task, Task)
        factories.answer(rater, task, "4")
    factories.expire_lease(rater)
    rated = answered(campaign)
    assert rated >= 3
    assert queries.progress(campaign).uncounted == rated
    assert back_fill.give_of_failed(campaign) == NOTHING
    Answer.objects.update(answered_at=Now() - timedelta(minutes=61))
    assert back_fill.give_of_failed(campaign) == BackFilled(raters=1, places=rated, left=0)


def test_a_setting_that_was_turned_off_meanwhile_gives_nothing(owner: User) -> None:
    """Control: trust the campaign as it was loaded."""
    campaign = made(owner)
    worked(campaign, "4")
    back_fill.set_automatic(campaign, owner, automatic=False)
    assert campaign.automatic_back_fill
    assert back_fill.give_of_failed(campaign) == NOTHING


def test_the_page_turns_it_on_and_off_and_the_history_says_who(client: Client, owner: User) -> None:
    """Control: change it without the entry, or in any state."""
    campaign = made(owner, automatic=False)
    client.force_login(owner)
    page = reverse("annotation:campaign_back_fill", args=[campaign.public_id])
    switch = reverse("annotation:automatic_back_fill", args=[campaign.public_id])
    assert "By itself: off" in client.get(page).content.decode()
    for automatic, told in (({"automatic": "on"}, "By itself: on"), ({}, "By itself: off")):
        assert told in client.post(switch, automatic, follow=True).content.decode()
    client.post(switch, {})
    entries = AuditEntry.objects.filter(act="set_automatic_back_fill").order_by("pk")
    assert [(one.actor, one.detail) for one in entries] == [
        (owner, {"automatic": True}),
        (owner, {"automatic": False}),
    ]
    campaigns.close(campaign, owner)
    assert "Nothing was done" in client.post(switch, {"automatic": "on"}, follow=True).content.decode()
    campaign.refresh_from_db()
    assert not campaign.automatic_back_fill


def test_the_api_and_the_specification_have_it(owner: User) -> None:
    """Control: leave it out of `initial_from`, or of the API's answer."""
    campaign = made(owner, automatic=False)
    program = Program(owner)
    path = f"/campaigns/{campaign.public_id}/back-fill/automatic"
    assert program.post(path, {"automatic": True}).json()["automatic_back_fill"] is True
    assert program.post(path, {"automatic": "yes"}).status_code == 400
    campaign.refresh_from_db()
    values = specification.of_campaign(campaign)
    assert values["automatic_back_fill"] is True
    assert specification.create(owner, values | {"name": "again"}).automatic_back_fill
    campaigns.close(campaign, owner)
    assert program.post(path, {"automatic": False}).status_code == 409
