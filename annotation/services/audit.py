"""The audit trail, written in the transaction of the act itself: no act without its entry, no entry without its act."""

from typing import Any

from django.contrib.auth.models import AbstractUser

from annotation.models import AuditEntry, Campaign, Rater


def record(
    campaign: Campaign, *, actor: AbstractUser | None, act: str, rater: Rater | None = None, **detail: Any
) -> AuditEntry:
    """A new entry. actor: None where the system acted.  detail: plain JSON values."""
    return AuditEntry.objects.create(campaign=campaign, actor=actor, act=act, rater=rater, detail=detail)
