"""The contenders of benchmarks.attribution: one prompt drawn plainly, traced by us and by castorini/daam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch.nn import functional

from benchmarks.lockstep import Pause
from benchmarks.models import twin
from benchmarks.peer import load_daam
from generation.attribution import backends, trace, watch

PROMPT = "a red circle and a blue square with a cat and dog"  # 12 words, 14 tokens
STEPS = 4
PLAIN = "plain"
# The same once more: how far its ratio is from 1 shows what the machine's unrest does to the others.
AGAIN = "plain, again"
# So many pieces is a step cut into, about.
_PIECES = 30


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run. maps: (tokens, height, width), or None for plain generation."""

    latents: torch.Tensor
    maps: torch.Tensor | None = None


Work = Callable[[Pause], Outcome]


def contenders(pipeline: Any) -> dict[str, Work]:
    """Each with a pipeline of its own, over the same weights.

    Each pauses within its steps, and once more when all is generated: the last piece finalises the maps.
    """
    return {
        PLAIN: _plain(twin(pipeline)),
        AGAIN: _plain(twin(pipeline)),
        "ours, grids": _ours(twin(pipeline), "grids", "paper"),
        "ours, heads": _ours(twin(pipeline), "heads", "castorini"),
        "second QK^T": _second_product(_ours(twin(pipeline), "grids", "paper")),
        "castorini": _castorini(twin(pipeline)),
    }


def draw(pipeline: Any, pause: Pause = lambda *_: None) -> torch.Tensor:
    """The latent that every contender draws; pauses before some of the denoiser's blocks."""
    blocks = [
        module
        for module in pipeline.unet.modules()
        if isinstance(module, BasicTransformerBlock | ResnetBlock2D)
    ]
    chosen = blocks[:: max(1, len(blocks) // _PIECES)]
    handles = [block.register_forward_pre_hook(lambda *_: pause()) for block in chosen]
    try:
        made: torch.Tensor = pipeline(
            PROMPT,
            num_inference_steps=STEPS,
            generator=torch.Generator().manual_seed(7),
            output_type="latent",
        ).images
    finally:
        for handle in handles:
            handle.remove()
    return made


def _plain(pipeline: Any) -> Work:
    def work(pause: Pause) -> Outcome:
        latents = draw(pipeline, pause)
        pause()
        return Outcome(latents=latents)

    return work


def _ours(pipeline: Any, keep: Any, variant: Any) -> Work:
    def work(pause: Pause) -> Outcome:
        with trace(pipeline, keep=keep) as recording:
            latents = draw(pipeline, lambda: pause(_nothing_watched()))
        pause()
        return Outcome(latents=latents, maps=recording.token_maps(variant=variant)[0])

    return work


def _castorini(pipeline: Any) -> Work:
    def work(pause: Pause) -> Outcome:
        with load_daam().trace(pipeline) as recording:
            latents = draw(pipeline, pause)
            pause()
            maps = recording.compute_global_heat_map(prompt=PROMPT).heat_maps
        return Outcome(latents=latents, maps=maps)

    return work


def _second_product(work: Work) -> Work:
    """The public route, for comparison: the scores of all keys are computed a second time."""

    def around(pause: Pause) -> Outcome:
        def while_others_run(aside: Any = None) -> None:
            with ExitStack() as both:
                both.enter_context(_operators(found, own))
                if aside is not None:
                    both.enter_context(aside)
                pause()

        found, own = backends._found, backends._operator
        with _operators(backends.Found(), lambda *_: None):
            return work(while_others_run)

    return around


@contextmanager
def _nothing_watched() -> Iterator[None]:
    """A function stands in for torch's attention while a traced step runs: others don't pay for it here."""
    names = ("_started", "_replaced", "_standing_in")
    before = {name: getattr(watch, name) for name in names}
    in_place, functional.scaled_dot_product_attention = functional.scaled_dot_product_attention, watch._public
    watch._started, watch._standing_in = 0, None
    try:
        yield
    finally:
        for name in names:
            setattr(watch, name, before[name])
        functional.scaled_dot_product_attention = in_place


@contextmanager
def _operators(found: Any, choose: Any) -> Iterator[None]:
    before = backends._found, backends._operator
    backends._found, backends._operator = found, choose
    try:
        yield
    finally:
        backends._found, backends._operator = before
