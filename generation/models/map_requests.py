"""What somebody asked a worker beyond the maps of a run: an image's maps taken apart, or information maps of
any picture and caption. A row is the record of its job: lease, fence, attempts, result.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from generation.choices import MapRequestKind, MapRequestState
from generation.models.images import Image
from generation.models.owned import OwnedQuerySet
from generation.models.projects import Project


class MapRequestQuerySet(OwnedQuerySet):
    """Requests in a researcher's projects."""


class MapRequest(models.Model):
    """One question to a model about one picture. Claimed by conditional update, answered once, or dead.

    image: of a run, which an exploration is about and a question of information may be.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="map_requests")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="map_requests"
    )
    kind = models.CharField(max_length=7, choices=MapRequestKind)
    image = models.ForeignKey(
        Image, null=True, blank=True, on_delete=models.CASCADE, related_name="map_requests"
    )
    model_id = models.CharField(max_length=200, help_text="Id in the model registry.")
    model_revision = models.CharField(
        max_length=64, help_text="Pinned revision or content hash of the model."
    )
    caption = models.CharField(max_length=1000, blank=True)
    others = ArrayField(
        models.CharField(max_length=1000),
        default=list,
        blank=True,
        help_text="Captions that it is compared with.",
    )
    concepts = models.JSONField(
        default=dict, blank=True, help_text="Chosen concepts by word position; others go by the rule."
    )
    levels = models.PositiveSmallIntegerField(help_text="Noise levels of the information maps.")
    seed = models.PositiveBigIntegerField(default=0)
    picture_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the picture as it is stored.")

    state = models.CharField(max_length=6, choices=MapRequestState, default=MapRequestState.READY)
    ready_at = models.DateTimeField(auto_now_add=True, help_text="Since when a worker may take it.")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(
        default=0, help_text="Raised at every claim; a result that carries an older number is refused."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    percent = models.PositiveSmallIntegerField(default=0, help_text="How much of the work is done.")
    failure = models.TextField(blank=True, help_text="Why the last attempt failed.")
    result = models.JSONField(default=dict, blank=True, help_text="What was found, but for the maps.")
    maps_sha256 = models.CharField(max_length=64, blank=True)
    seconds = models.FloatField(null=True, blank=True, help_text="Worker time.")
    asked_at = models.DateTimeField(db_default=Now(), editable=False)
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = MapRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["image"], condition=Q(kind=MapRequestKind.EXPLORE), name="explored_once_per_image"
            ),
            models.CheckConstraint(
                name="exploration_has_an_image",
                condition=~Q(kind=MapRequestKind.EXPLORE) | Q(image__isnull=False),
            ),
            models.CheckConstraint(
                name="information_has_a_picture_and_a_caption",
                condition=~Q(kind=MapRequestKind.INFORM) | (~Q(picture_sha256="") & ~Q(caption="")),
            ),
            models.CheckConstraint(
                name="map_request_leased_iff_it_has_a_lease",
                condition=Q(state=MapRequestState.LEASED, lease_until__isnull=False)
                | Q(~Q(state=MapRequestState.LEASED), lease_until__isnull=True),
            ),
            models.CheckConstraint(
                name="map_request_done_iff_answered",
                condition=Q(state=MapRequestState.DONE, answered_at__isnull=False)
                | Q(~Q(state=MapRequestState.DONE), answered_at__isnull=True),
            ),
            models.CheckConstraint(
                name="map_request_dead_has_a_reason",
                condition=~Q(state=MapRequestState.DEAD) | ~Q(failure=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["ready_at"],
                name="map_request_waiting",
                condition=Q(state__in=[MapRequestState.READY, MapRequestState.LEASED]),
            ),
        ]

    def __str__(self) -> str:
        return self.caption or f"maps of image {self.image_id}"

    @property
    def is_open(self) -> bool:
        """Whether a worker has yet to answer it."""
        return self.state in (MapRequestState.READY, MapRequestState.LEASED)
