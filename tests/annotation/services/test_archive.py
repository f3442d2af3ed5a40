"""Archived campaigns are out of the lists, readable, and back whenever somebody likes; nothing is deleted."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from annotation.choices import CampaignState
from annotation.models import Answer, AuditEntry, Campaign
from annotation.services import archive, campaigns, dry_runs
from annotation.services.campaigns import CampaignMoved
from tests import factories

pytestmark = pytest.mark.django_db


def closed(owner: User) -> Campaign:
    """A closed campaign with a rating."""
    campaign = factories.make_campaign_of(1, owner=owner, raters_per_item=1)
    factories.rate_all(factories.make_rater(campaign))
    return campaigns.close(campaign, owner)


def listed(client: Client, campaign: Campaign, query: str = "") -> bool:
    page = client.get(reverse("annotation:campaigns") + query).content.decode()
    return str(campaign.public_id) in page


@pytest.mark.django_db(transaction=True)
def test_it_goes_out_of_every_list_and_comes_back_as_it_was(client: Client, owner: User) -> None:
    """Control: `real()` for `listed()` in home.py or planner_views.py, or no filter in the list."""
    campaign = closed(owner)
    client.force_login(owner)
    pages = [reverse("home"), reverse("plan:planner")]
    assert listed(client, campaign)
    assert all(str(campaign.public_id) in client.get(page).content.decode() for page in pages)
    client.post(reverse("annotation:campaign_archive", args=[campaign.public_id]))
    assert not listed(client, campaign)
    assert listed(client, campaign, "?archived=1")
    assert all(str(campaign.public_id) not in client.get(page).content.decode() for page in pages)
    page = client.get(reverse("annotation:campaign", args=[campaign.public_id])).content.decode()
    assert "<strong>Archived</strong>" in page
    assert client.get(reverse("evaluation:results", args=[campaign.public_id])).status_code == 200
    assert Answer.objects.count() == 1
    client.post(reverse("annotation:campaign_restore", args=[campaign.public_id]))
    assert listed(client, campaign)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.archived_at) == (CampaignState.CLOSED, None)
    acts = AuditEntry.objects.filter(campaign=campaign).order_by("pk").values_list("act", flat=True)
    assert list(acts)[-2:] == ["archive", "restore"]


def test_twice_is_once_in_the_history(owner: User) -> None:
    """Control: record without looking at `archived_at`."""
    campaign = factories.make_draft(owner)
    for act in (archive.archive, archive.archive, archive.restore, archive.restore):
        campaign = act(campaign, owner)
    acts = AuditEntry.objects.filter(campaign=campaign, act__in=["archive", "restore"])
    assert acts.count() == 2


def test_while_raters_may_work_it_is_refused(owner: User) -> None:
    """Control: leave the state out of `archive`; the database still refuses."""
    campaign = factories.make_campaign_of(1, owner=owner)
    for paused in (False, True):
        if paused:
            campaigns.pause(campaign, owner)
        with pytest.raises(CampaignMoved, match="Close it"):
            archive.archive(campaign, owner)
    with pytest.raises(IntegrityError, match="campaign_archived_at_rest"), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(archived_at=Now())


def test_an_archived_draft_is_restored_before_it_opens(owner: User) -> None:
    """Control: leave `archived_at` out of `_lock`: the database refuses with an error of its own."""
    draft = archive.archive(factories.make_draft(owner), owner)
    with pytest.raises(CampaignMoved, match="Restore it"):
        campaigns.open_campaign(draft, owner)
    assert campaigns.open_campaign(archive.restore(draft, owner), owner).state == CampaignState.OPEN


def test_a_dry_run_of_an_archived_draft_is_none_itself_and_is_not_archived(owner: User) -> None:
    """Control: leave `archived_at` out of OWN in dry_runs.py: no dry run opens."""
    draft = archive.archive(factories.make_draft(owner), owner)
    copy = dry_runs.start_dry_run(draft, owner)
    assert copy.archived_at is None
    with pytest.raises(CampaignMoved, match="thrown away"):
        archive.archive(copy, owner)
