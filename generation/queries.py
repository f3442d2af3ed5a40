"""What pages show of prompt sets, runs and images, counted from the rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import (
    Aggregate,
    Avg,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Cast, Coalesce, Now

from generation.choices import ImageState, MapRequestKind, MapRequestState, PartOfSpeech, RunState
from generation.models import Image, MapRequest, Prompt, PromptSet, PromptWord, Run

# Images over which the time of one is averaged: enough to be steady, few enough to follow a change of
# machine.
RECENT_IMAGES: Final = 200
SHOWN_FAILURES: Final = 20
# A worker that lives takes a waiting image within its poll of a few seconds.
PATIENCE_SECONDS: Final = 20


@dataclass(frozen=True, kw_only=True)
class RunProgress:
    """How far a run is.

    ahead: images of other runs that workers take before this run's next one.
    seconds_left: those included; None while the time of one image is not known of all models concerned.
    """

    total: int
    done: int
    waiting: int
    leased: int
    dead: int
    filtered: int
    ahead: int
    workers: int
    seconds_per_image: float | None
    seconds_left: float | None
    seconds_unserved: float | None

    @property
    def unfinished(self) -> int:
        """Images that a worker has yet to finish."""
        return self.waiting + self.leased

    @property
    def is_finished(self) -> bool:
        """Whether every image is done or dead."""
        return self.unfinished == 0

    @property
    def lacks_worker(self) -> bool:
        """Whether images have waited longer than a living worker would let them."""
        return self.seconds_unserved is not None and self.seconds_unserved > PATIENCE_SECONDS


def prompt_sets_with_counts(visible: QuerySet[PromptSet]) -> QuerySet[PromptSet]:
    """Adds prompt_count, word_count and run_count to each prompt set."""
    words = PromptWord.objects.filter(prompt__prompt_set=OuterRef("pk"))
    return visible.annotate(
        prompt_count=_count(Prompt.objects.filter(prompt_set=OuterRef("pk")), by="prompt_set"),
        word_count=_count(words, by="prompt__prompt_set"),
        run_count=_count(Run.objects.filter(prompt_set=OuterRef("pk")), by="prompt_set"),
    )


def runs_with_counts(visible: QuerySet[Run]) -> QuerySet[Run]:
    """Adds image_count, done_count and dead_count to each run."""
    images = Image.objects.filter(run=OuterRef("pk"))
    return visible.select_related("prompt_set").annotate(
        image_count=_count(images, by="run"),
        done_count=_count(images.filter(state=ImageState.DONE), by="run"),
        dead_count=_count(images.filter(state=ImageState.DEAD), by="run"),
    )


def words_by_part_of_speech(prompt_set: PromptSet) -> list[tuple[PartOfSpeech, int]]:
    """Each part of speech that occurs, with its number of words, the most frequent first."""
    counted = (
        PromptWord.objects.filter(prompt__prompt_set=prompt_set)
        .order_by()
        .values_list("part_of_speech")
        .annotate(words=Count("pk"))
        .order_by("-words", "part_of_speech")
    )
    return [(PartOfSpeech(tag), words) for tag, words in counted]


def run_progress(run: Run) -> RunProgress:
    """Counts by state, live workers, and the time left at the latest pace of each model in the queue."""
    counts = Image.objects.filter(run=run).aggregate(
        total=Count("pk"),
        done=Count("pk", filter=Q(state=ImageState.DONE)),
        waiting=Count("pk", filter=Q(state=ImageState.READY)),
        leased=Count("pk", filter=Q(state=ImageState.LEASED)),
        dead=Count("pk", filter=Q(state=ImageState.DEAD)),
        filtered=Count("pk", filter=Q(safety_verdict="filtered")),
    )
    workers = Image.objects.filter(_alive()).values("worker").distinct().count()
    pace = seconds_per_image(model_id=run.model_id, work=run.height * run.width * run.steps)
    ahead, seconds_ahead = _ahead(run)
    unfinished = counts["waiting"] + counts["leased"]
    unknown = pace is None or seconds_ahead is None
    return RunProgress(
        **counts,
        ahead=ahead,
        workers=workers,
        seconds_per_image=pace,
        seconds_left=None if unknown else (unfinished * pace + seconds_ahead) / max(workers, 1),
        seconds_unserved=_seconds_unserved(run, workers=workers),
    )


def seconds_per_image(*, model_id: str, work: int) -> float | None:
    """Worker seconds for one image of this model, from its latest images; None where there are none.

    work: pixels times steps of the image in question. Times are scaled by it, in proportion.
    """
    latest = (
        Image.objects.filter(run__model_id=model_id, state=ImageState.DONE, seconds__isnull=False)
        .order_by("-generated_at")
        .values("pk")[:RECENT_IMAGES]
    )
    own_work = Cast(F("run__height"), FloatField()) * F("run__width") * F("run__steps")
    found = Image.objects.filter(pk__in=latest).aggregate(pace=Avg(F("seconds") / own_work))
    return None if found["pace"] is None else float(found["pace"]) * work


def explorations(run: Run) -> dict[str, int]:
    """Images whose maps are taken apart (done), are to be (open), or could not be (dead)."""
    return MapRequest.objects.filter(image__run=run, kind=MapRequestKind.EXPLORE).aggregate(
        done=Count("pk", filter=Q(state=MapRequestState.DONE)),
        open=Count("pk", filter=Q(state__in=[MapRequestState.READY, MapRequestState.LEASED])),
        dead=Count("pk", filter=Q(state=MapRequestState.DEAD)),
    )


def failures(run: Run) -> Sequence[dict[str, Any]]:
    """Why images are dead or were tried again, with how many images each; the most frequent first."""
    groups = (
        Image.objects.filter(run=run)
        .exclude(failure="")
        .exclude(state=ImageState.DONE)
        .order_by()
        .values("failure", "state")
        .annotate(images=Count("pk"), example=Min("prompt__text"))
        .order_by("-images", "failure")
    )
    return list(groups[:SHOWN_FAILURES])


def finished_images(run: Run) -> QuerySet[Image]:
    """The run's finished images in the order of their prompts."""
    return (
        Image.objects.filter(run=run, state=ImageState.DONE)
        .select_related("prompt")
        .order_by("prompt__row_number", "seed")
    )


