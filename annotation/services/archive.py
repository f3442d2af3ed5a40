"""Putting a campaign out of the lists and back: nothing is deleted, and its address goes on working."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState
from annotation.models import Campaign
from annotation.services import audit
from annotation.services.campaigns import CampaignMoved

AT_REST = (CampaignState.DRAFT, CampaignState.CLOSED)


def archive(campaign: Campaign, actor: User | None) -> Campaign:
    """Out of the lists. A second call changes nothing.

    Raises CampaignMoved while raters may work in it, and for a dry run, which is thrown away instead.
    """
    with transaction.atomic():
        locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.dry_run_of_id is not None:
            raise CampaignMoved("Nothing was done: a dry run is thrown away on its page, not archived.")
        if locked.state not in AT_REST:
            raise CampaignMoved(
                f"Nothing was done: the campaign is {locked.get_state_display().lower()}. Close it before "
                "you archive it."
            )
        if locked.archived_at is None:
            Campaign.objects.filter(pk=locked.pk).update(archived_at=Now())
            audit.record(locked, actor=actor, act="archive")
    locked.refresh_from_db()
    return locked


def restore(campaign: Campaign, actor: User | None) -> Campaign:
    """Back in the lists, as it was. A second call changes nothing."""
    with transaction.atomic():
        locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.archived_at is not None:
            Campaign.objects.filter(pk=locked.pk).update(archived_at=None)
            audit.record(locked, actor=actor, act="restore")
    locked.refresh_from_db()
    return locked
