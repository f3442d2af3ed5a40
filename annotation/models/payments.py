"""Decisions about payment: a person's, with a reason where they hurt, and never automatic."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.choices import PaymentVerdict, RejectionGround
from annotation.models.raters import Rater


class PaymentDecisionQuerySet(models.QuerySet[Any]):
    """Which decisions hold."""

    def standing(self) -> Self:
        """Those that nobody took back, the latest first: the first of a rater holds."""
        return self.filter(taken_back_at__isnull=True).order_by("-pk")


class PaymentDecision(models.Model):
    """One decision. The latest of a rater that was not taken back holds; the others stay as history.

    Two things are written to it later: that it left the house, and that it was taken back. An approval that
    left stands, since the money may be on its way: never both.
    """

    rater = models.ForeignKey(Rater, on_delete=models.PROTECT, related_name="payment_decisions")
    verdict = models.CharField(max_length=8, choices=PaymentVerdict)
    ground = models.CharField(max_length=16, choices=RejectionGround, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="In the researcher's words.")
    # Not null: no rule and no job decides about anybody's pay.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payment_decisions"
    )
    at = models.DateTimeField(db_default=Now(), editable=False)
    handed_out_at = models.DateTimeField(
        null=True, blank=True, help_text="When a list of payments or Prolific last got it as approved."
    )
    taken_back_at = models.DateTimeField(null=True, blank=True)

    objects = PaymentDecisionQuerySet.as_manager()

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
            models.CheckConstraint(
                name="payment_handed_out_is_an_approval_that_stands",
                condition=Q(handed_out_at__isnull=True)
                | Q(verdict=PaymentVerdict.APPROVED, taken_back_at__isnull=True),
                violation_error_message="What was handed out for payment is an approval, and stands.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict}: {self.rater}"
