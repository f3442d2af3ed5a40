"""The audit trail, written in the transaction of the act itself: no act without its entry."""

from typing import Any

from django.contrib.auth.models import User

from annotation.models import AuditEntry, Campaign, Rater
from annotation.services import webhooks


def record(
    campaign: Campaign, *, actor: User | None, act: str, rater: Rater | None = None, **detail: Any
) -> AuditEntry:
    """A new entry, and the act's event. actor: None for the system.  detail: plain JSON values."""
    webhooks.tell(campaign, act=act)
    return AuditEntry.objects.create(campaign=campaign, actor=actor, act=act, rater=rater, detail=detail)
