"""Campaigns, their frozen versions, and their items."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.choices import CampaignState, ItemKind
from generation.choices import PartOfSpeech
from generation.models import Run, WordMap
from generation.models.owned import OwnedQuerySet


def parts_rated_by_default() -> list[str]:
    """Every part of speech but punctuation, whose words serve as attention checks."""
    return [part.value for part in PartOfSpeech if part != PartOfSpeech.PUNCT]


class CampaignQuerySet(OwnedQuerySet):
    """Campaigns of a researcher."""


class Campaign(models.Model):
    """One study put to raters: its wording, its rules, and where it stands."""

    public_id = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="Names it in links."
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="campaigns")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="campaigns")
    name = models.CharField(max_length=120, help_text="For you; raters never see it.")
    state = models.CharField(max_length=6, choices=CampaignState, default=CampaignState.DRAFT)

    title = models.CharField(max_length=120, help_text="What raters see at the top.")
    question = models.CharField(max_length=300)
    instructions = models.TextField()
    consent_text = models.TextField(help_text="Shown before the first task; a rater must agree to go on.")
    contact = models.CharField(max_length=200, help_text="Where a rater can turn with a question.")

    parts_of_speech = ArrayField(
        models.CharField(max_length=5, choices=PartOfSpeech),
        default=parts_rated_by_default,
        help_text="Words of these kinds are rated.",
    )
    items_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Most word maps put to raters, drawn by the seed; empty for all of them.",
    )
    raters_per_item = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    share_cap = models.FloatField(
        default=0.18,
        validators=[MinValueValidator(0.001), MaxValueValidator(1)],
        help_text="Largest share of all ratings that one rater may give (0.18 in Tang et al. 2023).",
    )
    items_per_rater = models.PositiveIntegerField(
        default=40, validators=[MinValueValidator(1)], help_text="Most ratings in one rater's session."
    )
    checks_per_rater = models.PositiveSmallIntegerField(
        default=3, help_text="Attention checks in one rater's session."
    )
    checks_allowed_wrong = models.PositiveSmallIntegerField(
        default=0, help_text="A rater who answers more of them wrongly is left out of the analysis."
    )
    lease_seconds = models.PositiveIntegerField(
        default=600,
        validators=[MinValueValidator(30), MaxValueValidator(86_400)],
        help_text="How long a task waits for its rater.",
    )
    seconds_per_item = models.FloatField(
        default=8, help_text="Expected seconds per rating, for time estimates."
    )
    order_seed = models.PositiveBigIntegerField(default=0, help_text="Seed of the items' order.")
    completion_code = models.CharField(max_length=64)
    no_consent_code = models.CharField(max_length=64, blank=True)
    completion_url = models.URLField(blank=True, help_text="Where a finished rater is sent, if anywhere.")

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    opened_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(raters_per_item__gte=1), name="campaign_asks_raters"),
            models.CheckConstraint(
                condition=Q(share_cap__gt=0, share_cap__lte=1), name="campaign_share_cap_is_a_share"
            ),
            models.CheckConstraint(condition=Q(items_per_rater__gte=1), name="campaign_session_has_items"),
            models.CheckConstraint(
                name="campaign_opened_unless_draft",
                condition=Q(state=CampaignState.DRAFT, opened_at__isnull=True)
                | Q(~Q(state=CampaignState.DRAFT), opened_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CampaignVersion(models.Model):
    """What raters were shown, word for word, from one opening on. Answers point here; rows never change."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveSmallIntegerField()
    wording = models.JSONField(help_text="Title, question, instructions, consent text, options and rules.")
    wording_sha256 = models.CharField(max_length=64)
    consent_sha256 = models.CharField(max_length=64)
    ratings_wanted = models.PositiveIntegerField(
        help_text="Numbered slots made at the opening: items times raters per item."
    )
    opened_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["campaign", "number"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "number"], name="version_number_once_per_campaign")
        ]

    def __str__(self) -> str:
        return f"{self.campaign} v{self.number}"


class Item(models.Model):
    """One word map put to raters, or one attention check with the answers that pass it."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="items")
    word_map = models.ForeignKey(WordMap, on_delete=models.PROTECT, related_name="items")
    kind = models.CharField(max_length=9, choices=ItemKind, default=ItemKind.RATING)
    position = models.PositiveIntegerField(help_text="Seeded order within the campaign, from 0.")
    accepted_answers = ArrayField(
        models.CharField(max_length=32),
        default=list,
        blank=True,
        help_text="Codes of the right answers of an attention check; empty otherwise.",
    )

    class Meta:
        ordering = ["campaign", "position"]
        constraints = [
            models.UniqueConstraint(fields=["campaign", "word_map"], name="item_once_per_campaign_map"),
            models.UniqueConstraint(fields=["campaign", "position"], name="item_position_once_per_campaign"),
            models.CheckConstraint(
                name="item_accepts_answers_iff_attention",
                condition=Q(kind=ItemKind.ATTENTION, accepted_answers__len__gt=0)
                | Q(kind=ItemKind.RATING, accepted_answers=[]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.word_map}"
