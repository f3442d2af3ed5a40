"""An image row is its own job: claimed with a lease, finished under its fence, or dead with a reason.

The clock is the database's. Each move is a conditional update on the fence: a worker that was given up for
dead and comes back finds its number gone, and nothing it does has an effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from generation import storage
from generation.choices import ImageState, MapRequestKind, RunState, SafetyVerdict
from generation.models import Image, MapRequest, WordMap
from generation.models.images import ImageQuerySet

MAX_ATTEMPTS: Final = 3
# Noise levels of the information maps of a run whose images are all taken apart.
EXPLORED_LEVELS: Final = 32
WORKER_DIED: Final = (
    "The worker stopped without a result, {attempts} times in a row (killed, or out of memory?)."
)

# What images must have in common to be made in one batch: all that a pipeline is told but prompt and seed.
SHARED_BY_A_BATCH: Final = (
    "model_id",
    "model_revision",
    "scheduler",
    "steps",
    "guidance",
    "height",
    "width",
    "negative_prompt",
)


@dataclass(frozen=True, kw_only=True)
class ModelPin:
    """A model that a worker can run: its id and its exact revision."""

    model_id: str
    revision: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to finish one image, as long as no later claim has raised the fence."""

    image_id: int
    run_id: int
    fence: int


@dataclass(frozen=True, kw_only=True)
class ImageResult:
    """What a worker made. peaks: word id -> largest raw value, None where the model did not see the word."""

    safety_verdict: SafetyVerdict
    versions: dict[str, str]
    seconds: float
    peaks: dict[int, float | None]


@transaction.atomic
def claim_images(
    worker: str, *, models: Sequence[ModelPin], batch_size: int, lease_seconds: float
) -> list[Claim]:
    """Up to batch_size images that can be made together, leased to this worker; none where nothing waits.

    The longest waiting image decides the model and the settings; images of other runs with the same ones fill
    the batch up. An image that has failed or outlived a worker before is handed out alone: whatever it does
    to its worker, it does to no other image.
    """
    bury_abandoned()
    first = _claimable(models).select_related("run").order_by("ready_at", "pk").first()
    if first is None:
        return []
    images = [first]
    if first.attempts == 0 and batch_size > 1:
        same = {f"run__{name}": getattr(first.run, name) for name in SHARED_BY_A_BATCH}
        fresh = _claimable(models).filter(attempts=0, **same).exclude(pk=first.pk)
        images += fresh.order_by("ready_at", "pk")[: batch_size - 1]
    Image.objects.filter(pk__in=[image.pk for image in images]).update(
        state=ImageState.LEASED,
        lease_until=Now() + timedelta(seconds=lease_seconds),
        fence=F("fence") + 1,
        attempts=F("attempts") + 1,
        worker=worker,
    )
    return [Claim(image_id=image.pk, run_id=image.run_id, fence=image.fence + 1) for image in images]


def extend_leases(claims: Sequence[Claim], *, lease_seconds: float) -> int:
    """A worker's heartbeat. Returns how many of the claims it still holds."""
    if not claims:
        return 0
    return _held(claims).update(lease_until=Now() + timedelta(seconds=lease_seconds))


@transaction.atomic
def complete_image(claim: Claim, *, staged: storage.StagedImage, result: ImageResult) -> bool:
    """Publishes the files, then the row as DONE with its word maps. False, no change, if the claim is lost.

    The row stays locked from the look at the fence to the commit, so no other worker's files can come in
    between. A kill after the files and before the row leaves files that the next attempt overwrites.
    """
    image = _held([claim]).select_for_update().first()
    if image is None:
        storage.discard(staged)
        return False
    storage.publish(staged)
    _held([claim]).update(
        state=ImageState.DONE,
        lease_until=None,
        failure="",
        file=staged.name,
        file_sha256=staged.sha256,
        maps_file=staged.maps_name,
        maps_sha256=staged.maps_sha256,
        safety_verdict=result.safety_verdict,
        versions=result.versions,
        seconds=result.seconds,
        generated_at=Now(),
    )
    WordMap.objects.bulk_create(
        WordMap(image_id=claim.image_id, word_id=word_id, seen_by_model=peak is not None, peak=peak)
        for word_id, peak in result.peaks.items()
    )
    run = image.run
    if run.explored and any(peak is not None for peak in result.peaks.values()):
        MapRequest.objects.create(
            project_id=run.prompt_set.project_id,
            asked_by_id=run.owner_id,
            kind=MapRequestKind.EXPLORE,
            image_id=image.pk,
            model_id=run.model_id,
            model_revision=run.model_revision,
            levels=EXPLORED_LEVELS,
            seed=image.seed,
        )
    return True


def fail_image(claim: Claim, *, reason: str, wait_seconds: float = 0) -> bool:
    """The attempt failed: the image waits at the end of the queue, or is dead after its last attempt.

    wait_seconds: how long no worker takes it. False, and nothing changed, if the claim is lost.
    """
    last = _held([claim]).filter(attempts__gte=MAX_ATTEMPTS)
    if last.update(state=ImageState.DEAD, lease_until=None, failure=reason):
        return True
    again = _held([claim]).update(
        state=ImageState.READY,
        lease_until=None,
        failure=reason,
        ready_at=Now() + timedelta(seconds=wait_seconds),
    )
    return again == 1


def hand_back(claim: Claim, *, reason: str = "", wait_seconds: float = 0) -> bool:
    """The image waits again and the attempt is not counted: the worker stops, or its disk is full.

    wait_seconds: how long no worker takes it. False, and nothing changed, if the claim is lost.
    """
    handed = _held([claim]).update(
        state=ImageState.READY,
        lease_until=None,
        attempts=F("attempts") - 1,
        failure=reason,
        ready_at=Now() + timedelta(seconds=wait_seconds),
    )
    return handed == 1


def bury_abandoned() -> int:
    """Images whose last allowed worker vanished become dead with a reason. Returns how many."""
    return Image.objects.filter(
        state=ImageState.LEASED, lease_until__lt=Now(), attempts__gte=MAX_ATTEMPTS
    ).update(state=ImageState.DEAD, lease_until=None, failure=WORKER_DIED.format(attempts=MAX_ATTEMPTS))


def _claimable(models: Sequence[ModelPin]) -> ImageQuerySet:
    runnable = Q()
    for pin in models:
        runnable |= Q(run__model_id=pin.model_id, run__model_revision=pin.revision)
    if not runnable:
        return Image.objects.none()
    waiting = Q(state=ImageState.READY, ready_at__lte=Now())
    abandoned = Q(state=ImageState.LEASED, lease_until__lt=Now(), attempts__lt=MAX_ATTEMPTS)
    return Image.objects.filter(runnable, waiting | abandoned, run__state=RunState.QUEUED).select_for_update(
        skip_locked=True, of=("self",)
    )


def _held(claims: Sequence[Claim]) -> ImageQuerySet:
    held = Q()
    for claim in claims:
        held |= Q(pk=claim.image_id, fence=claim.fence)
    return Image.objects.filter(held, state=ImageState.LEASED)
