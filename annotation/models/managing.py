"""What a campaign is to whoever runs it, and raters never see: its money, its place in lists."""

from decimal import Decimal
from typing import Final

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from annotation.choices import CampaignState

LEAST_PAY: Final = Decimal("0.01")


class Managing(models.Model):
    """The fields of a campaign that are about running it. None is frozen with the wording."""

    pay_per_rater = models.DecimalField(
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(LEAST_PAY)],
        help_text="What a rater gets for a session; empty where it is not kept here.",
    )
    currency = models.CharField(max_length=3, blank=True, db_default="", help_text="Of the pay, as ISO 4217.")
    budget = models.DecimalField(
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(LEAST_PAY)],
        help_text="Nobody new is let in whose pay it would not cover; empty for no limit.",
    )
    count_devices = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether a random number in the rater's browser tells who comes twice.",
    )
    automatic_back_fill = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Whether the places of raters who failed the checks go to others without being asked.",
    )
    archived_at = models.DateTimeField(null=True, blank=True, help_text="Since when it is out of the lists.")

    class Meta:
        abstract = True


MANAGING_CONSTRAINTS: Final = [
    models.CheckConstraint(
        name="campaign_pay_with_its_currency",
        condition=Q(pay_per_rater__isnull=True, currency="")
        | Q(pay_per_rater__gt=0, currency__regex=r"^[A-Z]{3}$"),
        violation_error_message="A pay per rater has a currency of three capital letters.",
    ),
    models.CheckConstraint(
        name="campaign_budget_of_a_pay",
        condition=Q(budget__isnull=True) | Q(budget__gt=0, pay_per_rater__isnull=False),
        violation_error_message="A budget needs a pay per rater.",
    ),
    models.CheckConstraint(
        name="campaign_archived_at_rest",
        condition=Q(archived_at__isnull=True) | Q(state__in=[CampaignState.DRAFT, CampaignState.CLOSED]),
        violation_error_message="Only a draft or a closed campaign is archived.",
    ),
]
