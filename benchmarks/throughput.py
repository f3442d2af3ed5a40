"""Images with word maps per second, against a plain loop over single images without maps.

    python -m benchmarks.throughput [--images N] [--batch N] [--rounds N] [--device cpu|cuda] [--json]
                                    [--check] [--dry]

Ours is what the worker does but for the database: batches, maps of every word, decoding one by one, PNG and
map files written by a thread of their own. The plain loop calls the diffusers pipeline for one prompt after
the other and writes the PNG. Both in one process, in turns; the least of the rounds counts.

On a GPU: the real topology of Stable Diffusion 2-base with random weights in half precision, 512 pixels, 30
guided steps, seconds of the clock; with the share of the arithmetic limit, the device's own measured matrix
rate, and with --check a target of three times the plain loop and 40 % of the limit. On a CPU: the bundled
model as a run has it, CPU seconds of the process on one thread, where batches save only the calls; no target,
but the limit all the same: "possible" is what no arrangement of the same arithmetic can exceed.

--dry goes the way of a GPU with a narrow model, two images of 64 pixels and two steps, on any device: its
figures mean nothing, but a mistake on that way shows before the day when there is a GPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import devices
from generation import pipelines, registry
from generation.attribution import split_words
from generation.writer import Writer

PROMPTS = ("a red circle and a blue square with a cat", "the dog with a hot cat and a red skate")
TIMES_PLAIN = 3.0
SHARE_OF_LIMIT = 0.40


@dataclass(frozen=True, kw_only=True)
class Throughput:
    """Images per second of both, and their ratio.

    share_of_limit: of the device's own matrix rate.  possible: times the plain loop at all of that rate.
    """

    device: str
    images: int
    batch: int
    plain: float
    ours: float
    times_plain: float
    teraflop_per_image: float
    share_of_limit: float
    possible: float


def main() -> int:
    """Prints the figures, or JSON; the exit code says whether every target was met."""
    arguments = _arguments()
    pipeline, settings = _model(arguments.device, is_dry=arguments.dry)
    if arguments.dry:
        arguments.images, arguments.batch, arguments.rounds = 2, 2, 1
    found = measure(
        pipeline, settings=settings, images=arguments.images, batch=arguments.batch, rounds=arguments.rounds
    )
    misses = missed_targets(found)
    if arguments.json:
        print(json.dumps({**asdict(found), "missed": misses}, indent=1))
    else:
        _print(found, misses)
    return 1 if arguments.check and misses else 0


def _model(device: str, *, is_dry: bool) -> tuple[Any, pipelines.GenerationSettings]:
    """What is measured on a device, with its settings."""
    if is_dry:
        with devices.built_on(device, torch.float32):
            return devices.sd2_base(width=32, text_width=64), _settings(steps=2, side=64)
    if device.startswith("cuda"):
        with devices.built_on(device, torch.float16):
            pipeline: Any = devices.sd2_base()
        for part in (pipeline.unet, pipeline.vae):  # as pipelines.load leaves them
            part.to(memory_format=torch.channels_last)
        return pipeline, _settings(steps=30, side=512)
    torch.set_num_threads(1)
    bundled = registry.get(registry.DEMO_ID)
    return pipelines.load(bundled, device="cpu"), bundled.defaults


def measure(
    pipeline: Any, *, settings: pipelines.GenerationSettings, images: int, batch: int, rounds: int
) -> Throughput:
    """Both ways of making the same images, in turns. images: rounded up to whole batches by the last one."""
    pipeline.set_progress_bar_config(disable=True)
    device = pipeline.device
    prompts = [PROMPTS[number % len(PROMPTS)] for number in range(images)]
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "plain": partial(_plain_loop, pipeline, prompts, settings, Path(folder)),
            "ours": partial(_batches_with_maps, pipeline, prompts, settings, Path(folder), batch),
        }
        least = dict.fromkeys(ways, float("inf"))
        for number in range(rounds + 1):
            for name, way in ways.items():
                seconds = _timed(way, device)
                if number:  # the first round warms up
                    least[name] = min(least[name], seconds)
    flops = _flops_of_an_image(pipeline, settings)
    limit = matrix_rate(device)
    return Throughput(
        device=str(device),
        images=images,
        batch=batch,
        plain=images / least["plain"],
        ours=images / least["ours"],
        times_plain=least["plain"] / least["ours"],
        teraflop_per_image=flops / 1e12,
        share_of_limit=images / least["ours"] * flops / limit,
        possible=limit / flops * least["plain"] / images,
    )


def missed_targets(found: Throughput) -> list[str]:
    """Every target that was not met, in words; there are none without a GPU."""
    if not found.device.startswith("cuda"):
        return []
    missed = []
    if found.times_plain < TIMES_PLAIN:
        missed.append(f"times the plain loop: {found.times_plain:.2f} < {TIMES_PLAIN:g}")
    if found.share_of_limit < SHARE_OF_LIMIT:
        missed.append(f"share of the arithmetic limit: {found.share_of_limit:.2f} < {SHARE_OF_LIMIT:g}")
    return missed


def _plain_loop(
    pipeline: Any, prompts: list[str], settings: pipelines.GenerationSettings, folder: Path
) -> None:
    pipeline.vae.disable_slicing()
    for number, prompt in enumerate(prompts):
        made = pipeline(
            prompt,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            height=settings.height,
            width=settings.width,
            generator=torch.Generator("cpu").manual_seed(number),
        )
        made.images[0].save(folder / f"{number}.png")


def _batches_with_maps(
    pipeline: Any, prompts: list[str], settings: pipelines.GenerationSettings, folder: Path, batch: int
) -> None:
    pipeline.vae.enable_slicing()
    requests = [
        pipelines.GenerationRequest(prompt=prompt, seed=number, words=split_words(prompt))
        for number, prompt in enumerate(prompts)
    ]
    with Writer(room=2 * batch) as writer:
        for start in range(0, len(requests), batch):
            part = requests[start : start + batch]
            for request, made in zip(
                part, pipelines.generate(pipeline, requests=part, settings=settings), strict=True
            ):
                writer.put(partial(_write, folder, request.seed, made))


def _write(folder: Path, number: int, made: pipelines.GeneratedImage) -> None:
    made.image.save(folder / f"{number}.png")
    maps = {str(position): each.astype(np.float16) for position, each in made.word_maps.items()}
    np.savez_compressed(folder / f"{number}.npz", **maps)  # type: ignore[arg-type]


def _timed(way: Callable[[], object], device: torch.device) -> float:
    """Seconds of the clock on a GPU, CPU seconds of this process elsewhere."""
    if device.type != "cuda":
        start = time.process_time()
        way()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    way()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _flops_of_an_image(pipeline: Any, settings: pipelines.GenerationSettings) -> float:
    """Multiplications and additions of all denoising steps of one image and of its decoding, counted."""
    counter = FlopCounterMode(display=False)
    with counter, torch.inference_mode():
        pipeline(
            PROMPTS[0],
            num_inference_steps=1,
            guidance_scale=settings.guidance,
            height=settings.height,
            width=settings.width,
            output_type="latent",
        )
    step = counter.get_total_flops()
    height, width = (side // pipeline.vae_scale_factor for side in (settings.height, settings.width))
    shape = (1, pipeline.vae.config.latent_channels, height, width)
    latent = torch.zeros(shape, device=pipeline.device, dtype=pipeline.vae.dtype)
    decoder = FlopCounterMode(display=False)
    with decoder, torch.inference_mode():
        pipeline.vae.decode(latent)
    return float(step * settings.steps + decoder.get_total_flops())


def matrix_rate(device: torch.device, *, rounds: int = 20) -> float:
    """Operations per second of a large product, the best of the rounds: in half precision on a GPU; on a CPU
    in float32, per CPU second."""
    on_gpu = device.type == "cuda"
    side, dtype = (8192, torch.float16) if on_gpu else (1024, torch.float32)
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2.0 * side**3 / min(_timed(lambda: one @ other, device) for _ in range(rounds))


def _settings(*, steps: int, side: int) -> pipelines.GenerationSettings:
    return pipelines.GenerationSettings(
        steps=steps, guidance=7.5, scheduler="dpm-solver-multistep", height=side, width=side
    )


def _print(found: Throughput, misses: list[str]) -> None:
    on_gpu = found.device.startswith("cuda")
    kind = "second" if on_gpu else "CPU second"
    print(f"{found.images} images on {found.device}, {found.teraflop_per_image:.3g} TFLOP each")
    print(f"plain loop, no maps       {found.plain:8.3f} images per {kind}")
    print(f"batches of {found.batch}, with maps  {found.ours:8.3f} images per {kind}")
    print(f"times the plain loop      {found.times_plain:8.2f}")
    print(f"possible                  {found.possible:8.2f}")
    print(f"share of the matrix rate  {found.share_of_limit:8.2f}")
    if on_gpu:
        print("\n".join(["missed:", *misses]) if misses else "every target met")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    on_gpu = torch.cuda.is_available()
    parser.add_argument("--images", type=int, default=64 if on_gpu else 16, help="images of a round")
    parser.add_argument("--batch", type=int, default=16 if on_gpu else 8, help="images at a time")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--device", default="cuda" if on_gpu else "cpu", help="torch device")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed")
    parser.add_argument("--dry", action="store_true", help="the way of a GPU, tiny, on any device")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
