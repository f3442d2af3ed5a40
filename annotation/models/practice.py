"""Answers of training and qualification: apart from all others, since none of them is a rating."""

from django.db import models
from django.db.models.functions import Now

from annotation.models.answers import Said
from annotation.models.campaigns import Item
from annotation.models.raters import Rater


class PracticeAnswer(Said):
    """One answer to an item of training or qualification. Whether it is right follows from the item."""

    rater = models.ForeignKey(Rater, on_delete=models.CASCADE, related_name="practice_answers")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="practice_answers")
    attempt = models.PositiveSmallIntegerField(help_text="1 for the rater's first at this item.")
    swapped = models.BooleanField(
        db_default=False, default=False, help_text="Of a pair, the second lay left."
    )
    idempotency_key = models.UUIDField(unique=True)
    answered_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            *Said.Meta.constraints,
            models.UniqueConstraint(fields=["rater", "item", "attempt"], name="practice_once_per_attempt"),
            models.CheckConstraint(condition=models.Q(attempt__gte=1), name="practice_attempt_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.said} by {self.rater}, attempt {self.attempt}"
