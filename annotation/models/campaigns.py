"""Campaigns, their frozen versions, and their items."""

import uuid
from typing import Final, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from annotation.choices import CampaignState, CheckKind, ItemKind, PageLanguage, TaskKind
from annotation.models.comparing import COMPARING_CONSTRAINTS, LONGEST_METHOD, Comparing
from annotation.models.managing import MANAGING_CONSTRAINTS, Managing
from annotation.practice import FEWEST_ATTEMPTS, MOST_ATTEMPTS
from generation.choices import PartOfSpeech
from generation.models import Image, PromptWord, Run, WordMap
from generation.models.owned import OwnedQuerySet

LONGEST_VOCABULARY_WORD: Final = 60


def parts_rated_by_default() -> list[str]:
    """Every part of speech but punctuation, whose words serve as attention checks."""
    return [part.value for part in PartOfSpeech if part != PartOfSpeech.PUNCT]


class CampaignQuerySet(OwnedQuerySet):
    """Campaigns of a researcher's projects: a campaign belongs where the prompts of its run do."""

    project_path = "run__prompt_set__project"

    def real(self) -> Self:
        """Without the dry runs."""
        return self.filter(dry_run_of=None)

    def listed(self) -> Self:
        """Without the dry runs and the archived ones."""
        return self.real().filter(archived_at=None)


