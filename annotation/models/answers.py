"""Answers: a score or an opt-out, once per slot, with the consent under which it was given."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.choices import OpinionScore, OptOut
from annotation.models.campaigns import CampaignVersion
from annotation.models.raters import Consent, Rater
from annotation.models.slots import Slot

SCORE_XOR_OPT_OUT = Q(score__isnull=False, opt_out="") | (Q(score__isnull=True) & ~Q(opt_out=""))
SCORE_ON_SCALE = Q(score__isnull=True) | Q(score__gte=min(OpinionScore), score__lte=max(OpinionScore))
OPT_OUT_KNOWN = Q(opt_out="") | Q(opt_out__in=list(OptOut.values))


class Answer(models.Model):
    """One rater's answer. An undone answer stays, marked; only the answer that stands is exported."""

    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="answers")
    # The index below begins with the rater: a further one would only cost writes.
    rater = models.ForeignKey(Rater, db_index=False, on_delete=models.PROTECT, related_name="answers")
    consent = models.ForeignKey(Consent, on_delete=models.PROTECT, related_name="answers")
    version = models.ForeignKey(CampaignVersion, on_delete=models.PROTECT, related_name="answers")
    idempotency_key = models.UUIDField(unique=True)
    score = models.PositiveSmallIntegerField(null=True, blank=True, choices=OpinionScore)
    opt_out = models.CharField(max_length=32, blank=True, choices=OptOut)
    place = models.PositiveIntegerField(help_text="1 for the rater's first answer.")
    shown_at = models.DateTimeField(help_text="When the task was handed out.")
    answered_at = models.DateTimeField(db_default=Now(), editable=False)
    client_milliseconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="From display to answer, as the browser timed it."
    )
    view = models.CharField(max_length=20, blank=True, help_text="How the map was last shown.")
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="answer_is_score_xor_opt_out",
                condition=SCORE_XOR_OPT_OUT,
                violation_error_message="An answer is a score or an opt-out, not both and not neither.",
            ),
            models.CheckConstraint(name="answer_score_on_scale", condition=SCORE_ON_SCALE),
            models.CheckConstraint(name="answer_opt_out_known", condition=OPT_OUT_KNOWN),
            models.UniqueConstraint(
                fields=["slot"], condition=Q(undone_at__isnull=True), name="answer_stands_once_per_slot"
            ),
        ]
        # A rater's last answer in one step, however many answers there are.
        indexes = [models.Index(fields=["rater", "id"], name="answer_of_rater")]

    def __str__(self) -> str:
        return f"{self.opt_out or self.score} by {self.rater}"


class LateAnswer(models.Model):
    """An answer that came after its place had gone to somebody else: kept and payable, not counted."""

    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="late_answers")
    rater = models.ForeignKey(Rater, on_delete=models.PROTECT, related_name="late_answers")
    idempotency_key = models.UUIDField(unique=True)
    score = models.PositiveSmallIntegerField(null=True, blank=True, choices=OpinionScore)
    opt_out = models.CharField(max_length=32, blank=True, choices=OptOut)
    received_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["slot"], name="late_answer_once_per_slot"),
            models.CheckConstraint(name="late_answer_is_score_xor_opt_out", condition=SCORE_XOR_OPT_OUT),
            models.CheckConstraint(name="late_answer_score_on_scale", condition=SCORE_ON_SCALE),
        ]

    def __str__(self) -> str:
        return f"late {self.opt_out or self.score} by {self.rater}"
