"""Where Django and torch meet, and the only place: images are claimed, generated and completed here."""

import gc
import io
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np
import PIL.Image
import torch
from diffusers.utils import logging as diffusers_logging
from django.conf import settings
from django.db import DatabaseError, connection
from transformers.utils import logging as transformers_logging

from common.full_disk import is_full_disk
from generation import map_jobs, pipelines, registry, storage
from generation.attribution.concepts import ConceptList
from generation.attribution.own_image import PictureInformation
from generation.attribution.relevance import HeadRelevance
from generation.choices import SafetyVerdict
from generation.fingerprints import FingerprintError, revision_of
from generation.heartbeat import Heartbeat
from generation.models import Image, Run
from generation.services.images import (
    Claim,
    ImageResult,
    ModelPin,
    claim_images,
    complete_image,
    extend_leases,
    fail_image,
    hand_back,
)
from generation.threads import threads_for
from generation.tuning import tuning_for
from generation.writer import Writer

logger = logging.getLogger(__name__)

MORE_MEMORY: Final = "Free memory or make smaller images."
NO_SPACE: Final = "No space left on the media disk. Free some; the image is tried again by itself."
WAIT_FOR_DISK_SECONDS: Final = 30
WAIT_FOR_MODEL_SECONDS: Final = 15
REASON_CHARACTERS: Final = 500


@dataclass(frozen=True, kw_only=True)
class Job:
    """One claimed image with what the pipeline needs to know about it."""

    claim: Claim
    image: Image
    request: pipelines.GenerationRequest
    word_ids: dict[int, int]


@dataclass(kw_only=True)
class Worker:
    """Claims images, generates them in batches, keeps each model it has loaded warm."""

    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    device: str = field(default_factory=lambda: choose_device(settings.GENERATION_DEVICE))
    batch_size: int = field(default_factory=lambda: settings.GENERATION_BATCH_SIZE)
    lease_seconds: float = field(default_factory=lambda: settings.GENERATION_LEASE_SECONDS)
    hard_limit_seconds: float = field(default_factory=lambda: settings.GENERATION_HARD_LIMIT_SECONDS)
    _warm: dict[ModelPin, Any] = field(default_factory=dict)
    # Images at once that there was memory for, where there once was too little: (model, height, width) -> n.
    _fitting: dict[tuple[ModelPin, int, int], int] = field(default_factory=dict)

    def drain(self, *, should_stop: Callable[[], bool] = lambda: False) -> int:
        """Works until nothing can be claimed, or, between batches, asked to stop. Returns images claimed.

        Between two batches it answers one question about a picture, so that neither waits for all of the
        others. Files are written while the next batch is computed; when this returns, all are.
        """
        claimed = 0
        # Two batches wait at most: one is being written, one has just been made.
        with Writer(room=2 * self.batch_size, at_end=_close_connection) as writer:
            while not should_stop():
                models = list(runnable_models())
                claims = claim_images(
                    self.name, models=models, batch_size=self.batch_size, lease_seconds=self.lease_seconds
                )
                if claims:
                    claimed += len(claims)
                    self._work(claims, writer, should_stop=should_stop)
                if not self._answer(models, should_stop=should_stop) and not claims:
                    break
        # Images that were just written may have brought questions with them.
        while self._answer(list(runnable_models()), should_stop=should_stop):
            pass
        return claimed

    def _answer(self, models: Sequence[ModelPin], *, should_stop: Callable[[], bool]) -> bool:
        return not should_stop() and map_jobs.answer_one(
            self.name, models=models, lease_seconds=self.lease_seconds, engine=self._engine()
        )

    def _work(self, claims: Sequence[Claim], writer: Writer, *, should_stop: Callable[[], bool]) -> None:
        """Each of the claims is completed, failed or handed back when the writer is done.

        claims: of one model, size and settings, maybe of several runs.
        """
        leases = Heartbeat(
            lambda: extend_leases(claims, lease_seconds=self.lease_seconds),
            lease_seconds=self.lease_seconds,
            hard_limit_seconds=self.hard_limit_seconds,
        )
        with ExitStack() as held:
            held.enter_context(leases)
            jobs = _jobs(claims)
            try:
                pipeline = self._pipeline(jobs[0].image)
            except Exception as error:
                logger.exception("model %s could not be loaded", jobs[0].image.run.model_id)
                for claim in claims:
                    fail_image(
                        claim,
                        reason=_short(f"The model could not be loaded: {error}"),
                        wait_seconds=WAIT_FOR_MODEL_SECONDS,
                    )
                return
            most = self._fitting.get(_size(jobs[0].image), len(jobs))
            for start in range(0, len(jobs), most):
                self._attempt(pipeline, jobs[start : start + most], writer, should_stop)
            # The leases are kept until the last file is written.
            writer.put(held.pop_all().close)

    def _attempt(
        self, pipeline: Any, jobs: Sequence[Job], writer: Writer, should_stop: Callable[[], bool]
    ) -> None:
        """Generates the jobs as one batch; a batch that fails is tried again in halves or one by one."""
        if should_stop():
            for job in jobs:
                hand_back(job.claim)
            return
        run = jobs[0].image.run
        _take_threads(run)
        begun = time.monotonic()
        try:
            made = pipelines.generate(
                pipeline, requests=[job.request for job in jobs], settings=_settings(jobs[0].image)
            )
        except Exception as error:
            out_of_memory = is_out_of_memory(error)
            problem = (
                f"Out of memory at {run.width} x {run.height} pixels, batch {len(jobs)}. {MORE_MEMORY}"
                if out_of_memory
                else problem_of(error)
            )
            logger.warning("batch of %s failed: %s", len(jobs), problem, exc_info=not out_of_memory)
        else:
            seconds = (time.monotonic() - begun) / len(jobs)
            for job, image in zip(jobs, made, strict=True):
                writer.put(partial(_save, job, image, seconds=seconds))
            return
        # Outside the except block: its traceback would keep the failed batch's memory alive.
        if out_of_memory:
            free_memory()
        if len(jobs) == 1:
            fail_image(jobs[0].claim, reason=_short(problem))
            return
        part = len(jobs) // 2 if out_of_memory else 1
        if out_of_memory:
            self._fitting[_size(jobs[0].image)] = part
        for start in range(0, len(jobs), part):
            self._attempt(pipeline, jobs[start : start + part], writer, should_stop)

    def _pipeline(self, image: Image) -> Any:
        return self._warmed(_size(image)[0])

    def _warmed(self, pin: ModelPin) -> Any:
        if pin not in self._warm:
            spec = registry.get(pin.model_id)
            tuning = tuning_for(
                self.device,
                precision=spec.precision,
                channels_last=settings.GENERATION_CHANNELS_LAST,
                compiled=settings.GENERATION_COMPILE,
            )
            self._warm[pin] = pipelines.load(spec, device=self.device, tuning=tuning)
        return self._warm[pin]

    def _engine(self) -> map_jobs.Engine:
        return map_jobs.Engine(
            load=self._warmed, explore=_explore, inform=pipelines.inform_about, say=problem_of
        )


