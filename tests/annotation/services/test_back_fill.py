"""Giving others the places of all who don't count: exactly k that count, all or nothing, asked first."""

from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from annotation import queries
from annotation.choices import SlotState
from annotation.models import Answer, AuditEntry, Campaign, Rater, Slot
from annotation.services import back_fill, campaigns, raters
from annotation.services.back_fill import BackFilled, ToGive
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign(owner: User) -> Campaign:
    """Four items with three places each, and two checks for everybody."""
    return factories.make_campaign_of(4, checks=2, checks_per_rater=2, owner=owner, raters_per_item=3)


def worked(campaign: Campaign, option: str) -> Rater:
    rater = factories.make_rater(campaign)
    factories.rate_all(rater, option)
    return rater


def standing_answers() -> int:
    """Places that are answered by somebody."""
    return Slot.objects.filter(number__isnull=False, state=SlotState.ANSWERED).count()


def test_the_places_of_all_who_do_not_count_are_filled_by_others(owner: User, campaign: Campaign) -> None:
    """12 places, 8 of them by a careless and an excluded rater: given away once, 12 that count in the end.

    Control: choose raters who count too, or exclude without giving the places.
    """
    careful, careless = worked(campaign, "word_too_abstract"), worked(campaign, "4")
    out = worked(campaign, "word_too_abstract")
    raters.exclude(out, owner, "wrote that she guessed")
    assert queries.progress(campaign).uncounted == 8
    assert back_fill.to_give(campaign) == ToGive(failed=1, excluded=1, places=8)
    assert back_fill.give_to_others(campaign, owner) == BackFilled(raters=2, places=8, left=0)
    assert back_fill.give_to_others(campaign, owner) == BackFilled(raters=0, places=0, left=0)
    found = dict(Rater.objects.values_list("pk", "exclusion_reason"))
    assert found == {careful.pk: "", careless.pk: back_fill.REASON, out.pk: "wrote that she guessed"}
    for _ in range(2):
        worked(campaign, "word_too_abstract")
    progress = queries.progress(campaign)
    assert (progress.answered, progress.uncounted, progress.free) == (12, 0, 0)
    assert Answer.objects.filter(slot__number__isnull=False).count() == 20
    whole = AuditEntry.objects.get(act="back_fill")
    assert (whole.actor, whole.detail) == (owner, {"raters": 2, "places": 8})


def test_who_has_a_task_in_hand_is_left_until_she_ends(owner: User, campaign: Campaign) -> None:
    """Control: leave the live leases out of the question."""
    rater = factories.make_rater(campaign)
    given = 0
    while isinstance(task := next_task(rater), Task) and given < 5:
        factories.answer(rater, task, "4")
        given += 1
    assert queries.progress(campaign).uncounted > 0
    assert back_fill.give_to_others(campaign, owner) == BackFilled(raters=0, places=0, left=0)
    factories.rate_all(rater, "4")
    assert back_fill.give_to_others(campaign, owner).places == 4


def test_a_back_fill_that_can_not_end_has_not_begun(owner: User, campaign: Campaign) -> None:
    """The connection fails at the second rater's places. Control: work without the transaction."""
    for _ in range(2):
        worked(campaign, "4")
    made = 0

    def fail_at_the_second(execute: Any, sql: Any, *rest: Any) -> Any:
        nonlocal made
        makes_places = str(sql).startswith('INSERT INTO "annotation_slot"')
        made += makes_places
        if makes_places and made == 2:
            raise OperationalError
        return execute(sql, *rest)

    with pytest.raises(OperationalError), connection.execute_wrapper(fail_at_the_second):
        back_fill.give_to_others(campaign, owner)
    assert not Rater.objects.filter(excluded_at__isnull=False).exists()
    assert standing_answers() == 8


def test_the_page_asks_before_it_gives_and_a_closed_campaign_refuses(
    client: Client, owner: User, campaign: Campaign
) -> None:
    worked(campaign, "4")
    client.force_login(owner)
    url = reverse("annotation:campaign_back_fill", args=[campaign.public_id])
    watched = client.get(reverse("annotation:campaign_progress", args=[campaign.public_id]))
    assert "4 places are filled by answers that don’t count" in watched.content.decode()
    assert url in watched.content.decode()
    assert "1 rater failed the attention checks" in client.get(url).content.decode()
    assert standing_answers() == 4
    answer = client.post(url, follow=True)
    assert "4 places of 1 raters are free for others" in unescape(answer.content.decode())
    assert standing_answers() == 0
    worked(campaign, "4")
    campaigns.close(campaign, owner)
    assert "nobody to fill the places" in unescape(client.post(url, follow=True).content.decode())
    assert standing_answers() == 4
