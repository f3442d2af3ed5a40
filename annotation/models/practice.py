"""Answers of training and qualification: apart from all others, since none of them is a rating."""

from django.db import models
from django.db.models.functions import Now

from annotation.models.campaigns import Item
from annotation.models.raters import Rater


class PracticeAnswer(models.Model):
    """One answer to an item of training or qualification. Whether it is right follows from the item."""

    rater = models.ForeignKey(Rater, on_delete=models.CASCADE, related_name="practice_answers")
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="practice_answers")
    attempt = models.PositiveSmallIntegerField(help_text="1 for the rater's first at this item.")
    option = models.CharField(max_length=32, help_text="Code of the answer.")
    idempotency_key = models.UUIDField(unique=True)
    answered_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["rater", "item", "attempt"], name="practice_once_per_attempt"),
            models.CheckConstraint(
                condition=models.Q(attempt__gte=1) & ~models.Q(option=""), name="practice_attempt_and_option"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.option} by {self.rater}, attempt {self.attempt}"