def runnable_models() -> Sequence[ModelPin]:
    """The allow-listed models whose files are here or can be fetched, with their exact revisions."""
    pins = []
    for spec in registry.available():
        try:
            pins.append(ModelPin(model_id=spec.id, revision=revision_of(spec)))
        except FingerprintError as error:
            logger.debug("%s", error)
    return pins


def silence_progress_bars() -> None:
    """Keeps the libraries' progress bars out of the worker's log."""
    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()


def explore_image(image: Image, *, levels: int) -> int:
    """Draws a done image again and stores its words' maps of every step, layer and method.

    levels: noise levels of the information maps.  Returns the drift, see storage.StoredExploration.
    Raises LookupError for a model that is no longer here as it was.
    """
    pin = ModelPin(model_id=image.run.model_id, revision=image.run.model_revision)
    if pin not in runnable_models():
        raise LookupError(f"model {pin.model_id} is not here in revision {pin.revision}; install it again")
    spec = registry.get(pin.model_id)
    heads = map_jobs.heads_of(image, spec, concepts={})
    pipeline = pipelines.load(spec, device=choose_device(settings.GENERATION_DEVICE))
    found = _explore(pipeline, image, levels=levels, heads=heads)
    words, drift = map_jobs.explored(image, found, heads=heads)
    storage.write_exploration(image, words)
    return drift


def count_heads(
    spec: registry.ModelSpec, *, concepts: ConceptList, prompts: Sequence[str], seeds: Sequence[int]
) -> HeadRelevance:
    """Head relevance vectors of a model, on this worker's device. The first seed also draws the words."""
    pipeline = pipelines.load(spec, device=choose_device(settings.GENERATION_DEVICE))
    return pipelines.count_heads(
        pipeline, concepts=concepts, prompts=prompts, seeds=seeds, settings=spec.defaults
    )


def name_heads(
    spec: registry.ModelSpec, array: np.ndarray, *, concepts: Sequence[str], origin: Mapping[str, str]
) -> HeadRelevance:
    """See pipelines.name_heads."""
    return pipelines.name_heads(pipelines.load(spec, device="cpu"), array, concepts=concepts, origin=origin)


