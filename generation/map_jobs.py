"""Answers what was asked beyond the maps of a run, with a pipeline that the worker hands in; no torch."""

import io
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import PIL.Image
from django.conf import settings
from django.db import DatabaseError

from generation import picture_storage, registry, storage
from generation.attribution.chosen_heads import ChosenHeads
from generation.attribution.words import folded, split_words
from generation.choices import MapRequestKind
from generation.head_vectors import CaptionWord, chosen_heads
from generation.heartbeat import Heartbeat
from generation.models import Image, MapRequest
from generation.services import map_requests
from generation.services.images import ModelPin
from generation.services.map_requests import MapClaim

logger = logging.getLogger(__name__)

REPORT_EVERY_SECONDS: Final = 1.0
REASON_CHARACTERS: Final = 500
NATS_IN_A_BIT: Final = math.log(2)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What the worker lends. load: the pipeline of a model, kept warm.  say: an error in words.

    explore(pipeline, image, levels=, heads=, after_level=), inform(pipeline, pixels=, picture=, caption=,
    others=, levels=, seed=, after_level=): see generation.pipelines.
    """

    load: Callable[[ModelPin], Any]
    explore: Callable[..., Any]
    inform: Callable[..., Any]
    say: Callable[[Exception], str]


@dataclass(kw_only=True)
class Progress:
    """Tells the row how many levels are done, at most once a second."""

    claim: MapClaim
    levels: int
    _told: float = field(default_factory=time.monotonic)

    def __call__(self, done: int) -> None:
        """done: levels so far."""
        if time.monotonic() - self._told > REPORT_EVERY_SECONDS:
            self._told = time.monotonic()
            map_requests.report_progress(self.claim, percent=min(99, 100 * done // self.levels))


def answer_one(worker: str, *, models: Sequence[ModelPin], lease_seconds: float, engine: Engine) -> bool:
    """Answers the longest waiting request, or fails it with its reason. False where none waits."""
    claim = map_requests.claim_request(worker, models=models, lease_seconds=lease_seconds)
    if claim is None:
        return False
    leases = Heartbeat(
        lambda: map_requests.extend_lease(claim, lease_seconds=lease_seconds),
        lease_seconds=lease_seconds,
        hard_limit_seconds=settings.GENERATION_HARD_LIMIT_SECONDS,
    )
    with ExitStack() as held:
        held.enter_context(leases)
        request = MapRequest.objects.select_related("image__run", "image__prompt").get(pk=claim.request_id)
        begun = time.monotonic()
        try:
            pipeline = engine.load(ModelPin(model_id=request.model_id, revision=request.model_revision))
            answer = _explore if request.kind == MapRequestKind.EXPLORE else _inform
            kept = answer(claim, request, pipeline, engine, begun=begun)
        except DatabaseError:
            # The lease runs out and it is answered again: nothing to write to a database that is away.
            raise
        except Exception as error:
            logger.warning("request %s failed", request.pk, exc_info=True)
            # What is wrong with the question itself does not get better by asking again.
            is_final = isinstance(error, ValueError | TypeError | LookupError)
            map_requests.fail_request(claim, reason=engine.say(error)[:REASON_CHARACTERS], is_final=is_final)
            return True
    if not kept:
        logger.warning("request %s was taken over or deleted; this answer is refused", claim.request_id)
    return True


def explored(
    image: Image, found: Any, *, heads: Mapping[int, ChosenHeads]
) -> tuple[dict[int, storage.StoredExploration], int]:
    """The maps as they are stored, by word position, and the drift; found: a pipelines.Exploration."""
    with PIL.Image.open(io.BytesIO(storage.read_png(image)), formats=["PNG"]) as stored:
        apart = np.abs(np.asarray(stored, dtype=np.int64) - np.asarray(found.image.convert("RGB")))
    drift = int(apart.max())
    words = {
        position: storage.StoredExploration(
            layers=found.layers,
            methods=tuple(word.methods),
            drift=drift,
            steps=word.steps,
            by_layer=word.layers,
            by_method=np.stack(list(word.methods.values())),
            concept=heads[position].concept,
            note=heads[position].note,
        )
        for position, word in found.words.items()
    }
    return words, drift


def heads_of(
    image: Image, spec: registry.ModelSpec, *, concepts: Mapping[str, str]
) -> dict[int, ChosenHeads]:
    """By word position, the heads that speak for the word. concepts: chosen by somebody, by position.

    Vectors that can't be used cost only the maps of chosen heads: each word's note says why.
    """
    words = [
        CaptionWord(position=word.position, text=word.text, lemma=word.lemma)
        for word in image.prompt.words.all()
    ]
    return chosen_heads(words, spec, concepts=concepts)


def heads_of_caption(request: MapRequest) -> dict[int, ChosenHeads]:
    """The same for the words of a question's caption.

    A caption has no lemmas; words that also stand in the prompt of the question's image take theirs from it.
    """
    lemmas = {}
    if request.image is not None:
        lemmas = {folded(word.text): word.lemma for word in request.image.prompt.words.all()}
    words = [
        CaptionWord(position=word.position, text=word.text, lemma=lemmas.get(folded(word.text), ""))
        for word in split_words(request.caption)
    ]
    return chosen_heads(words, registry.get(request.model_id), concepts=request.concepts)


def _explore(claim: MapClaim, request: MapRequest, pipeline: Any, engine: Engine, *, begun: float) -> bool:
    image = request.image
    if image is None:
        raise LookupError("the image is gone")
    heads = heads_of(image, registry.get(request.model_id), concepts=request.concepts)
    after_level = Progress(claim=claim, levels=request.levels)
    found = engine.explore(pipeline, image, levels=request.levels, heads=heads, after_level=after_level)
    words, drift = explored(image, found, heads=heads)
    if not words:
        raise ValueError("no word of this prompt is read by the model: there is nothing to take apart")
    return map_requests.answer_exploration(
        claim,
        write=lambda: storage.write_exploration(image, words),
        result={"drift": drift},
        seconds=time.monotonic() - begun,
    )


def _inform(claim: MapClaim, request: MapRequest, pipeline: Any, engine: Engine, *, begun: float) -> bool:
    png = picture_storage.read_picture(request.pk, digest=request.picture_sha256)
    with PIL.Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        found = engine.inform(
            pipeline,
            pixels=_pixels_read(request),
            picture=picture,
            caption=request.caption,
            others=request.others,
            levels=request.levels,
            seed=request.seed,
            heads=heads_of_caption(request),
            after_level=Progress(claim=claim, levels=request.levels),
        )
        given_hw = picture.height, picture.width
    # Told in bits, stored in nats; attention has no unit.
    units = {"attention": 1.0, "mi": NATS_IN_A_BIT, "cmi": NATS_IN_A_BIT}
    maps = {
        kind: {each.word.position: getattr(each, kind) * unit for each in found.words}
        for kind, unit in units.items()
    } | {
        kind: {each.word.position: each.by_heads[name] for each in found.words if name in each.by_heads}
        for kind, name in picture_storage.HEAD_KINDS.items()
    }
    content = picture_storage.pack(np.asarray(found.picture, dtype=np.uint8), maps)
    return map_requests.answer_information(
        claim,
        content=content,
        result=_result(found) | {"picture_hw": given_hw},
        seconds=time.monotonic() - begun,
    )


def _pixels_read(request: MapRequest) -> int:
    """About how many pixels the model reads: those it made the picture of, or of its own usual images."""
    if request.image is not None and request.image.run.model_id == request.model_id:
        return request.image.run.height * request.image.run.width
    defaults = registry.get(request.model_id).defaults
    return defaults.height * defaults.width


def _result(found: Any) -> dict[str, Any]:
    """Everything but the maps, as JSON. found: an own_image.PictureInformation."""
    return {
        "read_hw": (found.picture.height, found.picture.width),
        "words": [
            {
                "position": each.word.position,
                "text": each.word.text,
                "start": each.word.start,
                "end": each.word.end,
                "nats": _nats(each.bits),
                "nats_error": _nats(each.error),
                "concept": each.heads.concept,
                "note": each.heads.note,
            }
            for each in found.words
        ],
        "unread": [asdict(word) for word in found.unseen],
        "captions": [
            {
                "text": each.text,
                "nats": _nats(each.bits),
                "nats_error": _nats(each.error),
                "unread": [asdict(word) for word in each.unread],
                "same_as": each.same_as,
            }
            for each in found.captions
        ],
    }


def _nats(bits: float) -> float | None:
    """JSON has no NaN: a single level has no standard error."""
    return bits * NATS_IN_A_BIT if math.isfinite(bits) else None
