"""What word maps cost: plain generation, ours and castorini/daam, interleaved in one process.

    python -m benchmarks.attribution [--json] [--check] [--rounds N] [--model sd2|sdxl|all]
                                     [--device cpu|cuda] [--dry]

Times are CPU seconds of this process on one thread. The contenders run side by side in threads, over the same
weights, a piece of a few milliseconds of each in turn (lockstep.py): every piece is divided by the plain one
of its turn, and of these ratios the median over N rounds is taken. +- is the standard error; "plain, again"
is the plain run a second time, and shows what the machine's unrest makes of a ratio that is 1. The C library
is told to keep freed memory (_KEEPING): in threads of a process it gives back and asks for again thousands of
pages a run, at random, where a program of one thread and one model does so for none. What comes
before the first step and after the last one (the text encoder, hooks set and taken away) is counted. Weights
are random (see models.py): the cost does not depend on them. Only denoising is timed, not the decoding of the
latent, which would flatter the ratio. --check ends with exit code 1 where a target is missed.

Where torch sees a GPU, benchmarks.devices measures the real topologies there as well. --device cuda does only
that; --dry walks the same way with narrow models, on any device, to find mistakes before there is a GPU.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import devices, oracle
from benchmarks.attribution_runs import AGAIN, PLAIN, PROMPT, Outcome, contenders, draw
from benchmarks.lockstep import in_turns, paired_ratio
from benchmarks.models import mini_sd2, mini_sdxl
from benchmarks.peer import load_daam
from generation.attribution import trace

MODELS: dict[str, Callable[[], Any]] = {
    "sd2": mini_sd2,
    "sdxl": lambda: mini_sdxl(sample_size=64, depths=(1, 2, 10), vae_channels=(8, 8, 8, 8)),
}
# Contender -> (time over plain, extra megabytes, milliseconds to finalise); the peer has no targets.
TARGETS = {"ours, grids": (1.02, 10.0, 5.0), "ours, heads": (1.03, 25.0, 100.0)}
# For the C library, of a process that compares times, and of one that measures what memory is in use.
_KEEPING = {
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**26),
}
_GIVING_BACK = {
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TOP_PAD_": "0",
}
MAP_ERROR = 5e-6
PEER_ERROR = 2e-6


@dataclass(frozen=True, kw_only=True)
class Row:
    """One contender's figures. seconds: of a run.  ratio: to plain, with its standard error.
    extra_mb: beyond what plain generation needs.

    map_error: of sums per grid to float64; of the castorini variant to the peer in one and the same run, as a
    share of its range.
    """

    contender: str
    seconds: float
    ratio: float
    ratio_error: float
    finalise_ms: float
    extra_mb: float
    image_difference: float
    map_error: float


def main() -> int:
    """Prints the table, or JSON; the exit code says whether every target was met."""
    arguments = _arguments()
    torch.set_num_threads(1)
    if arguments.peak:
        print(_peak_megabytes(arguments.peak, arguments.model))
        return 0
    if arguments.dry or arguments.device:
        device = arguments.device or "cpu"
        if device.startswith("cuda") and not torch.cuda.is_available():
            print("--device cuda: torch sees no GPU here; --dry --device cpu walks the same way")
            return 2
        return _print_device(devices.measure_gpu(device, is_dry=arguments.dry), as_json=arguments.json)
    if not any(name in os.environ for name in _KEEPING):  # read when a process begins
        again = [sys.executable, "-m", "benchmarks.attribution", *sys.argv[1:]]
        return subprocess.run(again, env={**os.environ, **_KEEPING}, check=False).returncode
    models = sorted(MODELS) if arguments.model == "all" else [arguments.model]
    rows = {model: measure(model, rounds=arguments.rounds) for model in models}
    misses = [f"{model}: {miss}" for model in models for miss in missed_targets(rows[model])]
    found_on_gpu = devices.measure_gpu() if torch.cuda.is_available() else []
    if arguments.json:
        listed = {model: [asdict(row) for row in found] for model, found in rows.items()}
        print(
            json.dumps(
                {"rows": listed, "device": [asdict(row) for row in found_on_gpu], "missed": misses}, indent=1
            )
        )
    else:
        for model, found in rows.items():
            _print_table(model, found)
        devices.print_table(found_on_gpu)
        print("\n".join(["missed:", *misses]) if misses else "every target met")
    return 1 if arguments.check and misses else 0


def _print_device(rows: list[devices.DeviceRow], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"device": [asdict(row) for row in rows]}, indent=1))
    else:
        devices.print_table(rows)
    return 0


def measure(model: str, *, rounds: int) -> list[Row]:
    """One row per contender."""
    pipeline = _pipeline(model)
    works = contenders(pipeline)
    expected = _oracle_map(pipeline)
    results = {name: run.found for name, run in in_turns(works, seed=rounds).items()}  # warms up too
    pieces: dict[str, list[list[float]]] = {name: [] for name in works}
    for turn in range(rounds):
        gc.collect()
        for name, run in in_turns(works, seed=turn).items():
            pieces[name].append(run.pieces)
            _refuse_others(name, run.found, results[name])
    # (rounds, pieces); the last piece of each run finalises.
    found = {name: np.array(rows)[:, :-1] for name, rows in pieces.items()}
    ratios = {name: paired_ratio(times, found[PLAIN]) for name, times in found.items()}
    peaks = {name: _peak_of(name, model) for name in works if name != AGAIN}
    peaks[AGAIN] = peaks[PLAIN]
    peer = _distance_to_peer(pipeline)
    return [
        Row(
            contender=name,
            seconds=float(np.median(found[name], axis=0).sum()),
            ratio=ratios[name][0],
            ratio_error=ratios[name][1],
            finalise_ms=1000 * min(times[-1] for times in pieces[name]),
            extra_mb=peaks[name] - peaks[PLAIN],
            image_difference=float((outcome.latents - results[PLAIN].latents).abs().max()),
            map_error=_map_error(name, outcome, expected, peer),
        )
        for name, outcome in results.items()
    ]


def _refuse_others(name: str, found: Outcome, first: Outcome) -> None:
    """Raises RuntimeError where a round's maps are not the first one's: its time would be no time of them."""
    if (
        found.maps is not None
        and first.maps is not None
        and not torch.allclose(found.maps, first.maps, atol=MAP_ERROR)
    ):
        raise RuntimeError(f"{name}: this round's maps differ from the first round's")


def missed_targets(rows: list[Row]) -> list[str]:
    """Every target that was not met, in words."""
    missed = []
    for row in rows:
        if row.contender not in TARGETS:
            continue
        ratio, megabytes, milliseconds = TARGETS[row.contender]
        bound = MAP_ERROR if row.contender == "ours, grids" else PEER_ERROR
        facts = (
            ("time over plain", row.ratio, ratio),
            ("extra megabytes", row.extra_mb, megabytes),
            ("milliseconds to finalise", row.finalise_ms, milliseconds),
            ("difference to the plain image", row.image_difference, 0.0),
            ("map error", row.map_error, bound),
        )
        missed += [
            f"{row.contender}: {what} {is_:.3g} > {goal:g}" for what, is_, goal in facts if not is_ <= goal
        ]
    return missed


def _distance_to_peer(pipeline: Any) -> float:
    """Both trace one run, so that both read the same queries and keys."""
    with load_daam().trace(pipeline) as theirs, trace(pipeline, keep="heads") as ours:
        draw(pipeline)
        expected = theirs.compute_global_heat_map(prompt=PROMPT).heat_maps
    found = ours.token_maps(variant="castorini")[0, : len(expected)]
    return float((found - expected).abs().max() / (expected.max() - expected.min()))


def _oracle_map(pipeline: Any) -> np.ndarray:
    """The paper's maps of all tokens from float64 probabilities, enlarged layer by layer and head by head."""
    with oracle.recorded(pipeline.unet) as found:
        draw(pipeline)
    size = pipeline.unet.config.sample_size
    total, terms = torch.zeros(14, size, size, dtype=torch.float64), 0
    for calls in found.values():
        for call in calls:
            side = round(call.shape[2] ** 0.5)
            maps = call[1, :, :, :14].transpose(1, 2).reshape(-1, 14, side, side)
            total += torch.nn.functional.interpolate(maps, size=(size, size), mode="bicubic").sum(dim=0)
            terms += len(maps)
    return (total / terms).numpy()