def inform_about(spec: registry.ModelSpec, **asked: Any) -> PictureInformation:
    """See pipelines.inform_about; on this worker's device, of as many pixels as the model's own images."""
    pipeline = pipelines.load(spec, device=choose_device(settings.GENERATION_DEVICE))
    pixels = spec.defaults.height * spec.defaults.width
    return pipelines.inform_about(pipeline, pixels=pixels, **asked)


def choose_device(wish: str) -> str:
    """The torch device to work on: the wish, or for "auto" the GPU where there is one."""
    if wish != "auto":
        return wish
    return "cuda" if torch.cuda.is_available() else "cpu"


def is_out_of_memory(error: Exception) -> bool:
    """Whether a smaller batch may do better. On a CPU torch raises a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def problem_of(error: Exception) -> str:
    """Why something could not be made, in words for its page."""
    if is_out_of_memory(error):
        free_memory()
        return f"Out of memory. {MORE_MEMORY}"
    return f"{type(error).__name__}: {error}"


def free_memory() -> None:
    """Gives back what the failed batch held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _jobs(claims: Sequence[Claim]) -> list[Job]:
    images = (
        Image.objects.filter(pk__in=[claim.image_id for claim in claims])
        .select_related("run", "prompt")
        .prefetch_related("prompt__words")
        .in_bulk()
    )
    return [_job(claim, images[claim.image_id]) for claim in claims]


def _explore(pipeline: Any, image: Image, **asked: Any) -> pipelines.Exploration:
    job = _job(Claim(image_id=image.pk, run_id=image.run_id, fence=image.fence), image)
    _take_threads(image.run)
    return pipelines.explore(pipeline, request=job.request, settings=_settings(image), **asked)


def _job(claim: Claim, image: Image) -> Job:
    words = list(image.prompt.words.all())
    spans = tuple(
        pipelines.WordSpan(position=word.position, text=word.text, start=word.start, end=word.end)
        for word in words
    )
    return Job(
        claim=claim,
        image=image,
        request=pipelines.GenerationRequest(prompt=image.prompt.text, seed=image.seed, words=spans),
        word_ids={word.position: word.pk for word in words},
    )


def _close_connection() -> None:
    # Not a reference to connection.close: that would be the one of the thread that looks it up.
    connection.close()


def _take_threads(run: Run) -> None:
    threads = threads_for(height=run.height, width=run.width, wish=settings.GENERATION_THREADS)
    if threads is not None and threads != torch.get_num_threads():
        torch.set_num_threads(threads)


def _size(image: Image) -> tuple[ModelPin, int, int]:
    """What decides how much memory an image needs."""
    run = image.run
    return ModelPin(model_id=run.model_id, revision=run.model_revision), run.height, run.width


def _settings(image: Image) -> pipelines.GenerationSettings:
    run = image.run
    return pipelines.GenerationSettings(
        steps=run.steps,
        guidance=run.guidance,
        scheduler=run.scheduler,
        height=run.height,
        width=run.width,
        negative_prompt=run.negative_prompt,
    )


def _save(job: Job, made: pipelines.GeneratedImage, *, seconds: float) -> None:
    """The image ends completed; or handed back where the disk is full; or failed where it can't be stored."""
    try:
        _complete(job, made, seconds=seconds)
    except DatabaseError:
        # The lease runs out and the image is made again: nothing to write to the database that is away.
        raise
    except Exception as error:
        if is_full_disk(error):
            logger.warning("no space left for image %s", job.claim.image_id)
            hand_back(job.claim, reason=NO_SPACE, wait_seconds=WAIT_FOR_DISK_SECONDS)
        else:
            logger.exception("image %s could not be stored", job.claim.image_id)
            fail_image(job.claim, reason=_short(f"Could not be stored: {type(error).__name__}: {error}"))


def _complete(job: Job, made: pipelines.GeneratedImage, *, seconds: float) -> None:
    result = ImageResult(
        safety_verdict=SafetyVerdict(made.safety_verdict),
        versions=made.versions,
        seconds=seconds,
        peaks={
            word_id: float(made.word_maps[position].max()) if position in made.word_maps else None
            for position, word_id in job.word_ids.items()
        },
    )
    staged = storage.stage_image(
        job.claim.image_id, run_id=job.claim.run_id, png=_png(made.image), word_maps=made.word_maps
    )
    if not complete_image(job.claim, staged=staged, result=result):
        logger.warning("image %s was taken over; this result is refused", job.claim.image_id)


def _png(image: PIL.Image.Image) -> bytes:
    # A new image from the pixels: nothing that the pipeline may have noted in it (prompt, seed) reaches a
    # rater.
    plain = PIL.Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    buffer = io.BytesIO()
    plain.save(buffer, "PNG")
    return buffer.getvalue()


def _short(reason: str) -> str:
    return reason[:REASON_CHARACTERS]
