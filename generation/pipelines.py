"""Loading a diffusion model and making images with word maps in one pass. torch and diffusers; no Django."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    PNDMScheduler,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image

from generation.attribution.chosen_heads import ChosenHeads
from generation.attribution.compiling import compile_parts, why_not
from generation.attribution.concepts import ConceptList
from generation.attribution.denoisers import encode_image, least_side, pixels_per_step
from generation.attribution.exploring import (
    StepSums,
    WordExploration,
    layer_names,
    picture_maps,
    run_maps,
)
from generation.attribution.information import AfterLevel, nothing
from generation.attribution.own_image import PictureInformation, as_read, picture_information
from generation.attribution.relevance import HeadRelevance, from_published
from generation.attribution.relevance_counter import count_relevance, heads_in_call_order
from generation.attribution.tracing import Trace, denoiser_of, trace
from generation.attribution.words import WordSpan, split_words
from generation.registry import GenerationSettings, ModelSpec
from generation.tuning import Tuning, tuning_for

__all__ = [
    "Exploration",
    "GeneratedImage",
    "GenerationRequest",
    "GenerationSettings",
    "WordSpan",
    "count_heads",
    "explore",
    "generate",
    "inform_about",
    "load",
    "name_heads",
]

logger = logging.getLogger(__name__)

# What latent diffusion needs whatever the model folder's own scheduler was: latents are not clipped to [-1,
# 1], and PNDM starts with its multistep rule.
_SCHEDULERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "dpm-solver-multistep": (DPMSolverMultistepScheduler, {}),
    "pndm": (PNDMScheduler, {"skip_prk_steps": True}),
    "ddim": (DDIMScheduler, {"clip_sample": False}),
    "euler": (EulerDiscreteScheduler, {}),
    "flow-match-euler": (FlowMatchEulerDiscreteScheduler, {}),
}
_CLASSES = (StableDiffusionPipeline, StableDiffusionXLPipeline, StableDiffusion3Pipeline, FluxPipeline)


class UnsupportedModelError(ValueError):
    """A model folder that holds another kind of pipeline."""


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """One image to make. words: those whose maps are wanted, as spans of the prompt.

    Raises ValueError where a word's text doesn't stand at its place in the prompt.
    """

    prompt: str
    seed: int
    words: tuple[WordSpan, ...]

    def __post_init__(self) -> None:
        for word in self.words:
            if self.prompt[word.start : word.end] != word.text:
                place = f"{word.start} to {word.end} of {self.prompt!r}"
                raise ValueError(f"{word.text!r} doesn't stand at {place}")


@dataclass(frozen=True, kw_only=True)
class GeneratedImage:
    """One image and what is known about it.

    word_maps: word position -> (height, width) at latent size, float32, raw (mean attention per step, layer
    and head; see attribution.aggregation.paper).
    unseen_words: positions of the words that the model doesn't read, or not whole; they have no map.
    safety_verdict: "passed", "filtered" (the checker blackened the image) or "unchecked" (no checker ran).
    versions: package -> version.
    """

    image: Image.Image
    word_maps: dict[int, np.ndarray]
    unseen_words: frozenset[int]
    safety_verdict: str
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """An image drawn again, and its words' maps taken apart.

    layers: names along the first axis of each word's layers.  words: by word position.
    """

    image: Image.Image
    layers: tuple[str, ...]
    words: dict[int, WordExploration]


def load(spec: ModelSpec, *, device: str, tuning: Tuning | None = None) -> Any:
    """The model's pipeline on a device ("cpu", "cuda", "cuda:1"); in its precision except on a CPU.

    tuning: left out, as tuning_for says of auto. Where it can't be compiled it runs uncompiled.

    Only safetensors files are read and no code that comes with a model is run. Raises UnsupportedModelError
    for anything but Stable Diffusion 1, 2, XL and 3 and Flux, and OSError where files are missing.
    """
    pipeline = DiffusionPipeline.from_pretrained(
        spec.source,
        revision=spec.revision,
        variant=spec.variant,
        local_files_only=spec.is_folder,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32 if device.startswith("cpu") else getattr(torch, spec.precision),
    )
    if not isinstance(pipeline, _CLASSES):
        kinds = ", ".join(kind.__name__ for kind in _CLASSES)
        raise UnsupportedModelError(f"{spec.id} is a {type(pipeline).__name__}; supported are {kinds}")
    pipeline.set_progress_bar_config(disable=True)
    # One image after the other: the decoder needs more memory per image than all steps before it.
    pipeline.vae.enable_slicing()
    tuned = tuning or tuning_for(device, precision=spec.precision, channels_last="auto", compiled="auto")
    if tuned.channels_last:
        for part in (denoiser_of(pipeline), pipeline.vae):
            part.to(memory_format=torch.channels_last)
    pipeline = pipeline.to(device)
    if tuned.compiled:
        if reason := why_not(device):
            logger.warning("%s runs uncompiled: %s", spec.id, reason)
        else:
            compile_parts(pipeline)
    return pipeline


def generate(
    pipeline: Any, *, requests: Sequence[GenerationRequest], settings: GenerationSettings
) -> list[GeneratedImage]:
    """One image per request, made in one batch, each with the maps of its words.

    Each image starts from noise drawn on the CPU from its own seed, so that it depends on its prompt, seed
    and the settings, not on its place in a batch or on the device's generator. (Devices may still round
    differently for different batch sizes.)
    """
    if not requests:
        return []
    with (
        torch.inference_mode(),
        _scheduled(pipeline, settings.scheduler),
        trace(pipeline, words=[request.words for request in requests]) as recording,
    ):
        output = _draw(pipeline, requests, settings)
        maps = _word_maps(recording, requests)
    verdicts = _safety_verdicts(output, len(requests))
    return [
        GeneratedImage(
            image=output.images[index],
            word_maps=maps[index],
            unseen_words=frozenset(word.position for word in request.words) - frozenset(maps[index]),
            safety_verdict=verdicts[index],
            versions=dict(_versions()),
        )
        for index, request in enumerate(requests)
    ]


def explore(
    pipeline: Any,
    *,
    request: GenerationRequest,
    settings: GenerationSettings,
    levels: int,
    heads: Mapping[int, ChosenHeads],
    after_level: AfterLevel = nothing,
) -> Exploration:
    """The request's image once more, with the maps of every step, layer and method.

    levels: noise levels of the information maps, which models of flow matching don't have; after_level is
    told how many are done.  heads: by word position, see run_maps.
    """
    with torch.inference_mode(), _scheduled(pipeline, settings.scheduler):
        with trace(pipeline, words=[request.words], keep="heads") as recording:
            steps = StepSums(recording)
            output = _draw(pipeline, [request], settings, callback_on_step_end=steps.after_step)
            words = run_maps(recording, steps, words=request.words, heads=heads)
            layers = layer_names(recording)
        # Information asks for a trained noise schedule, which models of flow matching don't have.
        if words and hasattr(pipeline.scheduler, "alphas_cumprod"):
            of_picture = picture_maps(
                pipeline,
                latents=encode_image(pipeline, output.images[0]),
                caption=request.prompt,
                words=[word for word in request.words if word.position in words],
                levels=levels,
                seed=request.seed,
                after_level=after_level,
            )
            words = {
                position: replace(word, methods=word.methods | of_picture[position])
                for position, word in words.items()
            }
    return Exploration(image=output.images[0], layers=layers, words=words)


def count_heads(
    pipeline: Any,
    *,
    concepts: ConceptList,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: GenerationSettings,
) -> HeadRelevance:
    """Head relevance vectors over one image of each prompt with each seed. The first seed draws the words."""
    with count_relevance(pipeline, concepts=concepts, seed=seeds[0]) as counter:
        for prompt in prompts:
            requests = [GenerationRequest(prompt=prompt, seed=seed, words=()) for seed in seeds]
            generate(pipeline, requests=requests, settings=settings)
    return counter.relevance()


def name_heads(
    pipeline: Any, array: np.ndarray, *, concepts: Sequence[str], origin: Mapping[str, str]
) -> HeadRelevance:
    """Vectors from a published array, concepts x heads in the order in which the model runs them.

    Raises ValueError where the array doesn't fit, or for a model without a UNet.
    """
    if getattr(pipeline, "unet", None) is None:
        raise ValueError("head relevance vectors are known of models with a UNet only")
    heads = heads_in_call_order(pipeline.unet)
    return from_published(array, concepts=concepts, heads=heads, origin=origin)


def inform_about(
    pipeline: Any,
    *,
    pixels: int,
    picture: Image.Image,
    caption: str,
    others: Sequence[str],
    levels: int,
    seed: int,
    heads: Mapping[int, ChosenHeads] | None = None,
    after_level: AfterLevel = nothing,
) -> PictureInformation:
    """What a caption's words tell a model about any picture, all of it.

    pixels: about how many of them the model reads, see own_image.size_read.  heads: by word position.
    Raises as picture_information does.
    """
    step, least = pixels_per_step(pipeline), least_side(pipeline)
    return picture_information(
        pipeline,
        picture=as_read(picture, pixels=pixels, step=step, least=least),
        caption=caption,
        words=split_words(caption),
        others=others,
        levels=levels,
        seed=seed,
        heads=heads,
        after_level=after_level,
    )


def _draw(
    pipeline: Any, requests: Sequence[GenerationRequest], settings: GenerationSettings, **more: Any
) -> Any:
    """The pipeline's output for the requests. more: further arguments of the pipeline."""
    if settings.negative_prompt:
        if isinstance(pipeline, FluxPipeline):
            raise ValueError("Flux reads no negative prompt; leave it empty")
        more["negative_prompt"] = [settings.negative_prompt] * len(requests)
    return pipeline(
        prompt=[request.prompt for request in requests],
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        height=settings.height,
        width=settings.width,
        generator=[torch.Generator("cpu").manual_seed(request.seed) for request in requests],
        **more,
    )


