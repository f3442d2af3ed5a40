"""The benchmarks' own code on tiny models: what they count and call a miss, never how long it takes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import attribution, devices, throughput
from benchmarks.attribution import MAP_ERROR, Row, missed_targets
from benchmarks.models import tiny_pipeline
from generation.pipelines import GenerationSettings

SETTINGS = GenerationSettings(steps=2, guidance=2.0, scheduler="ddim", height=32, width=32)


@pytest.fixture
def tiny() -> Any:
    return tiny_pipeline()


def row(**changes: Any) -> Row:
    """A row that meets every target."""
    met: dict[str, Any] = {
        "contender": "ours, grids",
        "seconds": 1.0,
        "ratio": 1.01,
        "ratio_error": 0.002,
        "finalise_ms": 1.0,
        "extra_mb": 1.0,
        "image_difference": 0.0,
        "map_error": 1e-7,
    }
    return Row(**{**met, **changes})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"ratio": 1.05}, "time over plain"),
        ({"finalise_ms": 6.0}, "milliseconds"),
        ({"extra_mb": 11.0}, "megabytes"),
        ({"image_difference": 1e-9}, "plain image"),
        ({"map_error": 2 * MAP_ERROR}, "map error"),
        ({"map_error": float("nan")}, "map error"),
    ],
)
def test_each_target_can_be_missed(changes: dict[str, Any], what: str) -> None:
    """Control: a comparison that lets NaN pass, or a target that is never looked at."""
    assert missed_targets([row()]) == []
    (miss,) = missed_targets([row(**changes)])
    assert what in miss


def test_the_peer_has_no_targets() -> None:
    assert missed_targets([row(contender="castorini", ratio=9.0)]) == []


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_device_section_measures_every_contender_at_every_batch(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("daam")
    monkeypatch.setattr(devices, "STEPS", 1)
    rows = devices.measure(tiny, model="tiny", batches=[1, 2], rounds=1)
    assert [(each.images, each.contender) for each in rows] == [
        (1, "plain"),
        (1, "ours, grids"),
        (1, "ours, heads"),
        (1, "castorini"),
        (2, "plain"),
        (2, "ours, grids"),
        (2, "ours, heads"),
    ]
    assert all(each.ratio == 1.0 for each in rows if each.contender == "plain")


def test_the_largest_batch_is_found_by_trying(tiny: Any) -> None:
    """Control: a batch that did not fit."""
    tiny.set_progress_bar_config(disable=True)

    def full(_: Any, inputs: Any) -> None:
        if inputs[0].shape[0] > 2 * 4:
            raise torch.OutOfMemoryError("out of memory")

    handle = tiny.unet.register_forward_pre_hook(full)
    assert devices.largest_batch(tiny, most=32) == 4
    handle.remove()
    assert devices.largest_batch(tiny, most=2) == 2


@pytest.fixture
def default_dtype() -> Iterator[None]:
    before = torch.get_default_dtype()
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("default_dtype")
def test_models_are_made_in_half_precision_where_they_shall_run() -> None:
    with devices.built_on("meta", torch.float16):
        pipeline: Any = devices.sd2_base()
        xl: Any = devices.sdxl_base()
    for made in (pipeline, xl):
        assert {parameter.dtype for parameter in made.unet.parameters()} == {torch.float16}
    assert torch.get_default_dtype() == torch.float32
    # As published: 866 and 2567 million.
    assert round(sum(p.numel() for p in pipeline.unet.parameters()) / 1e6) == 866
    assert round(sum(p.numel() for p in xl.unet.parameters()) / 1e6) == 2567


def test_throughput_counts_images_of_both_ways_and_their_arithmetic(tiny: Any) -> None:
    found = throughput.measure(tiny, settings=SETTINGS, images=3, batch=2, rounds=1)
    assert (found.images, found.batch, found.device) == (3, 2, "cpu")
    assert found.ours > 0
    assert found.times_plain == pytest.approx(found.ours / found.plain)
    assert found.teraflop_per_image > 0
    # The same arithmetic: what is reached of the limit, and what the limit would be.
    assert found.times_plain / found.possible == pytest.approx(found.share_of_limit)
    assert throughput.missed_targets(found) == []


def test_throughput_s_targets_can_be_missed() -> None:
    found = throughput.Throughput(
        device="cuda",
        images=1,
        batch=1,
        plain=1.0,
        ours=2.9,
        times_plain=2.9,
        teraflop_per_image=51.0,
        share_of_limit=0.3,
        possible=9.0,
    )
    assert len(throughput.missed_targets(found)) == 2
    assert throughput.missed_targets(replace(found, device="cpu")) == []


def test_the_arithmetic_of_stable_diffusion_2_is_the_published_one() -> None:
    """51 TFLOP an image at 30 guided steps. Control: multiplications alone, or one row of two."""
    with devices.built_on("meta", torch.float16):
        pipeline: Any = devices.sd2_base()
        latents, text = torch.empty(2, 4, 64, 64), torch.empty(2, 77, 1024)
        with FlopCounterMode(display=False) as step, torch.inference_mode():
            pipeline.unet(latents, torch.empty((), dtype=torch.float32), text)
        with FlopCounterMode(display=False) as decoding, torch.inference_mode():
            pipeline.vae.decode(latents[:1])
    found = 30 * step.get_total_flops() + decoding.get_total_flops()
    assert found / 1e12 == pytest.approx(51, rel=0.1)


def test_the_way_of_a_gpu_is_walked_dry(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Arguments, models, both tables. Control: a name that only the GPU's branch uses, misspelt."""
    monkeypatch.setattr(devices, "STEPS", 1)
    monkeypatch.setattr("sys.argv", ["throughput", "--dry", "--device", "cpu", "--json"])
    assert throughput.main() == 0
    assert json.loads(capsys.readouterr().out)["images"] == 2
    monkeypatch.setattr("sys.argv", ["attribution", "--device", "cuda"])
    if not torch.cuda.is_available():
        assert attribution.main() == 2
    monkeypatch.setattr(devices, "_DRY", {"tiny": tiny_pipeline})
    monkeypatch.setattr("sys.argv", ["attribution", "--dry"])
    assert attribution.main() == 0
    assert "ours, heads" in capsys.readouterr().out
