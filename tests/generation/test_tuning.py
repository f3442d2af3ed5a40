"""Memory order and compilation: by rule, with a clean way out, and with the same maps."""

from typing import Any

import pytest
import torch

from benchmarks.models import tiny_pipeline
from generation import pipelines, registry
from generation.attribution import trace
from generation.attribution.compiling import compile_parts, why_not
from generation.tuning import Tuning, tuning_for


@pytest.mark.parametrize(
    ("device", "precision", "channels_last"),
    [("cpu", "float16", False), ("cuda", "float16", True), ("cuda:1", "bfloat16", True),
     ("cuda", "float32", False)],
)  # fmt: skip
def test_auto_goes_by_the_device_and_on_and_off_win(device: str, precision: str, channels_last: bool) -> None:
    found = tuning_for(device, precision=precision, channels_last="auto", compiled="auto")
    assert found == Tuning(channels_last=channels_last, compiled=False)
    for wish in ("on", "off"):
        forced = tuning_for(device, precision=precision, channels_last=wish, compiled=wish)
        assert forced == Tuning(channels_last=wish == "on", compiled=wish == "on")


def _broken(*_: Any) -> Any:
    raise RuntimeError("no C++ compiler was found\nand much more")


def test_where_nothing_can_be_compiled_the_reason_is_told() -> None:
    assert why_not("cpu", backend="eager") == ""
    assert "no C++ compiler" in why_not("cpu", backend=_broken)
    assert "\n" not in why_not("cpu", backend=_broken)


def test_without_a_compiler_a_pipeline_runs_uncompiled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Control: compile without looking, and every batch fails."""
    monkeypatch.setattr(pipelines, "why_not", lambda device: why_not(device, backend=_broken))
    loaded = pipelines.load(registry.get("demo"), device="cpu", tuning=Tuning(compiled=True))
    assert "runs uncompiled" in caplog.text
    assert all(module._compiled_call_impl is None for module in loaded.unet.modules())


def test_compiled_parts_leave_the_maps_and_the_traced_image_exact() -> None:
    """Controls: compile the transformer blocks too (a trace refuses them), or the whole denoiser.

    The graph is run as it stands (backend eager): what it is made into is the backend's own business.
    """
    plain, compiled = tiny_pipeline(), tiny_pipeline()
    assert compile_parts(compiled, backend="eager") > 4
    found = []
    for pipeline in (plain, compiled):
        pipeline.set_progress_bar_config(disable=True)
        untraced = _latents(pipeline)
        with trace(pipeline) as recording:
            assert torch.equal(_latents(pipeline), untraced)
        found.append(recording.token_maps())
    assert float((found[0] - found[1]).abs().max()) < 1e-6
    torch.compiler.reset()


def _latents(pipeline: Any) -> torch.Tensor:
    made: torch.Tensor = pipeline(
        "a red cat", num_inference_steps=2, generator=torch.Generator().manual_seed(0), output_type="latent"
    ).images
    return made
