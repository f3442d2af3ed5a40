"""Deleting platforms' ids: all that are past their date, or one rater's on request. Answers stay.

The audit trail says how many were deleted, or whose by pseudonym, never an id.
"""

from collections import Counter
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.models import Campaign, Rater, RaterIdentity
from annotation.services import audit


def identity_until(rater: Rater) -> datetime | None:
    """When the platform's id of this rater will be deleted by itself; None where it is gone."""
    return RaterIdentity.objects.filter(rater=rater).values_list("delete_after", flat=True).first()


@transaction.atomic
def forget_identity(rater: Rater, actor: User | None) -> bool:
    """Deletes what the platform calls this rater. False where it is gone already, and nothing is recorded."""
    deleted, _ = RaterIdentity.objects.filter(rater=rater).delete()
    if deleted:
        audit.record(rater.campaign, actor=actor, act="forget_identity", rater=rater)
    return bool(deleted)


@transaction.atomic
def forget_expired() -> int:
    """Deletes every platform id past its date, by the database's clock; returns how many.

    Rows that another process is deleting are left to it.
    """
    expired = list(
        RaterIdentity.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(delete_after__lte=Now())
        .values_list("pk", "rater__campaign_id")
    )
    RaterIdentity.objects.filter(pk__in=[pk for pk, _ in expired]).delete()
    counts = Counter(campaign for _, campaign in expired)
    for campaign in Campaign.objects.filter(pk__in=counts):
        audit.record(campaign, actor=None, act="forget_expired", identities=counts[campaign.pk])
    return len(expired)
