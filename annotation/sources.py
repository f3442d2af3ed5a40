"""What a campaign can be made from: finished runs, and their word maps by part of speech."""

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from generation.choices import ImageState, RunState, SafetyVerdict
from generation.models import Image, Run, WordMap


def unfinished_images() -> QuerySet[Image]:
    """Images that may still be finished. In a cancelled run only those that a living worker holds."""
    cancelled = Q(run__state=RunState.CANCELLED)
    held = Q(state=ImageState.LEASED, lease_until__gte=Now())
    waiting = Q(state__in=[ImageState.READY, ImageState.LEASED])
    return Image.objects.filter((waiting & ~cancelled) | (held & cancelled))


def finished_runs(runs: QuerySet[Run]) -> QuerySet[Run]:
    """Those of the runs with at least one image and none under way, the newest first, with `done_count`."""
    of_run = {"run": OuterRef("pk")}
    finished = runs.filter(
        Exists(Image.objects.filter(state=ImageState.DONE, **of_run)),
        ~Exists(unfinished_images().filter(**of_run)),
    )
    done = Count("images", filter=Q(images__state=ImageState.DONE))
    return finished.annotate(done_count=done).order_by("-created_at", "-pk")


def ratable_maps(run: Run) -> QuerySet[WordMap]:
    """Word maps that a rater can judge: the image is finished and not filtered, the model saw the word."""
    return WordMap.objects.filter(image__run=run, image__state=ImageState.DONE, seen_by_model=True).exclude(
        image__safety_verdict=SafetyVerdict.FILTERED
    )


def word_counts(run: Run) -> dict[str, int]:
    """Ratable maps of the run by part of speech, the largest group first."""
    part = "word__part_of_speech"
    counts = ratable_maps(run).values(part).annotate(n=Count("pk")).order_by("-n", part)
    return {row[part]: row["n"] for row in counts}
