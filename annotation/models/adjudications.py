"""Adjudications: what a reviewer decided about an item that raters disagree on, beside their answers."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.answers import Said
from annotation.models.campaigns import Item


class Adjudication(Said):
    """One decision. Raters' answers stay as they are; one that was taken back stays, marked.

    choice: of a pair, left is the first system and right the second.
    """

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="adjudications")
    # Not null: no rule adjudicates.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="adjudications"
    )
    note = models.CharField(max_length=500, blank=True, help_text="Why, in the reviewer's words.")
    at = models.DateTimeField(db_default=Now(), editable=False)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="adjudications_undone",
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            *Said.Meta.constraints,
            models.UniqueConstraint(
                fields=["item"], condition=Q(undone_at__isnull=True), name="adjudication_stands_once_per_item"
            ),
            models.CheckConstraint(
                name="adjudication_undone_by_somebody",
                condition=Q(undone_at__isnull=True, undone_by__isnull=True)
                | Q(undone_at__isnull=False, undone_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.said} for {self.item}"
