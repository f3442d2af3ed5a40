"""Sums under torch.autocast: float32, and computed in float32."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch

from benchmarks.joint_models import tiny_flux
from generation.attribution import Scope, trace

Draw = Callable[..., Any]
KEPT: tuple[Literal["grids", "heads"], ...] = ("grids", "heads")


@pytest.mark.parametrize("keep", KEPT)
@pytest.mark.parametrize("some_heads", [False, True], ids=["all heads", "some heads"])
def test_probabilities_add_up_in_full_precision(
    tiny: Any, draw: Draw, keep: Literal["grids", "heads"], some_heads: bool
) -> None:
    """All tokens of a place get 1 per head and step. Control: products under the caller's autocast."""
    sites = [path for path, _ in tiny.unet.named_modules() if path.endswith("attn2")]
    scope = Scope(heads=dict.fromkeys(sites, (0,)) if some_heads else {})
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(2):  # the first call of a kind is proof only
            with trace(tiny, keep=keep, scope=scope, positions=range(77)) as recording:
                draw(tiny, num_inference_steps=4, output_type="latent")
        inside = recording.word_map("circle")
    for grid in recording.grid_sums():
        assert grid.sums.dtype == torch.float32
        assert (grid.sums.sum(dim=1) / grid.terms - 1).abs().max() < 2e-4
    assert inside.dtype == np.float32
    assert np.array_equal(inside, recording.word_map("circle"))


@pytest.mark.parametrize("variant", ["paper", "v1", "castorini", "weights"])
def test_maps_are_read_under_autocast_as_without(tiny: Any, draw: Draw, variant: Any) -> None:
    """Control: enlarging under the caller's autocast."""
    with trace(tiny, keep="heads") as recording:
        draw(tiny, output_type="latent")
    how: dict[str, Any] = {"variant": variant}
    if variant == "weights":
        how = {"head_weights": {(recording.layer_sums()[0].path, 1): 1.0}}
    outside = recording.word_map("circle", **how)
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(recording.word_map("circle", **how), outside)


def test_joint_attention_is_summed_in_full_precision(draw: Draw) -> None:
    """Control: products under the caller's autocast."""
    flux = tiny_flux()
    flux.set_progress_bar_config(disable=True)
    how = {"height": 32, "width": 32, "max_sequence_length": 16, "output_type": "latent"}
    with torch.autocast("cpu", torch.bfloat16):
        plain = draw(flux, **how)
        with trace(flux, keep="heads") as recording:
            traced = draw(flux, **how)
    assert torch.equal(plain, traced)
    assert {layer.sums.dtype for layer in recording.layer_sums()} == {torch.float32}
    assert recording.word_map("circle").dtype == np.float32