def _map_error(name: str, outcome: Outcome, expected: np.ndarray, peer: float) -> float:
    if name in ("ours, grids", "second QK^T") and outcome.maps is not None:
        return float(np.abs(outcome.maps.double().numpy() - expected).max())
    return peer if name == "ours, heads" else float("nan")


def _peak_of(contender: str, model: str) -> float:
    """Megabytes above the resting process, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.attribution", "--peak", contender, "--model", model]
    environment = {**os.environ, **_GIVING_BACK}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def _peak_megabytes(contender: str, model: str) -> float:
    """The kernel's high-water mark of one run above the memory at rest, in megabytes; the least of three."""
    run = contenders(_pipeline(model))[contender]
    run(lambda *_: None)  # what is loaded and kept once is not the run's
    peaks = []
    for _ in range(3):
        gc.collect()
        resting = _status_kilobytes("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark; Linux only
        run(lambda *_: None)
        peaks.append((_status_kilobytes("VmHWM") - resting) / 1024)
    return min(peaks)


def _status_kilobytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field + ":")).split()[1])


def _pipeline(model: str) -> Any:
    pipeline = MODELS[model]()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attribution", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed")
    parser.add_argument("--rounds", type=int, default=12, help="runs of each contender (default 12)")
    parser.add_argument("--model", choices=[*sorted(MODELS), "all"], default="all", help="topology")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="measure the real topologies there, only")
    parser.add_argument("--dry", action="store_true", help="the device section with narrow models")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    return parser.parse_args()


def _print_table(model: str, rows: list[Row]) -> None:
    heads = (
        f"mini {model}",
        "seconds",
        "/ plain",
        "+-",
        "finalise ms",
        "extra MB",
        "image diff",
        "map error",
    )
    print("{:14}{:>9}{:>9}{:>8}{:>13}{:>10}{:>12}{:>11}".format(*heads))
    for row in rows:
        print(
            f"{row.contender:14}{row.seconds:9.3f}{row.ratio:9.3f}{row.ratio_error:8.3f}{row.finalise_ms:13.1f}{row.extra_mb:10.1f}"
            f"{row.image_difference:12.1e}{row.map_error:11.1e}"
        )


if __name__ == "__main__":
    sys.exit(main())
