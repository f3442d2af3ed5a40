"""Questions about pictures that workers answer: asked, claimed with a lease, answered under their fence.

As with images, the clock is the database's, and a worker that was given up for dead changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from common import whole_files
from generation import picture_storage
from generation.choices import ImageState, MapRequestKind, MapRequestState
from generation.fingerprints import revision_of
from generation.models import Image, MapRequest, Project
from generation.models.map_requests import MapRequestQuerySet
from generation.registry import ModelSpec
from generation.services.images import MAX_ATTEMPTS, WORKER_DIED, ModelPin

# So that nobody fills the workers' table alone.
MOST_OPEN: Final = 200
USUAL_LEVELS: Final = 32
OPEN: Final = (MapRequestState.READY, MapRequestState.LEASED)


class MapRequestRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was asked; the message says why and what to do instead."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A picture and what to ask about it. png: our own encoding.  image: of a run, where it is one's.

    concepts: whose heads speak for a word, by its position, where somebody chose; "" for none.
    """

    png: bytes
    caption: str
    others: tuple[str, ...] = ()
    levels: int
    seed: int = 0
    image: Image | None = None
    concepts: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class MapClaim:
    """The right to answer one request, as long as no later claim has raised the fence."""

    request_id: int
    fence: int


@transaction.atomic
def ask_information(user: User, project: Project, question: Question, *, model: ModelSpec) -> MapRequest:
    """A question that waits for a worker. Raises MapRequestRefused, FingerprintError, OSError (disk full)."""
    waiting = MapRequest.objects.filter(project=project, kind=MapRequestKind.INFORM, state__in=OPEN).count()
    if waiting >= MOST_OPEN:
        raise MapRequestRefused(
            f"{waiting} questions of this project wait already. Come back when some are answered."
        )
    if model.is_flow:
        raise MapRequestRefused(
            f"{model.id} was trained by flow matching, without noise levels to ask at. Choose another model."
        )
    asked = MapRequest.objects.create(
        project=project,
        asked_by=user,
        kind=MapRequestKind.INFORM,
        image=question.image,
        model_id=model.id,
        model_revision=revision_of(model),
        caption=question.caption,
        others=list(question.others),
        concepts=_by_text(question.concepts),
        levels=question.levels,
        seed=question.seed,
        picture_sha256=sha256(question.png).hexdigest(),
    )
    picture_storage.write_picture(asked.pk, question.png)
    return asked


@transaction.atomic
def ask_exploration(
    image: Image, *, user: User, concepts: Mapping[int, str] | None = None, levels: int = USUAL_LEVELS
) -> MapRequest:
    """The image's maps will be taken apart; what was asked of it before gives way.

    concepts: chosen ones by word position, "" for none.  Raises MapRequestRefused.
    """
    locked = Image.objects.select_for_update(of=("self",)).select_related("run__prompt_set").get(pk=image.pk)
    if locked.state != ImageState.DONE:
        raise MapRequestRefused("The image is not finished yet. Come back when it is.")
    if not locked.word_maps.filter(seen_by_model=True).exists():
        raise MapRequestRefused("This image has no word maps that could be taken apart.")
    MapRequest.objects.filter(image=locked, kind=MapRequestKind.EXPLORE).delete()
    return MapRequest.objects.create(
        project_id=locked.run.prompt_set.project_id,
        asked_by=user,
        kind=MapRequestKind.EXPLORE,
        image=locked,
        model_id=locked.run.model_id,
        model_revision=locked.run.model_revision,
        concepts=_by_text(concepts or {}),
        levels=levels,
        seed=locked.seed,
    )


def ask_again(request: MapRequest) -> bool:
    """A failed request waits again with all its attempts. False where it has not failed."""
    again = MapRequest.objects.filter(pk=request.pk, state=MapRequestState.DEAD).update(
        state=MapRequestState.READY, attempts=0, percent=0, failure="", ready_at=Now()
    )
    return again == 1


def delete_request(request: MapRequest) -> None:
    """The question goes with its picture and its maps; a worker that still works at it finds no row."""
    with transaction.atomic():
        MapRequest.objects.filter(pk=request.pk).delete()
        transaction.on_commit(lambda: picture_storage.delete(request.pk))


