"""Answers: one thing said, once per slot, with the consent under which it was said."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.choices import Choice, OpinionScore, OptOut
from annotation.models.campaigns import LONGEST_VOCABULARY_WORD, CampaignVersion
from annotation.models.raters import Consent, Rater
from annotation.models.slots import Slot

_EMPTY: Final[dict[str, Q]] = {
    "score": Q(score__isnull=True),
    "opt_out": Q(opt_out=""),
    "words": Q(words__isnull=True),
    "choice": Q(choice=""),
    "mask": Q(mask__isnull=True),
}


def _only(said: str) -> Q:
    condition = ~_EMPTY[said]
    for name, empty in _EMPTY.items():
        if name != said:
            condition &= empty
    return condition


SAYS_ONE_THING: Final = _only("score") | _only("opt_out") | _only("words") | _only("choice") | _only("mask")
SCORE_ON_SCALE: Final = Q(score__isnull=True) | Q(score__gte=min(OpinionScore), score__lte=max(OpinionScore))
OPT_OUT_KNOWN: Final = Q(opt_out="") | Q(opt_out__in=list(OptOut.values))
CHOICE_KNOWN: Final = Q(choice="") | Q(choice__in=list(Choice.values))


class Mask(models.Model):
    """A drawn region of an image, as it was re-encoded here. Never changed after it is stored."""

    png = models.BinaryField(help_text="1-bit PNG, white inside, without any other chunk.")
    rle = models.TextField(help_text="The counts of COCO's compressed run-length encoding.")
    # Not small integers: the constraint multiplies them, in their own type.
    height = models.PositiveIntegerField(help_text="Pixels.")
    width = models.PositiveIntegerField(help_text="Pixels.")
    area = models.PositiveIntegerField(validators=[MinValueValidator(1)], help_text="Pixels inside.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="mask_area_in_image", condition=Q(area__gte=1, area__lte=F("height") * F("width"))
            ),
            models.CheckConstraint(name="mask_has_its_counts", condition=~Q(rle="")),
        ]

    def __str__(self) -> str:
        return f"{self.area} of {self.width} x {self.height} pixels"


class Said(models.Model):
    """What an answer says: exactly one of score, opt-out, words, choice and mask."""

    score = models.PositiveSmallIntegerField(null=True, blank=True, choices=OpinionScore)
    opt_out = models.CharField(max_length=32, blank=True, choices=OptOut)
    words = ArrayField(
        models.CharField(max_length=LONGEST_VOCABULARY_WORD),
        null=True,
        blank=True,
        help_text="Checked words in the order in which they were checked; empty for 'none of these'.",
    )
    choice = models.CharField(max_length=12, blank=True, db_default="", choices=Choice)
    mask = models.OneToOneField(
        Mask, null=True, blank=True, on_delete=models.PROTECT, related_name="%(class)s"
    )

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(class)s_says_exactly_one_thing",
                condition=SAYS_ONE_THING,
                violation_error_message="An answer is one of score, opt-out, words, choice and mask.",
            ),
            models.CheckConstraint(name="%(class)s_score_on_scale", condition=SCORE_ON_SCALE),
            models.CheckConstraint(name="%(class)s_opt_out_known", condition=OPT_OUT_KNOWN),
            models.CheckConstraint(name="%(class)s_choice_known", condition=CHOICE_KNOWN),
            models.UniqueConstraint(
                fields=["mask"], condition=Q(mask__isnull=False), name="%(class)s_has_its_own_mask"
            ),
        ]

    @property
    def said(self) -> str:
        """The answer in a word or two, for lists and messages."""
        if self.words is not None:
            return ", ".join(self.words) or "none of these"
        return self.opt_out or self.choice or (f"mask {self.mask_id}" if self.mask_id else str(self.score))


class Answer(Said):
    """One rater's answer. An undone answer stays, marked; only the answer that stands is exported."""

    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="answers")
    # The index below begins with the rater: a further one would only cost writes.
    rater = models.ForeignKey(Rater, db_index=False, on_delete=models.PROTECT, related_name="answers")
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="answers")
    version = models.ForeignKey(CampaignVersion, on_delete=models.PROTECT, related_name="answers")
    idempotency_key = models.UUIDField(unique=True)
    place = models.PositiveIntegerField(help_text="1 for the rater's first answer.")
    shown_at = models.DateTimeField(help_text="When the task was handed out.")
    answered_at = models.DateTimeField(db_default=Now(), editable=False)
    client_milliseconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="From display to answer, as the browser timed it."
    )
    view = models.CharField(max_length=20, blank=True, help_text="How the task was last shown.")
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            *Said.Meta.constraints,
            models.UniqueConstraint(
                fields=["slot"], condition=Q(undone_at__isnull=True), name="answer_stands_once_per_slot"
            ),
        ]
        # A rater's last answer in one step, however many answers there are.
        # And those taken back lately, of which the index alone holds any: live numbers look for them.
        indexes = [
            models.Index(fields=["rater", "id"], name="answer_of_rater"),
            models.Index(fields=["undone_at"], name="answer_undone", condition=Q(undone_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.said} by {self.rater}"


class LateAnswer(Said):
    """An answer that came after its place had gone to somebody else: kept and payable, not counted."""

    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="late_answers")
    rater = models.ForeignKey(Rater, on_delete=models.PROTECT, related_name="late_answers")
    idempotency_key = models.UUIDField(unique=True)
    received_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            *Said.Meta.constraints,
            models.UniqueConstraint(fields=["slot"], name="late_answer_once_per_slot"),
        ]

    def __str__(self) -> str:
        return f"late {self.said} by {self.rater}"


class Draft(models.Model):
    """A drawing under way, kept so that it can go on on another device. Gone once its task is answered."""

    slot = models.OneToOneField(Slot, on_delete=models.CASCADE, related_name="draft")
    number = models.PositiveIntegerField(help_text="Grows with every stroke; an older one never replaces it.")
    png = models.BinaryField(help_text="1-bit PNG, as for a mask; may be all outside.")
    saved_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.CheckConstraint(name="draft_is_numbered", condition=Q(number__gte=1))]

    def __str__(self) -> str:
        return f"draft {self.number} of {self.slot}"
