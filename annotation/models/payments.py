"""Decisions about payment: a person's, with a reason where they hurt, never changed and never automatic."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.choices import PaymentVerdict, RejectionGround
from annotation.models.raters import Rater


class PaymentDecision(models.Model):
    """One decision. The latest of a rater holds; earlier ones stay as history."""

    rater = models.ForeignKey(Rater, on_delete=models.PROTECT, related_name="payment_decisions")
    verdict = models.CharField(max_length=8, choices=PaymentVerdict)
    ground = models.CharField(max_length=16, choices=RejectionGround, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="In the researcher's words.")
    # Not null: no rule and no job decides about anybody's pay.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payment_decisions"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["rater", "-id"], name="payment_of_rater")]
        constraints = [
            models.CheckConstraint(
                name="payment_rejected_with_ground_and_reason",
                condition=Q(verdict=PaymentVerdict.APPROVED, ground="")
                | (Q(verdict=PaymentVerdict.REJECTED, ground__in=RejectionGround.values) & ~Q(reason="")),
                violation_error_message="A rejection names its ground and its reason.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.rater}"
