"""Modules whose scores wait for company get the sums that they get alone."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch.nn import functional

from benchmarks.models import mini_sdxl
from generation.attribution import Trace, backends, trace, waiting
from generation.attribution.totals import Totals

Draw = Callable[..., Any]
KEEPS: tuple[Literal["grids", "heads"], ...] = ("grids", "heads")


@pytest.fixture(scope="module")
def stacked() -> Any:
    """Several modules of one kind behind each other."""
    made = mini_sdxl()
    made.set_progress_bar_config(disable=True)
    return made


def traced(pipeline: Any, draw: Draw, keep: Literal["grids", "heads"], **how: Any) -> Trace:
    with trace(pipeline, keep=keep) as recording:
        draw(pipeline, output_type="latent", **how)
    return recording


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("images", [1, 2])
def test_company_changes_nothing(
    stacked: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch, keep: Literal["grids", "heads"], images: int
) -> None:
    """Control: the sums of one module go to its neighbour, or one image's rows to another's."""
    together = traced(stacked, draw, keep, num_images_per_prompt=images)
    monkeypatch.setattr("generation.attribution.waiting._ROOM_BYTES", {})
    alone = traced(stacked, draw, keep, num_images_per_prompt=images)
    for found, expected in zip(together.grid_sums(), alone.grid_sums(), strict=True):
        assert found.terms == expected.terms
        assert (found.sums - expected.sums).abs().max() < 1e-4 * expected.sums.max()
    if keep == "heads":
        for layer, other in zip(together.layer_sums(), alone.layer_sums(), strict=True):
            assert (layer.path, layer.heads, layer.steps) == (other.path, other.heads, other.steps)
            assert (layer.sums - other.sums).abs().max() < 1e-5


def test_modules_do_wait_where_the_kernel_gives_the_divisor(
    stacked: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the test above says nothing. Control: every module is worked off alone."""
    calls = []
    own = Totals.add

    def add(totals: Totals, paths: tuple[str, ...], *args: Any, **how: Any) -> None:
        calls.append(len(paths))
        own(totals, paths, *args, **how)

    traced(stacked, draw, "grids")  # the first call of a kind is proof only
    monkeypatch.setattr(Totals, "add", add)
    traced(stacked, draw, "grids")
    assert max(calls) > 3
    monkeypatch.setattr(backends, "_found", backends.Found())
    monkeypatch.setattr(backends, "_operator", lambda *_: None)
    calls.clear()
    traced(stacked, draw, "grids")
    assert max(calls) == 1


def test_views_are_what_torch_s_own_function_makes() -> None:
    """Where its quicker relative is missing. Control: counting from where the memory begins."""
    tensor = torch.randn(3, 4, 5)[1:]
    expected = tensor.as_strided((2, 3), (5, 1), tensor.storage_offset() + 7)
    assert torch.equal(waiting._view(tensor, (2, 3), (5, 1), 7), expected)
    assert torch.equal(waiting._as_strided(tensor, (2, 3), (5, 1), 7), expected)


def test_layers_come_in_the_order_they_run_whichever_waits_longer(stacked: Any, draw: Draw) -> None:
    """Control: the order in which they are added, grid by grid."""
    ran: list[str] = []
    handles = [
        module.register_forward_pre_hook(lambda *_, path=path: ran.append(path))
        for path, module in stacked.unet.named_modules()
        if path.endswith("attn2")
    ]
    recording = traced(stacked, draw, "heads", num_inference_steps=1)
    for handle in handles:
        handle.remove()
    layers = recording.layer_sums()
    assert [layer.path for layer in layers] == ran
    # Or there is nothing to be mixed up: coarse ones stand between fine ones.
    heights = [layer.sums.shape[-2] for layer in layers]
    assert heights not in (sorted(heights), sorted(heights, reverse=True))


