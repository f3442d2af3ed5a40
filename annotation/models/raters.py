"""Raters by pseudonym, the platform identity apart from everything else, and consent."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from annotation.choices import Platform, RaterOutcome
from annotation.models.campaigns import Campaign, CampaignVersion


class Rater(models.Model):
    """One person in one campaign, known by a keyed hash. Exclusion is a reversible flag, never a deletion."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="raters")
    pseudonym = models.CharField(
        max_length=32, help_text="Keyed hash of the platform identity, per campaign."
    )
    platform = models.CharField(max_length=8, choices=Platform)
    entered_at = models.DateTimeField(db_default=Now(), editable=False)
    outcome = models.CharField(max_length=12, choices=RaterOutcome, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    excluded_at = models.DateTimeField(null=True, blank=True)
    exclusion_reason = models.CharField(max_length=300, blank=True)
    repeats_due = ArrayField(
        models.PositiveIntegerField(),
        default=list,
        blank=True,
        db_default=Value([], output_field=ArrayField(models.PositiveIntegerField())),
        help_text="After how many answers an earlier item is asked again; shrinks as they are.",
    )
    places_kept_until = models.DateTimeField(
        null=True, blank=True, help_text="Until when others leave the places alone that are kept for her."
    )
    practising = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Still in training or qualification.",
    )
    simulated = models.BooleanField(default=False, help_text="Sent by a dry run.")
    trap_filled = models.BooleanField(
        default=False, db_default=False, help_text="Filled in a field of the consent page that nobody sees."
    )
    device = models.CharField(
        max_length=32,
        blank=True,
        db_default="",
        help_text="Keyed hash, per campaign, of a random number in her browser; empty where none is kept.",
    )

    class Meta:
        ordering = ["campaign", "entered_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "pseudonym"], name="rater_once_per_campaign"),
            models.CheckConstraint(
                name="rater_excluded_with_a_reason",
                condition=Q(excluded_at__isnull=True, exclusion_reason="")
                | (Q(excluded_at__isnull=False) & ~Q(exclusion_reason="")),
            ),
            models.CheckConstraint(
                name="rater_ended_iff_outcome",
                condition=Q(outcome="", ended_at__isnull=True) | (~Q(outcome="") & Q(ended_at__isnull=False)),
            ),
        ]
        # Of a campaign those whose places have lapsed, the longest gone first.
        indexes = [
            models.Index(
                fields=["campaign", "places_kept_until"],
                name="rater_keeps_places",
                condition=Q(places_kept_until__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.pseudonym


class RaterIdentity(models.Model):
    """The platform's own id, kept only here and only until `delete_after`. Never exported by default."""

    rater = models.OneToOneField(Rater, on_delete=models.CASCADE, related_name="identity")
    platform_id = models.CharField(max_length=200)
    study_id = models.CharField(max_length=200, blank=True)
    session_id = models.CharField(max_length=200, blank=True)
    delete_after = models.DateTimeField()

    class Meta:
        verbose_name_plural = "rater identities"

    def __str__(self) -> str:
        return f"identity of {self.rater}"


class Consent(models.Model):
    """That a rater agreed to one consent text, by its hash. No answer exists without one."""

    rater = models.ForeignKey(Rater, on_delete=models.PROTECT, related_name="consents")
    version = models.ForeignKey(CampaignVersion, on_delete=models.PROTECT, related_name="consents")
    text_sha256 = models.CharField(max_length=64)
    given_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["rater", "given_at"]
        constraints = [
            models.UniqueConstraint(fields=["rater", "text_sha256"], name="consent_once_per_rater_text")
        ]

    def __str__(self) -> str:
        return f"consent of {self.rater}"
