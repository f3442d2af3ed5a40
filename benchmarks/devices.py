"""What word maps cost on a GPU: the real topologies with random weights, in half precision.

Called by benchmarks.attribution where torch sees a GPU. Times are the device's own, from event to event; the
minimum of the rounds, contenders interleaved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)

from benchmarks.models import mini_sdxl, text_encoder, tokenizer
from benchmarks.peer import load_daam
from generation.attribution import trace

PROMPT = "a red circle and a blue square with a cat and dog"
STEPS = 4
ROUNDS = 3
MOST_IMAGES = 64
_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


@dataclass(frozen=True, kw_only=True)
class DeviceRow:
    """One contender at one batch size. ratio: to plain at the same batch size."""

    model: str
    images: int
    contender: str
    milliseconds_per_step: float
    ratio: float


def sd2_base(*, width: int = 320, text_width: int = 1024) -> StableDiffusionPipeline:
    """Stable Diffusion 2-base's UNet and decoder, on torch's default device. width: of the first level."""
    own = tokenizer()
    unet = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=(width, 2 * width, 4 * width, 4 * width),
        attention_head_dim=(5, 10, 20, 20),
        cross_attention_dim=text_width,
        use_linear_projection=True,
    )
    return StableDiffusionPipeline(
        vae=_vae(),
        text_encoder=text_encoder(own, width=text_width),
        tokenizer=own,
        unet=unet,
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl_base() -> StableDiffusionXLPipeline:
    """Stable Diffusion XL's UNet and decoder, on torch's default device."""
    first, second = tokenizer(), tokenizer()
    unet = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=1280 + 6 * 256,
    )
    return StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=text_encoder(first, width=768),
        text_encoder_2=text_encoder(second, width=1280, projected=True),
        tokenizer=first,
        tokenizer_2=second,
        unet=unet,
        scheduler=_scheduler(),
        add_watermarker=False,
    )


def measure_gpu(device: str = "cuda", *, is_dry: bool = False) -> list[DeviceRow]:
    """Both real topologies at batch 1 and at the largest batch that fits.

    is_dry: the same way with narrow models in float32, one round and two images at most, on any device.
    """
    rows = []
    dtype = torch.float32 if is_dry else torch.float16
    for name, build in _DRY.items() if is_dry else _REAL.items():
        with built_on(device, dtype):
            pipeline = build()
        largest = largest_batch(pipeline, most=2 if is_dry else MOST_IMAGES)
        rounds = 1 if is_dry else ROUNDS
        rows += measure(pipeline, model=name, batches=sorted({1, largest}), rounds=rounds)
        del pipeline
        if device.startswith("cuda"):
            torch.cuda.empty_cache()
    return rows


@contextmanager
def built_on(device: str, dtype: torch.dtype) -> Iterator[None]:
    """Models made inside lie on the device in this type from the start, without a copy in main memory."""
    own = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(own)


def largest_batch(pipeline: Any, *, most: int) -> int:
    """The largest power of two of images, traced head by head, that there is memory for."""
    images = 1
    while images < most:
        try:
            with trace(pipeline, keep="heads"):
                _draw(pipeline, 2 * images, steps=1)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            break
        images *= 2
    return images


def measure(pipeline: Any, *, model: str, batches: Sequence[int], rounds: int = ROUNDS) -> list[DeviceRow]:
    """Every contender at every batch size; the peer at one image, which is all it can do."""
    pipeline.set_progress_bar_config(disable=True)
    rows = []
    for images in batches:
        runs = _contenders(pipeline, images)
        least = dict.fromkeys(runs, float("inf"))
        for number in range(rounds + 1):
            for name, run in runs.items():
                seconds = _timed(run, pipeline.device)
                if number:  # the first round warms up
                    least[name] = min(least[name], seconds)
        rows += [
            DeviceRow(
                model=model,
                images=images,
                contender=name,
                milliseconds_per_step=1000 * seconds / STEPS,
                ratio=seconds / least["plain"],
            )
            for name, seconds in least.items()
        ]
    return rows


def event() -> torch.cuda.Event:
    """A mark in the device's queue that knows its time."""
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def print_table(rows: Sequence[DeviceRow]) -> None:
    """Nothing where nothing was measured."""
    if not rows:
        print("no GPU here: the real topologies were not measured")
        return
    print("{:12}{:>8}  {:14}{:>10}{:>9}".format("on the GPU", "images", "contender", "ms / step", "/ plain"))
    for row in rows:
        milliseconds = row.milliseconds_per_step
        print(f"{row.model:12}{row.images:8}  {row.contender:14}{milliseconds:10.2f}{row.ratio:9.3f}")


_REAL: dict[str, Callable[[], Any]] = {"sd2-base": sd2_base, "sdxl-base": sdxl_base}
_DRY: dict[str, Callable[[], Any]] = {
    "narrow sd2": lambda: sd2_base(width=32, text_width=64),
    "narrow sdxl": mini_sdxl,
}


def _contenders(pipeline: Any, images: int) -> dict[str, Callable[[], None]]:
    def plain() -> None:
        _draw(pipeline, images)

    def ours(keep: Any) -> None:
        with trace(pipeline, keep=keep):
            _draw(pipeline, images)

    def castorini() -> None:
        with load_daam().trace(pipeline):
            _draw(pipeline, images)

    runs = {"plain": plain, "ours, grids": lambda: ours("grids"), "ours, heads": lambda: ours("heads")}
    return {**runs, "castorini": castorini} if images == 1 else runs


def _draw(pipeline: Any, images: int, *, steps: int = STEPS) -> None:
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in range(images)]
    prompt = PROMPT if images == 1 else [PROMPT] * images
    generator = generators if images > 1 else generators[0]
    pipeline(prompt, num_inference_steps=steps, generator=generator, output_type="latent")


def _timed(run: Callable[[], None], device: torch.device) -> float:
    """Seconds on the device; without a GPU, CPU seconds of this process."""
    if device.type != "cuda":
        start = time.process_time()
        run()
        return time.process_time() - start
    begin, end = event(), event()
    torch.cuda.synchronize()
    begin.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return float(begin.elapsed_time(end)) / 1000


def _scheduler() -> DPMSolverMultistepScheduler:
    # Its noise levels are numbers of main memory in full precision, wherever the models are.
    with built_on("cpu", torch.float32):
        return DPMSolverMultistepScheduler(**_SCHEDULE)


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        sample_size=512,
    )