@contextmanager
def _scheduled(pipeline: Any, name: str) -> Iterator[None]:
    """The pipeline with another scheduler, and its own again afterwards.

    Always made from the model's own configuration: made from the last one's, images would depend on history.
    """
    own = pipeline.scheduler
    scheduler_class, overrides = _SCHEDULERS[name]
    pipeline.scheduler = scheduler_class.from_config(own.config, **overrides)
    try:
        yield
    finally:
        pipeline.scheduler = own


def _word_maps(recording: Trace, requests: Sequence[GenerationRequest]) -> list[dict[int, np.ndarray]]:
    """For each request, the maps of the words that the model reads whole, by word position."""
    selections = [
        {word.position: recording.select(word, image=index) for word in request.words}
        for index, request in enumerate(requests)
    ]
    seen = [{position: found for position, found in each.items() if found.is_seen} for each in selections]
    if not any(seen):
        return [{} for _ in requests]
    token_maps = recording.token_maps().cpu()
    return [
        {position: recording.mean_over(selection, token_maps[index]) for position, selection in words.items()}
        for index, words in enumerate(seen)
    ]


def _safety_verdicts(output: Any, images: int) -> list[str]:
    flags = getattr(output, "nsfw_content_detected", None)
    if flags is None:
        return ["unchecked"] * images
    return ["filtered" if flagged else "passed" for flagged in flags]


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = {name: metadata.version(name) for name in ("torch", "diffusers", "transformers")}
    return tuple({**found, "percept": _own_version()}.items())


def _own_version() -> str:
    project = Path(__file__).parents[1] / "pyproject.toml"
    if not project.is_file():
        return "unknown"
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
