"""The audit trail: who did what to a campaign or a rater, append only."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from annotation.models.campaigns import Campaign
from annotation.models.raters import Rater


class AuditEntry(models.Model):
    """One act. Entries are added, never changed: a trigger of the database refuses it.

    It lets two things pass: an entry about a rater who withdraws loses her and its detail, and those of a dry
    run go with it. Migration 0020 has the trigger.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="audit_entries",
    )
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="audit_entries")
    rater = models.ForeignKey(
        Rater, null=True, blank=True, on_delete=models.PROTECT, related_name="audit_entries"
    )
    act = models.CharField(max_length=40)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.act} on {self.campaign}"
