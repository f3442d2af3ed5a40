"""Attention computed in parts, or with what was put in place between two runs, is read whole or refused."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0
from torch.nn import functional

from benchmarks.models import tiny_pipeline
from generation.attribution import trace
from generation.attribution.sums import Scope
from generation.attribution.totals import Totals
from tests.generation.attribution.test_processors import traced

Draw = Callable[..., Any]


@pytest.fixture
def pipeline() -> Any:
    """One of its own, as these tests change it."""
    made = tiny_pipeline()
    made.set_progress_bar_config(disable=True)
    return made


class InParts(AttnProcessor2_0):
    """Makes the usual call for some rows or heads at a time."""

    def __init__(self, dim: int, size: int) -> None:
        super().__init__()
        self.dim, self.size = dim, size

    def __call__(self, *args: Any, **how: Any) -> Any:
        own: Any = functional.scaled_dot_product_attention

        def in_parts(*tensors: torch.Tensor, **more: Any) -> torch.Tensor:
            parts = zip(*(torch.split(each, self.size, dim=self.dim) for each in tensors), strict=True)
            return torch.cat([own(*part, **more) for part in parts], dim=self.dim)

        def changed(query: Any, key: Any, value: Any, **more: Any) -> torch.Tensor:
            return in_parts(query, key, value, **more)

        functional.scaled_dot_product_attention = changed  # type: ignore[assignment]
        try:
            return super().__call__(*args, **how)
        finally:
            functional.scaled_dot_product_attention = own


@pytest.mark.parametrize(
    ("dim", "size"), [(0, 1), (0, 3), (1, 1)], ids=["row by row", "three rows", "by head"]
)
@pytest.mark.parametrize("images", [1, 2])
def test_rows_and_heads_taken_in_turns_are_read_whole(
    pipeline: Any, draw: Draw, dim: int, size: int, images: int
) -> None:
    """From the projections. Control: taking the first part for all: memory past the end is read."""
    how = {"num_images_per_prompt": images, "num_inference_steps": 3}
    _, expected = traced(pipeline, draw, **how)
    pipeline.unet.set_attn_processor(InParts(dim, size))
    for _ in range(2):
        _, maps = traced(pipeline, draw, **how)
        assert torch.allclose(maps, expected, atol=1e-5)


def test_a_block_that_is_given_row_after_row_is_refused(pipeline: Any, draw: Draw) -> None:
    """Control: reading rows that the call doesn't have."""
    block = pipeline.unet.mid_block.attentions[0].transformer_blocks[0]
    own = block.forward

    def row_by_row(hidden: torch.Tensor, *, encoder_hidden_states: torch.Tensor, **how: Any) -> torch.Tensor:
        rows = zip(torch.split(hidden, 1), torch.split(encoder_hidden_states, 1), strict=True)
        return torch.cat([own(row, encoder_hidden_states=text, **how) for row, text in rows])

    block.forward = row_by_row
    with trace(pipeline), pytest.raises(ValueError, match="can't be traced"):
        draw(pipeline, num_inference_steps=3)


def test_projections_exchanged_between_two_runs_are_read_as_they_are(pipeline: Any, draw: Draw) -> None:
    """Around the old ones, as adapters are put. Control: hooks on those of the first run."""

    class Around(torch.nn.Module):
        def __init__(self, base: torch.nn.Module) -> None:
            super().__init__()
            self.base = base

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.base(inputs)
            return 2 * made.flip(-1)

    def adapt() -> None:
        for module in pipeline.unet.modules():
            if getattr(module, "is_cross_attention", False):
                module.to_q, module.to_k = Around(module.to_q), Around(module.to_k)

    pipeline.unet.set_attn_processor(AttnProcessor())
    with trace(pipeline, positions=range(77)) as recording:
        draw(pipeline)
        adapt()
        draw(pipeline)
    _, expected = traced(pipeline, draw)
    assert torch.allclose(recording.token_maps(), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_another_default_type_is_no_hindrance(pipeline: Any, draw: Draw, dtype: torch.dtype) -> None:
    """Set when a step is first recorded. Control: memory of the default type."""
    before = torch.get_default_dtype()
    with trace(pipeline, scope=Scope(steps=[1, 2])) as recording:
        draw(pipeline, num_inference_steps=1)
        torch.set_default_dtype(dtype)
        try:
            draw(pipeline, num_inference_steps=3)
        finally:
            torch.set_default_dtype(before)
    assert recording.divisor > 0


def test_a_module_run_by_hand_between_two_steps_is_none_of_theirs(pipeline: Any, draw: Draw) -> None:
    """Control: recording until the next step begins."""
    pipeline.unet.set_attn_processor(AttnProcessor())
    with trace(pipeline) as whole:
        draw(pipeline)
    module = pipeline.unet.mid_block.attentions[0].transformer_blocks[0].attn2

    def by_hand(_: Any, __: int, ___: Any, given: dict[str, Any]) -> dict[str, Any]:
        module(torch.zeros(2, 64, module.to_q.in_features), torch.zeros(2, 77, module.to_k.in_features))
        return given

    with trace(pipeline) as recording:
        draw(pipeline, callback_on_step_end=by_hand)
    assert recording.divisor == whole.divisor


def test_a_model_can_be_copied_amid_a_step(pipeline: Any, draw: Draw) -> None:
    """Control: a hook that is a method: all that it belongs to is copied, and locks can't be."""
    copies = []

    def keep(*_: Any) -> None:
        copies.append(copy.deepcopy(pipeline.unet))

    handle = pipeline.unet.mid_block.register_forward_pre_hook(keep)
    with trace(pipeline):
        draw(pipeline, num_inference_steps=1)
    handle.remove()
    assert copies


def test_a_later_step_with_more_modules_tells_their_order() -> None:
    """Control: those that came later are put last."""
    totals = Totals(images=1, per_head=True)
    for path in "cab":
        totals.add((path,), (1, 2), torch.ones(1, 1, 1, 3, 2))
        totals.count([path], (1, 2), heads=1)
    totals.came(dict.fromkeys("ac"))
    totals.came(dict.fromkeys("abc"))
    heads = dict.fromkeys("abc", (0,))
    assert "".join(layer.path for layer in totals.layer_sums(heads)) == "abc"