@transaction.atomic
def claim_request(worker: str, *, models: Sequence[ModelPin], lease_seconds: float) -> MapClaim | None:
    """The longest waiting request that this worker can answer, leased to it; None where none waits."""
    MapRequest.objects.filter(
        state=MapRequestState.LEASED, lease_until__lt=Now(), attempts__gte=MAX_ATTEMPTS
    ).update(state=MapRequestState.DEAD, lease_until=None, failure=WORKER_DIED.format(attempts=MAX_ATTEMPTS))
    runnable = Q()
    for pin in models:
        runnable |= Q(model_id=pin.model_id, model_revision=pin.revision)
    if not runnable:
        return None
    waiting = Q(state=MapRequestState.READY, ready_at__lte=Now())
    abandoned = Q(state=MapRequestState.LEASED, lease_until__lt=Now(), attempts__lt=MAX_ATTEMPTS)
    rows = MapRequest.objects.filter(runnable, waiting | abandoned).select_for_update(skip_locked=True)
    found = rows.order_by("ready_at", "pk").first()
    if found is None:
        return None
    MapRequest.objects.filter(pk=found.pk).update(
        state=MapRequestState.LEASED,
        lease_until=Now() + timedelta(seconds=lease_seconds),
        fence=F("fence") + 1,
        attempts=F("attempts") + 1,
        worker=worker,
        percent=0,
    )
    return MapClaim(request_id=found.pk, fence=found.fence + 1)


def extend_lease(claim: MapClaim, *, lease_seconds: float) -> int:
    """A worker's heartbeat. Returns 1 while the claim is held, else 0."""
    return _held(claim).update(lease_until=Now() + timedelta(seconds=lease_seconds))


def report_progress(claim: MapClaim, *, percent: int) -> None:
    """How much is done, for the page."""
    _held(claim).update(percent=percent)


@transaction.atomic
def answer_information(claim: MapClaim, *, content: bytes, result: Mapping[str, Any], seconds: float) -> bool:
    """Publishes the maps file, then the answer. False, and nothing changed, if the claim is lost."""
    path = picture_storage.maps_path(claim.request_id)
    staged = whole_files.stage(path, content)
    if _held(claim).select_for_update().first() is None:
        staged.unlink(missing_ok=True)
        return False
    whole_files.publish(staged, path)
    digest = sha256(content).hexdigest()
    return _finish(claim, result=result, seconds=seconds, maps_sha256=digest)


@transaction.atomic
def answer_exploration(
    claim: MapClaim, *, write: Callable[[], None], result: Mapping[str, Any], seconds: float
) -> bool:
    """Writes the image's maps taken apart, then the answer. False, nothing written, if the claim is lost."""
    if _held(claim).select_for_update().first() is None:
        return False
    write()
    return _finish(claim, result=result, seconds=seconds, maps_sha256="")


def fail_request(claim: MapClaim, *, reason: str, is_final: bool = False) -> bool:
    """The attempt failed: it waits again, or is dead after its last one or, is_final, at once."""
    last = _held(claim) if is_final else _held(claim).filter(attempts__gte=MAX_ATTEMPTS)
    if last.update(state=MapRequestState.DEAD, lease_until=None, failure=reason):
        return True
    again = _held(claim).update(state=MapRequestState.READY, lease_until=None, failure=reason, ready_at=Now())
    return again == 1


def _by_text(concepts: Mapping[int, str]) -> dict[str, str]:
    """As JSON has them: keys of objects are text."""
    return {str(position): concept for position, concept in concepts.items()}


def _finish(claim: MapClaim, *, result: Mapping[str, Any], seconds: float, maps_sha256: str) -> bool:
    done = _held(claim).update(
        state=MapRequestState.DONE,
        lease_until=None,
        failure="",
        percent=100,
        result=dict(result),
        maps_sha256=maps_sha256,
        seconds=seconds,
        answered_at=Now(),
    )
    return done == 1


def _held(claim: MapClaim) -> MapRequestQuerySet:
    return MapRequest.objects.filter(pk=claim.request_id, fence=claim.fence, state=MapRequestState.LEASED)
