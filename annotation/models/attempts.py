"""How often something was tried lately, for limits that several web processes share."""

from django.db import models

from annotation.choices import AttemptKind


class AttemptCount(models.Model):
    """The attempts of one kind by one visitor in the minute that began with the first of them.

    who: a keyed hash of the rater's identity or the network address; neither can be read from it.
    """

    kind = models.CharField(max_length=20, choices=AttemptKind)
    who = models.CharField(max_length=64)
    begun_at = models.DateTimeField(db_index=True)
    attempts = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "who"], name="attempts_counted_once_per_visitor"),
        ]

    def __str__(self) -> str:
        return f"{self.attempts} × {self.kind}"
