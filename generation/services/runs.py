"""Starting runs and steering them. Each move is a conditional update, recorded with it in one transaction.

Nothing moved means that somebody was first, or that the run is finished.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from generation.choices import ImageState, RunActKind, RunState
from generation.fingerprints import revision_of
from generation.limits import refusal
from generation.models import Image, Prompt, PromptSet, Run, RunAct
from generation.registry import GenerationSettings, ModelSpec

ROWS_AT_ONCE = 2000


class RunRefused(ValueError):  # noqa: N818 (an outcome that the page shows, not a malfunction)
    """The run can't be made; the message says why and what to change."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """What a run is made of. Image i (from 0) of each prompt uses seed first_seed + i.

    explored: whether every image's maps are also taken apart.
    """

    name: str
    prompt_set: PromptSet
    model: ModelSpec
    settings: GenerationSettings
    images_per_prompt: int = 1
    first_seed: int = 0
    explored: bool = False


@transaction.atomic
def create_run(owner: User, spec: RunSpec) -> Run:
    """A new run with one waiting image per prompt and seed. Raises RunRefused, FingerprintError."""
    prompt_ids = list(
        Prompt.objects.filter(prompt_set=spec.prompt_set).order_by("row_number").values_list("pk", flat=True)
    )
    reason = spec.model.refusal(spec.settings)
    reason = reason or refusal(spec.settings, images=len(prompt_ids) * spec.images_per_prompt)
    if reason:
        raise RunRefused(reason)
    run = Run.objects.create(
        owner=owner,
        prompt_set=spec.prompt_set,
        name=spec.name,
        model_id=spec.model.id,
        model_revision=revision_of(spec.model),
        scheduler=spec.settings.scheduler,
        steps=spec.settings.steps,
        guidance=spec.settings.guidance,
        height=spec.settings.height,
        width=spec.settings.width,
        negative_prompt=spec.settings.negative_prompt,
        images_per_prompt=spec.images_per_prompt,
        first_seed=spec.first_seed,
        explored=spec.explored,
    )
    Image.objects.bulk_create(
        [
            Image(run=run, prompt_id=prompt_id, seed=spec.first_seed + number)
            for prompt_id in prompt_ids
            for number in range(spec.images_per_prompt)
        ],
        batch_size=ROWS_AT_ONCE,
    )
    RunAct.objects.create(run=run, actor=owner, act=RunActKind.STARTED)
    return run


def pause_run(run: Run, *, actor: User | None = None) -> bool:
    """Workers take no more images of this run and finish those they hold. False if it was not generating."""
    return _move(run, sources=[RunState.QUEUED], target=RunState.PAUSED, act=RunActKind.PAUSED, actor=actor)


def resume_run(run: Run, *, actor: User | None = None) -> bool:
    """Workers take its images again. False if it was not paused."""
    return _move(run, sources=[RunState.PAUSED], target=RunState.QUEUED, act=RunActKind.RESUMED, actor=actor)


def cancel_run(run: Run, *, actor: User | None = None) -> bool:
    """Nothing more is generated, for good; finished images stay.

    False if it was cancelled already, or finished: there is nothing to cancel, and its failed images can
    still be tried again.
    """
    return _move(
        run,
        sources=[RunState.QUEUED, RunState.PAUSED],
        target=RunState.CANCELLED,
        act=RunActKind.CANCELLED,
        actor=actor,
    )


@transaction.atomic
def retry_failed(run: Run, *, actor: User | None = None) -> int:
    """Failed images wait again with all their attempts. Returns how many."""
    images = Image.objects.filter(
        run=run, run__state__in=[RunState.QUEUED, RunState.PAUSED], state=ImageState.DEAD
    ).update(state=ImageState.READY, attempts=0, failure="", ready_at=Now())
    if images:
        RunAct.objects.create(run=run, actor=actor, act=RunActKind.RETRIED, images=images)
    return images


@transaction.atomic
def _move(
    run: Run, *, sources: Sequence[RunState], target: RunState, act: RunActKind, actor: User | None
) -> bool:
    """Whether the run went from one of the sources to the target, recorded with who did it.

    A finished run is neither paused nor cancelled.
    """
    rows = Run.objects.filter(pk=run.pk, state__in=sources)
    if target != RunState.QUEUED:
        unfinished = Image.objects.filter(run=OuterRef("pk"), state__in=[ImageState.READY, ImageState.LEASED])
        rows = rows.filter(Exists(unfinished))
    moved = rows.update(state=target)
    if moved == 1:
        run.state = target
        RunAct.objects.create(run=run, actor=actor, act=act)
    return moved == 1