def test_a_sum_moves_with_its_module_into_other_company() -> None:
    """Control: what was summed before is forgotten."""
    totals = Totals(images=1, per_head=True)
    ones = torch.ones(2, 1, 3, 4, 6)  # modules, images, heads, tokens, pixels
    totals.add(("a", "b"), (2, 3), ones)
    totals.add(("b",), (2, 3), 10 * ones[:1])
    totals.add(("a", "b"), (2, 3), 100 * ones)
    for path in ("a", "b"):
        totals.count([path], (2, 3), heads=3)
    found = {layer.path: layer.sums for layer in totals.layer_sums({"a": (0, 1, 2), "b": (0, 1, 2)})}
    assert torch.equal(found["a"], torch.full((1, 4, 3, 2, 3), 101.0))
    assert torch.equal(found["b"], torch.full((1, 4, 3, 2, 3), 111.0))


class Overwriting(AttnProcessor2_0):
    """What the kernel has read, it overwrites."""

    def __call__(self, *args: Any, **how: Any) -> Any:
        own = functional.scaled_dot_product_attention

        def then_forget(query: torch.Tensor, key: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
            output: torch.Tensor = own(query, key, *rest, **more)
            query.zero_(), key.zero_()
            return output

        functional.scaled_dot_product_attention = then_forget
        try:
            return super().__call__(*args, **how)
        finally:
            functional.scaled_dot_product_attention = own


def test_a_processor_that_overwrites_its_queries_is_read_at_once(stacked: Any, draw: Draw) -> None:
    """Control: let the tensors of every processor wait."""
    expected = traced(stacked, draw, "grids")
    usual = stacked.unet.attn_processors
    stacked.unet.set_attn_processor(Overwriting())
    try:
        found = traced(stacked, draw, "grids")
    finally:
        stacked.unet.set_attn_processor(usual)
    for one, other in zip(found.grid_sums(), expected.grid_sums(), strict=True):
        assert one.terms == other.terms
        assert (one.sums - other.sums).abs().max() < 1e-4 * other.sums.max()


def test_what_waits_when_a_step_is_broken_off_is_forgotten(tiny: Any, draw: Draw) -> None:
    """Control: it is added with the next step's, and counted."""
    latents = draw(tiny, output_type="latent")

    def fail(*_: Any) -> None:
        raise RuntimeError("broken off")

    with torch.no_grad(), trace(tiny) as recording:
        text, _ = tiny.encode_prompt("a red circle", "cpu", 1, False)
        tiny.unet(latents, 1, encoder_hidden_states=text)
        of_a_step = recording.divisor
        handle = tiny.unet.conv_out.register_forward_pre_hook(fail)
        with pytest.raises(RuntimeError, match="broken off"):
            tiny.unet(latents, 1, encoder_hidden_states=text)
        handle.remove()
        before = recording.divisor
        tiny.unet(latents, 1, encoder_hidden_states=text)
    assert before == of_a_step
    assert recording.divisor == before + of_a_step


@pytest.mark.parametrize("keep", KEEPS)
def test_a_module_that_runs_twice_in_a_step_is_added_twice(
    tiny: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch, keep: Literal["grids", "heads"]
) -> None:
    """Control: of two calls that wait together, one goes."""
    once = traced(tiny, draw, keep)
    block = tiny.unet.mid_block.attentions[0].transformer_blocks[0]
    own_block = block.forward

    def run(hidden_states: torch.Tensor, *args: Any, **how: Any) -> torch.Tensor:
        own_block(hidden_states, *args, **how)
        made: torch.Tensor = own_block(hidden_states, *args, **how)
        return made

    monkeypatch.setattr(block, "forward", run)
    found = traced(tiny, draw, keep)
    path = "mid_block.attentions.0.transformer_blocks.0.attn2"
    heads = block.attn2.heads
    assert found.divisor == once.divisor + once.recorder.steps_seen * heads
    if keep == "heads":
        (sums,) = [each for each in found.layer_sums() if each.path == path]
        (single,) = [each for each in once.layer_sums() if each.path == path]
        assert (sums.sums - 2 * single.sums).abs().max() < 1e-5
