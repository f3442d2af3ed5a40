"""Personal links that were taken back. The links themselves are signatures and stored nowhere."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.campaigns import Campaign


class RevokedInvitation(models.Model):
    """A personal link that lets nobody in any more. Who revoked it, the audit trail says."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="revoked_invitations")
    number = models.PositiveIntegerField(help_text="Of the link, from 1.")
    revoked_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["campaign", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "number"], name="revoked_invitation_once_per_campaign"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="revoked_invitation_counts_from_one"),
        ]

    def __str__(self) -> str:
        return f"link {self.number} of {self.campaign}"
