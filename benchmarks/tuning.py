"""What memory order and compilation gain: the same traced batch with each tuning, interleaved.

    python -m benchmarks.tuning [--model demo|sd2] [--images N] [--steps N] [--rounds N] [--device cpu|cuda]

Seconds of the process on one thread (of the clock on a GPU), the least of the rounds; the first round, which
compiles, is told by itself, in seconds of the clock. Beside them, of each tuning: whether the latents with a
trace are bit for bit those without one, and how far its maps are from those of the untuned pipeline.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks.models import mini_sd2
from generation import pipelines, registry
from generation.attribution import trace
from generation.attribution.compiling import compile_parts, why_not
from generation.attribution.tracing import denoiser_of

PROMPT = "a red circle and a blue square"
TUNINGS = ("plain", "channels-last", "compiled", "both")


@dataclass(frozen=True, kw_only=True)
class TunedRow:
    """One tuning. ratio: of its seconds to those without; None in it where it can't be compiled here."""

    tuning: str
    first_seconds: float
    seconds: float
    ratio: float
    image_is_equal: bool
    map_error: float


def main() -> int:
    """Prints the table."""
    options = _options()
    torch.set_num_threads(1)
    reason = why_not(options.device)
    tunings = TUNINGS[:2] if reason else TUNINGS
    pipelines_by_tuning = {name: tuned(_build(options.model, options.device), name) for name in tunings}
    rows = measure(pipelines_by_tuning, images=options.images, steps=options.steps, rounds=options.rounds)
    print(f"{options.model} on {options.device}, batches of {options.images}, {options.steps} steps")
    print("{:15}{:>12}{:>10}{:>9}{:>12}{:>11}".format(
        "tuning", "first, s", "seconds", "/ plain", "same image", "map error"))  # fmt: skip
    for row in rows:
        equal = "yes" if row.image_is_equal else "NO"
        print(
            f"{row.tuning:15}{row.first_seconds:12.1f}{row.seconds:10.3f}{row.ratio:9.3f}{equal:>12}"
            f"{row.map_error:11.1e}"
        )
    if reason:
        print(f"not compiled: {reason}")
    return 0


def tuned(pipeline: Any, tuning: str, *, backend: Any = "inductor") -> Any:
    """The pipeline, tuned in place."""
    if tuning in ("channels-last", "both"):
        for part in (denoiser_of(pipeline), pipeline.vae):
            part.to(memory_format=torch.channels_last)
    if tuning in ("compiled", "both"):
        compile_parts(pipeline, backend=backend)
    return pipeline


def measure(built: dict[str, Any], *, images: int, steps: int, rounds: int) -> list[TunedRow]:
    """One row for each pipeline; all have equal weights, and the first is what others are compared to."""
    first: dict[str, float] = {}
    least = dict.fromkeys(built, float("inf"))
    maps: dict[str, torch.Tensor] = {}
    equal: dict[str, bool] = {}
    for name, pipeline in built.items():
        begun = time.perf_counter()
        latents, maps[name] = _traced(pipeline, images, steps)
        first[name] = time.perf_counter() - begun
        equal[name] = torch.equal(latents, _drawn(pipeline, images, steps))
    for _ in range(rounds):
        for name, pipeline in built.items():
            seconds = _timed(partial(_traced, pipeline, images, steps), pipeline.device)
            least[name] = min(least[name], seconds)
    base = next(iter(built))
    return [
        TunedRow(
            tuning=name,
            first_seconds=first[name],
            seconds=least[name],
            ratio=least[name] / least[base],
            image_is_equal=equal[name],
            map_error=float((maps[name] - maps[base]).abs().max()),
        )
        for name in built
    ]


def _traced(pipeline: Any, images: int, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.inference_mode(), trace(pipeline) as recording:
        latents = _drawn(pipeline, images, steps)
        return latents, recording.token_maps().cpu()


def _drawn(pipeline: Any, images: int, steps: int) -> torch.Tensor:
    with torch.inference_mode():
        latents: torch.Tensor = pipeline(
            [PROMPT] * images,
            num_inference_steps=steps,
            generator=[torch.Generator("cpu").manual_seed(seed) for seed in range(images)],
            output_type="latent",
        ).images
        # The decoder is compiled too.
        pipeline.vae.decode(latents[:1])
        return latents


def _timed(way: Callable[[], object], device: torch.device) -> float:
    if device.type != "cuda":
        start = time.process_time()
        way()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    way()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def _build(model: str, device: str) -> Any:
    pipeline: Any = mini_sd2() if model == "sd2" else pipelines.load(registry.get("demo"), device="cpu")
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("--model", choices=["demo", "sd2"], default="demo")
    parser.add_argument("--images", type=int, default=8, help="images at a time")
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
