"""Images and their word maps. An image row is the record of its job: lease, fence, attempts, result."""

from django.db import models
from django.db.models import Q

from generation.choices import ImageState, SafetyVerdict
from generation.models.owned import OwnedQuerySet
from generation.models.prompts import Prompt, PromptWord
from generation.models.runs import Run


class ImageQuerySet(OwnedQuerySet):
    """Images of a researcher's runs."""

    project_path = "run__prompt_set__project"


class WordMapQuerySet(OwnedQuerySet):
    """Word maps of a researcher's runs."""

    project_path = "image__run__prompt_set__project"


class Image(models.Model):
    """One (run, prompt, seed). Claimed by conditional update, finished once, or dead with a reason."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="images")
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="images")
    seed = models.PositiveBigIntegerField()

    state = models.CharField(max_length=6, choices=ImageState, default=ImageState.READY)
    ready_at = models.DateTimeField(auto_now_add=True, help_text="Since when a worker may take it.")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(
        default=0, help_text="Raised at every claim; a result that carries an older number is refused."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True)
    failure = models.TextField(blank=True, help_text="Why the last attempt failed.")

    file = models.CharField(max_length=255, blank=True, help_text="PNG, relative to the media root.")
    file_sha256 = models.CharField(max_length=64, blank=True)
    maps_file = models.CharField(max_length=255, blank=True, help_text="Raw word maps (.npz), likewise.")
    maps_sha256 = models.CharField(max_length=64, blank=True)
    safety_verdict = models.CharField(max_length=9, choices=SafetyVerdict, blank=True)
    versions = models.JSONField(default=dict, blank=True, help_text="Versions of the libraries that made it.")
    seconds = models.FloatField(null=True, blank=True, help_text="Worker time for this image.")
    generated_at = models.DateTimeField(null=True, blank=True)

    objects = ImageQuerySet.as_manager()

    class Meta:
        ordering = ["run", "prompt__row_number", "seed"]
        constraints = [
            models.UniqueConstraint(fields=["run", "prompt", "seed"], name="image_once_per_run_prompt_seed"),
            models.CheckConstraint(
                name="image_done_iff_it_has_its_files",
                condition=Q(
                    ~Q(file=""),
                    ~Q(file_sha256=""),
                    ~Q(maps_file=""),
                    ~Q(maps_sha256=""),
                    ~Q(safety_verdict=""),
                    state=ImageState.DONE,
                    generated_at__isnull=False,
                )
                | Q(~Q(state=ImageState.DONE), file="", maps_file="", generated_at__isnull=True),
            ),
            models.CheckConstraint(
                name="image_leased_iff_it_has_a_lease",
                condition=Q(state=ImageState.LEASED, lease_until__isnull=False)
                | Q(~Q(state=ImageState.LEASED), lease_until__isnull=True),
            ),
            models.CheckConstraint(
                name="image_dead_has_a_reason", condition=~Q(state=ImageState.DEAD) | ~Q(failure="")
            ),
        ]
        indexes = [
            models.Index(fields=["run", "ready_at"], name="image_ready", condition=Q(state=ImageState.READY)),
            models.Index(fields=["lease_until"], name="image_leased", condition=Q(state=ImageState.LEASED)),
        ]

    def __str__(self) -> str:
        return f"{self.prompt} (seed {self.seed})"


class WordMap(models.Model):
    """The attribution map of one word in one image; its array lies in the image's maps file."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="word_maps")
    word = models.ForeignKey(PromptWord, on_delete=models.PROTECT, related_name="maps")
    seen_by_model = models.BooleanField(
        help_text="False where the word lies past the text encoder's context window: there is no array then."
    )
    peak = models.FloatField(null=True, help_text="Largest raw value of the map.")

    objects = WordMapQuerySet.as_manager()

    class Meta:
        ordering = ["image", "word__position"]
        constraints = [
            models.UniqueConstraint(fields=["image", "word"], name="map_once_per_image_word"),
            models.CheckConstraint(
                name="map_has_a_peak_iff_seen",
                condition=Q(seen_by_model=True, peak__isnull=False)
                | Q(seen_by_model=False, peak__isnull=True),
            ),
            models.CheckConstraint(
                name="map_peak_not_negative", condition=Q(peak__isnull=True) | Q(peak__gte=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.word} in {self.image}"
