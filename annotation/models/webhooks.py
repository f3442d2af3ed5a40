"""Where a project's events are sent, and every event that was or is to be sent there."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.choices import DeliveryState, WebhookEvent
from annotation.models.campaigns import Campaign
from generation.models import Project
from generation.models.owned import OwnedQuerySet


class WebhookQuerySet(OwnedQuerySet):
    """Webhooks of a researcher's projects."""


class Webhook(models.Model):
    """One address. Its secret is worked out from the server's key and `public_id`, stored nowhere."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(max_length=500)
    events = ArrayField(models.CharField(max_length=20, choices=WebhookEvent))
    is_on = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="webhooks"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=Q(events__len__gt=0), name="webhook_has_events")]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """One event for one address: a job row with its attempts. body: the very text that is signed and sent."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    campaign = models.ForeignKey(
        Campaign, null=True, blank=True, on_delete=models.CASCADE, related_name="webhook_deliveries"
    )
    event = models.CharField(max_length=20, choices=WebhookEvent)
    body = models.TextField()
    fill = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="Of 'filled': the audit entry of the act that made the last places, one telling for each.",
    )
    state = models.CharField(max_length=7, choices=DeliveryState, default=DeliveryState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    delivered_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=200, blank=True, help_text="What came of the last attempt.")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="delivery_done_iff_delivered",
                condition=Q(state=DeliveryState.DONE, delivered_at__isnull=False)
                | (~Q(state=DeliveryState.DONE) & Q(delivered_at__isnull=True)),
            ),
            models.UniqueConstraint(
                fields=["webhook", "campaign", "fill"],
                condition=Q(event=WebhookEvent.FILLED),
                name="campaign_filled_told_once_per_fill",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state=DeliveryState.WAITING), name="deliveries_due")
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook}"
