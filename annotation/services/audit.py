"""The audit trail, written in the transaction of the act itself: no act without its entry."""

from typing import Any

from django.contrib.auth.models import User

from annotation.models import AuditEntry, Campaign, Rater


def record(
    campaign: Campaign, *, actor: User | None, act: str, rater: Rater | None = None, **detail: Any
) -> AuditEntry:
    """A new entry. actor: None where the system acted.  detail: plain JSON values."""
    return AuditEntry.objects.create(campaign=campaign, actor=actor, act=act, rater=rater, detail=detail)