def neighbours(image: Image) -> tuple[Image | None, Image | None]:
    """The finished images before and after this one in its run."""
    others = finished_images(image.run)
    row = Q(prompt__row_number=image.prompt.row_number)
    before = Q(prompt__row_number__lt=image.prompt.row_number) | row & Q(seed__lt=image.seed)
    after = Q(prompt__row_number__gt=image.prompt.row_number) | row & Q(seed__gt=image.seed)
    return others.filter(before).last(), others.filter(after).first()


def _ahead(run: Run) -> tuple[int, float | None]:
    """Images of other runs that come before this run's next one, and the worker seconds that they take.

    Workers take the longest waiting image; what they hold already they finish first. The seconds are None
    where a model concerned has not made an image yet.
    """
    first = Image.objects.filter(run=run, state=ImageState.READY).order_by("ready_at", "pk").first()
    if first is None:
        return 0, 0.0
    earlier = Q(ready_at__lt=first.ready_at) | Q(ready_at=first.ready_at, pk__lt=first.pk)
    waiting = Q(state=ImageState.READY, run__state=RunState.QUEUED) & earlier
    queue = (
        Image.objects.filter(waiting | Q(state=ImageState.LEASED))
        .exclude(run=run)
        .order_by()
        .values("run__model_id", "run__height", "run__width", "run__steps")
        .annotate(images=Count("pk"))
    )
    images, seconds = 0, 0.0
    for part in queue:
        images += part["images"]
        work = part["run__height"] * part["run__width"] * part["run__steps"]
        pace = seconds_per_image(model_id=part["run__model_id"], work=work)
        seconds += math.nan if pace is None else part["images"] * pace
    return images, None if math.isnan(seconds) else seconds


def _seconds_unserved(run: Run, *, workers: int) -> float | None:
    """How long this run's images have waited while no worker worked at anything; None where one does."""
    if workers or run.state != RunState.QUEUED:
        return None
    images = Image.objects.filter(run=run)
    ages = [
        _age(images.filter(state=ImageState.READY), of=Min("ready_at")),
        _age(images.filter(state=ImageState.LEASED), of=Min("lease_until")),
    ]
    waited = max((age for age in ages if age is not None), default=None)
    if waited is None:
        return None
    # A worker may have been busy with other runs until a moment ago.
    idle = _age(Image.objects.filter(state=ImageState.DONE), of=Max("generated_at"))
    return waited if idle is None else min(waited, idle)


def _age(images: QuerySet[Image], *, of: Aggregate) -> float | None:
    """Seconds since a moment, by the database's clock; None without rows."""
    age = images.aggregate(age=ExpressionWrapper(Now() - of, output_field=DurationField()))["age"]
    return None if age is None else float(age.total_seconds())


def _alive() -> Q:
    return Q(state=ImageState.LEASED, lease_until__gte=Now())


def _count(rows: QuerySet[Any], *, by: str) -> Coalesce:
    counted = rows.order_by().values(by).annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0)
