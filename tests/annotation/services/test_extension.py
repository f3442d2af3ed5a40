"""Asking for more raters per item while a campaign runs."""

import pytest
from django.contrib.auth.models import User
from django.db import connection

from annotation.choices import SlotState
from annotation.models import Answer, AuditEntry, Campaign, Slot
from annotation.services import campaigns
from annotation.services.campaigns import CampaignMoved, ExtensionRefused
from tests import factories

pytestmark = pytest.mark.django_db


def ratings_per_item(campaign: Campaign) -> set[int]:
    answers = Answer.objects.filter(slot__campaign=campaign, undone_at__isnull=True)
    items = list(answers.values_list("slot__item_id", flat=True))
    return {items.count(item) for item in items}


def test_an_extension_adds_exactly_the_places_that_are_missing(owner: User) -> None:
    """Half done, extended from 2 to 5, filled: 5 ratings on each item.

    Control: start the new rounds at 1, and the database refuses a second slot of the same number.
    """
    campaign = factories.make_campaign_of(6, raters_per_item=2, owner=owner)
    early = factories.make_rater(campaign)
    factories.rate_all(early)
    extended = campaigns.extend(campaign, owner, raters_per_item=5)
    assert extended.raters_per_item == 5
    while Slot.objects.filter(campaign=campaign, state=SlotState.FREE).exists():
        factories.rate_all(factories.make_rater(extended))
    assert ratings_per_item(campaign) == {5}
    assert Answer.objects.filter(rater=early).count() == 6


def test_many_new_places_are_known_to_the_planner_at_once(owner: User) -> None:
    """Else plans that connections keep from when the table was small read all of it until the next analysis.

    Control: leave ANALYZE out of openings.
    """
    campaign = factories.make_campaign_of(12, raters_per_item=1, owner=owner)
    campaigns.extend(campaign, owner, raters_per_item=100)
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'annotation_slot'")
        assert cursor.fetchone()[0] >= 1188


def test_new_places_come_after_those_that_were_there(owner: User) -> None:
    campaign = factories.make_campaign_of(4, raters_per_item=1, owner=owner)
    campaigns.extend(campaign, owner, raters_per_item=2)
    orders = {
        number: list(Slot.objects.filter(campaign=campaign, number=number).values_list("order", flat=True))
        for number in (1, 2)
    }
    assert sorted(orders[1] + orders[2]) == list(range(8))
    assert max(orders[1]) < min(orders[2])


def test_an_extension_is_a_version_and_nobody_agrees_anew(owner: User) -> None:
    campaign = factories.make_campaign_of(4, raters_per_item=1, owner=owner)
    rater = factories.make_rater(campaign)
    campaigns.extend(campaign, owner, raters_per_item=3)
    first, second = campaign.versions.order_by("number")
    assert (second.number, second.ratings_wanted) == (2, 12)
    assert second.consent_sha256 == first.consent_sha256
    assert second.wording["rules"]["raters_per_item"] == 3
    assert first.wording["rules"]["raters_per_item"] == 1
    assert factories.rate_all(rater) == 4
    assert set(Answer.objects.values_list("version", flat=True)) == {second.pk}
    assert AuditEntry.objects.get(act="extend").detail == {
        "version": 2, "places": 8, "raters_per_item": [1, 3],
    }  # fmt: skip


@pytest.mark.parametrize("wanted", [-1, 0, 2, 3, 101])
def test_only_more_raters_can_be_asked_for(owner: User, wanted: int) -> None:
    campaign = factories.make_campaign_of(4, raters_per_item=3, owner=owner)
    with pytest.raises(ExtensionRefused, match="from 4 to 100"):
        campaigns.extend(campaign, owner, raters_per_item=wanted)
    assert campaign.versions.count() == 1


def test_a_draft_and_a_closed_campaign_are_not_extended(owner: User) -> None:
    draft = factories.make_draft(owner)
    with pytest.raises(CampaignMoved):
        campaigns.extend(draft, owner, raters_per_item=9)
    closed = factories.make_campaign_of(4, owner=owner)
    campaigns.close(closed, owner)
    with pytest.raises(CampaignMoved):
        campaigns.extend(closed, owner, raters_per_item=9)
