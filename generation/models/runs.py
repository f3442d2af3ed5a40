"""A run: one prompt set through one pinned model with one set of settings."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from generation.choices import RunActKind, RunState
from generation.models.owned import OwnedQuerySet
from generation.models.prompts import PromptSet


class RunQuerySet(OwnedQuerySet):
    """Runs of a researcher's projects: a run belongs where its prompts do."""

    project_path = "prompt_set__project"


class Run(models.Model):
    """Settings that every image of the run shares. Progress is counted from the images, never stored."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="runs")
    prompt_set = models.ForeignKey(PromptSet, on_delete=models.PROTECT, related_name="runs")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=9, choices=RunState, default=RunState.QUEUED)

    model_id = models.CharField(max_length=200, help_text="Id in the model registry.")
    model_revision = models.CharField(
        max_length=64, help_text="Pinned revision or content hash of the model."
    )
    scheduler = models.CharField(max_length=40)
    steps = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(200)])
    guidance = models.FloatField(
        validators=[MinValueValidator(0), MaxValueValidator(50)],
        help_text="Classifier-free guidance scale; 1 or less switches guidance off.",
    )
    height = models.PositiveSmallIntegerField(help_text="Pixels.")
    width = models.PositiveSmallIntegerField(help_text="Pixels.")
    negative_prompt = models.CharField(max_length=1000, blank=True)
    images_per_prompt = models.PositiveSmallIntegerField(default=1)
    first_seed = models.PositiveBigIntegerField(
        default=0, help_text="Image i (from 0) of a prompt uses seed first_seed + i."
    )
    explored = models.BooleanField(
        default=False, help_text="Whether every image's maps are also taken apart: steps, layers, methods."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(steps__gte=1, steps__lte=200), name="run_steps_in_range"),
            models.CheckConstraint(
                condition=Q(guidance__gte=0, guidance__lte=50), name="run_guidance_in_range"
            ),
            models.CheckConstraint(condition=Q(images_per_prompt__gte=1), name="run_makes_images"),
        ]

    def __str__(self) -> str:
        return self.name


class RunAct(models.Model):
    """Who did what to a run, and when. Rows are added with the act itself, never changed."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="acts")
    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="run_acts"
    )
    act = models.CharField(max_length=9, choices=RunActKind)
    images = models.PositiveIntegerField(null=True, blank=True, help_text="How many images it concerned.")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.act} {self.run}"
