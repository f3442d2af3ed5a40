"""Restrictions to steps, layers, grids and heads: parts that add up to the whole."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from generation.attribution import Scope, trace

Draw = Callable[..., Any]
FIRST_UP = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"


def total(pipeline: Any, draw: Draw, scope: Scope, **how: Any) -> dict[tuple[int, int], torch.Tensor]:
    """The sums per grid of one run."""
    with trace(pipeline, scope=scope, keep=how.pop("keep", "grids")) as recording:
        draw(pipeline, num_inference_steps=3, **how)
    return {grid.grid: grid.sums for grid in recording.grid_sums()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Scope(steps=[0]), Scope(steps=range(1, 3))),
        (Scope(layers=["down_blocks", "mid_block"]), Scope(layers=["up_blocks"])),
        (Scope(grids=[(8, 8)]), Scope(grids=[(16, 16)])),
        (
            Scope(heads={FIRST_UP: (0,)}, layers=[FIRST_UP]),
            Scope(heads={FIRST_UP: (1,)}),
        ),
    ],
    ids=["steps", "layers", "grids", "heads"],
)
@pytest.mark.parametrize("keep", ["grids", "heads"])
def test_two_halves_add_up_to_the_whole(tiny: Any, draw: Draw, keep: str, one: Scope, other: Scope) -> None:
    """Control: a restriction that is ignored counts its part twice."""
    whole, first, second = (total(tiny, draw, scope, keep=keep) for scope in (Scope(), one, other))
    for grid, sums in whole.items():
        added = first.get(grid, torch.zeros(1)) + second.get(grid, torch.zeros(1))
        assert torch.allclose(added, sums, atol=1e-5)
    assert len(first) + len(second) >= len(whole)


def test_a_whole_path_takes_one_module(tiny: Any, draw: Draw) -> None:
    with trace(tiny, scope=Scope(layers=[FIRST_UP]), keep="heads") as recording:
        draw(tiny)
    assert [(layer.path, layer.heads) for layer in recording.layer_sums()] == [(FIRST_UP, (0, 1))]


def test_the_divisor_counts_what_was_summed(tiny: Any, draw: Draw) -> None:
    """A mean over a part is as large as one over the whole. Control: dividing by all steps or all heads."""
    scope = Scope(steps=[1], layers=["up_blocks.1"], heads={FIRST_UP: (1,)})
    with trace(tiny, scope=scope, positions=range(77)) as recording:
        draw(tiny)
    assert torch.allclose(recording.token_maps().sum(dim=1), torch.ones(1, 16, 16), atol=1e-5)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(layers=["up_blocks.7"]),
        Scope(layers=["up"]),
        Scope(heads={"somewhere": (0,)}),
        Scope(heads={FIRST_UP: (0, 2)}),
    ],
)
def test_what_the_model_does_not_have_is_refused_before_it_runs(tiny: Any, scope: Scope) -> None:
    """Control: an unknown layer that matches nothing gives an empty map after minutes of work."""
    with pytest.raises(ValueError, match="blocks"), trace(tiny, scope=scope):
        pass