class Campaign(Managing, Comparing):
    """One study put to raters: its wording, its rules, and where it stands."""

    public_id = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text="Names it in links."
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="campaigns")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="campaigns")
    dry_run_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="dry_runs",
        help_text="The campaign that this one rehearses with simulated raters; empty for a real one.",
    )
    name = models.CharField(max_length=120, help_text="For you; raters never see it.")
    state = models.CharField(max_length=6, choices=CampaignState, default=CampaignState.DRAFT)

    task_kind = models.CharField(max_length=15, choices=TaskKind, default=TaskKind.OPINION_SCORE)
    vocabulary = ArrayField(
        models.CharField(max_length=LONGEST_VOCABULARY_WORD),
        default=list,
        blank=True,
        help_text="Object presence: the words of the checklist, in the researcher's order.",
    )
    language = models.CharField(
        max_length=2, choices=PageLanguage, default=PageLanguage.ENGLISH, help_text="Of the raters' pages."
    )
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
    prompt_filter = models.JSONField(
        default=dict,
        blank=True,
        db_default=Value({}, output_field=models.JSONField()),
        help_text="Accepted values by column of the prompt file; empty for all prompts.",
    )
    stratify_by = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        help_text="Column over whose values a smaller number of items is drawn evenly; empty for none.",
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
    places_kept = models.PositiveSmallIntegerField(
        default=5,
        db_default=5,
        validators=[MaxValueValidator(50)],
        help_text="Places kept for a rater from consent on, beyond the task in hand.",
    )
    checks_per_rater = models.PositiveSmallIntegerField(
        default=3, help_text="Attention checks in one rater's session."
    )
    known_per_rater = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Items with a known answer in one rater's session."
    )
    instructed_per_rater = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Items that say what to answer in one rater's session."
    )
    repeats_per_rater = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Items asked a second time in one rater's session."
    )
    repeat_tolerance = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Points by which two scores of one item may differ."
    )
    repeat_overlap_percent = models.PositiveSmallIntegerField(
        default=50,
        db_default=50,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Least overlap of two checklists (Jaccard) or two masks (IoU) of one item.",
    )
    known_answers = models.JSONField(
        default=list,
        blank=True,
        db_default=Value([], output_field=models.JSONField()),
        help_text="Things whose answer is known, each with what is right, its use and an explanation.",
    )
    pass_mark_percent = models.PositiveSmallIntegerField(
        default=80,
        db_default=80,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Share of the qualification that has to be right.",
    )
    practice_attempts = models.PositiveSmallIntegerField(
        default=2,
        db_default=2,
        validators=[MinValueValidator(FEWEST_ATTEMPTS), MaxValueValidator(MOST_ATTEMPTS)],
        help_text="How often a training item, and the qualification, may be tried.",
    )
    adjudicate_from_percent = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Disagreement from which an item waits for adjudication; empty for the usual of its kind.",
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
    screened_out_code = models.CharField(max_length=64, blank=True, db_default="")
    completion_url = models.URLField(blank=True, help_text="Where a finished rater is sent, if anywhere.")
    no_consent_url = models.URLField(
        blank=True, db_default="", help_text="Where somebody is sent who declined."
    )
    screened_out_url = models.URLField(
        blank=True, db_default="", help_text="Where a rater is sent who did not qualify."
    )
    plain_link = models.BooleanField(
        default=True, db_default=True, help_text="Whether anybody may come in who has the plain link."
    )
    invitations = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Personal links that were made."
    )

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
                name="campaign_vocabulary_only_for_presence",
                condition=Q(task_kind=TaskKind.OBJECT_PRESENCE) | Q(vocabulary=[]),
            ),
            *COMPARING_CONSTRAINTS,
            *MANAGING_CONSTRAINTS,
            models.CheckConstraint(
                name="campaign_opened_unless_draft",
                condition=Q(state=CampaignState.DRAFT, opened_at__isnull=True)
                | Q(~Q(state=CampaignState.DRAFT), opened_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def checks_in_session(self) -> int:
        """Attention checks of all kinds in one rater's session."""
        return (
            self.checks_per_rater + self.known_per_rater + self.instructed_per_rater + self.repeats_per_rater
        )


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


# What an item shows: one of these columns sets, all others null.
_SHOWN: Final = ("word_map", "image", "word", "other_word_map", "other_image")
_NO_WORDS: Final = Value([], output_field=ArrayField(models.CharField(max_length=LONGEST_VOCABULARY_WORD)))
_EXPECTS_NOTHING: Final = Q(accepted_answers=[], must_have=[], must_not_have=[], reference_rle="")


def _shows(*columns: str) -> Q:
    return Q(**{f"{column}__isnull": column not in columns for column in _SHOWN})


class Item(models.Model):
    """One thing put to raters, or one attention check with the answers that pass it.

    What it shows depends on the campaign: a word map or an image (opinion score), an image (object presence),
    an image and a word of its prompt (mask), two word maps or two images (pairwise). Of a pair the first is
    of the system that comes first among the campaign's; which lies left is the slot's.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="items")
    word_map = models.ForeignKey(
        WordMap, null=True, blank=True, on_delete=models.PROTECT, related_name="items"
    )
    image = models.ForeignKey(Image, null=True, blank=True, on_delete=models.PROTECT, related_name="items")
    word = models.ForeignKey(
        PromptWord, null=True, blank=True, on_delete=models.PROTECT, related_name="items"
    )
    other_word_map = models.ForeignKey(
        WordMap, null=True, blank=True, on_delete=models.PROTECT, related_name="items_as_other"
    )
    other_image = models.ForeignKey(
        Image, null=True, blank=True, on_delete=models.PROTECT, related_name="items_as_other"
    )
    method = models.CharField(
        max_length=LONGEST_METHOD,
        blank=True,
        db_default="",
        help_text="Of the map; empty for the stored one.",
    )
    other_method = models.CharField(max_length=LONGEST_METHOD, blank=True, db_default="")
    kind = models.CharField(max_length=13, choices=ItemKind, default=ItemKind.RATING)
    position = models.PositiveIntegerField(help_text="Seeded order within the campaign, from 0.")
    accepted_answers = ArrayField(
        models.CharField(max_length=32),
        default=list,
        blank=True,
        help_text="Codes of right answers; of a pair left, right, tie as shown, or first, second.",
    )
    must_have = ArrayField(
        models.CharField(max_length=LONGEST_VOCABULARY_WORD),
        default=list,
        blank=True,
        db_default=_NO_WORDS,
        help_text="Object presence: words that a right answer checks.",
    )
    must_not_have = ArrayField(
        models.CharField(max_length=LONGEST_VOCABULARY_WORD),
        default=list,
        blank=True,
        db_default=_NO_WORDS,
        help_text="Object presence: words that a right answer leaves unchecked.",
    )
    reference_rle = models.TextField(
        blank=True,
        db_default="",
        help_text="Mask drawing: counts of COCO's compressed encoding of a right mask.",
    )
    least_iou = models.FloatField(
        null=True, blank=True, help_text="Least intersection over union with that mask, in (0, 1]."
    )
    check_kind = models.CharField(max_length=10, blank=True, db_default="", choices=CheckKind)
    instruction = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Asked in place of the campaign's question."
    )
    explanation = models.CharField(
        max_length=500,
        blank=True,
        db_default="",
        help_text="Of a training item: why its answer is right.",
    )
    repeats = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="repeated_by"
    )

    class Meta:
        ordering = ["campaign", "position"]
        constraints = [
            models.CheckConstraint(
                name="item_shows_one_kind_of_thing",
                condition=_shows("word_map")
                | _shows("image")
                | _shows("image", "word")
                | _shows("word_map", "other_word_map")
                | _shows("image", "other_image"),
            ),
            models.UniqueConstraint(
                fields=["campaign", *_SHOWN, "method", "other_method", "check_kind"],
                nulls_distinct=False,
                name="item_once_per_campaign_and_thing",
            ),
            # A repeat stands where its original does, and is made while raters work.
            models.UniqueConstraint(
                fields=["campaign", "position"],
                condition=~Q(check_kind=CheckKind.REPEAT),
                name="item_position_once_per_campaign",
            ),
            models.CheckConstraint(
                name="item_instructs_iff_instructed",
                condition=Q(check_kind=CheckKind.INSTRUCTED) & ~Q(instruction="")
                | ~Q(check_kind=CheckKind.INSTRUCTED) & Q(instruction=""),
            ),
            models.CheckConstraint(
                name="item_accepts_answers_iff_attention",
                condition=Q(
                    ~_EXPECTS_NOTHING,
                    kind=ItemKind.ATTENTION,
                    repeats__isnull=True,
                    check_kind__in=[CheckKind.ABSTRACT, CheckKind.KNOWN, CheckKind.INSTRUCTED],
                )
                | Q(
                    _EXPECTS_NOTHING,
                    kind=ItemKind.ATTENTION,
                    repeats__isnull=False,
                    check_kind=CheckKind.REPEAT,
                )
                | Q(
                    ~_EXPECTS_NOTHING,
                    kind__in=[ItemKind.TRAINING, ItemKind.QUALIFICATION],
                    repeats__isnull=True,
                    check_kind="",
                )
                | Q(_EXPECTS_NOTHING, kind=ItemKind.RATING, repeats__isnull=True, check_kind=""),
            ),
            models.CheckConstraint(
                name="item_reference_with_its_threshold",
                condition=Q(reference_rle="", least_iou__isnull=True)
                | (~Q(reference_rle="") & Q(least_iou__gt=0, least_iou__lte=1)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.word_map or self.image}"
