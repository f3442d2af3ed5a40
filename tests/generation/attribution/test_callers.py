"""Which way a module's attention is seen: told by its caller, or by hooks where that would miss it."""

import functools
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch.nn import functional

from benchmarks.models import tiny_pipeline
from generation.attribution import trace
from tests.generation.attribution.test_processors import Deaf, LikeXformers, traced

Draw = Callable[..., Any]


@pytest.fixture
def pipeline() -> Any:
    """One of its own, as these tests change it."""
    made = tiny_pipeline()
    made.set_progress_bar_config(disable=True)
    return made


@pytest.mark.parametrize("is_of_class", [False, True], ids=["of the module", "of the class"])
def test_a_usual_processor_that_is_passed_by_is_no_usual_one(
    pipeline: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch, is_of_class: bool
) -> None:
    """Code for editing prompts puts another forward on modules, and their maps would miss unnoticed.

    Control: taking for granted that a module with a usual processor makes the public call.
    """
    _, expected = traced(pipeline, draw)
    paths = [path for path, _ in pipeline.unet.named_modules() if path.endswith("attn2")]
    module = pipeline.unet.get_submodule(paths[0])

    def put(other: Any) -> None:
        if is_of_class:
            monkeypatch.setattr(Attention, "forward", lambda own, *args, **how: other(own, *args, **how))
        else:
            monkeypatch.setattr(module, "forward", functools.partial(other, module))

    put(LikeXformers())
    assert torch.allclose(traced(pipeline, draw)[1], expected, atol=1e-5)
    put(Deaf())
    with trace(pipeline), pytest.raises(TypeError, match=r"attn2: .* can't be traced"):
        draw(pipeline, output_type="latent")


def test_a_usual_processor_with_another_call_is_no_usual_one(
    pipeline: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: telling processors by their class alone."""
    _, expected = traced(pipeline, draw)
    monkeypatch.setattr(AttnProcessor2_0, "__call__", LikeXformers.__call__)
    assert torch.allclose(traced(pipeline, draw)[1], expected, atol=1e-5)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_an_attention_put_in_place_amid_a_step_is_refused_where_it_hides_what_runs(
    pipeline: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """From the first steps on it is what runs, and is recorded.

    Control: what it hides is missing from the maps, and nobody is told.
    """
    _, expected = traced(pipeline, draw, num_inference_steps=4)
    own = functional.scaled_dot_product_attention
    calls: list[int] = []

    def put(*_: Any) -> None:
        calls.append(1)
        if len(calls) >= first:
            another = functools.partial(own)
            monkeypatch.setattr(functional, "scaled_dot_product_attention", another)

    handle = pipeline.unet.mid_block.register_forward_pre_hook(put)
    if first == 1:
        assert torch.allclose(traced(pipeline, draw, num_inference_steps=4)[1], expected, atol=1e-5)
    else:
        with trace(pipeline), pytest.raises(ValueError, match="put it there before the pipeline runs"):
            draw(pipeline, output_type="latent", num_inference_steps=4)
    handle.remove()
    monkeypatch.undo()  # puts back what it found amid the step: ours
    assert torch.allclose(traced(pipeline, draw, num_inference_steps=4)[1], expected, atol=1e-5)
    assert functional.scaled_dot_product_attention is own


class FewKeys(AttnProcessor2_0):
    """Makes the usual call with keys of its own number: fewer of the text's, or more."""

    def __init__(self, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.change = change

    def __call__(self, attn: Any, hidden_states: Any, encoder_hidden_states: Any = None, **how: Any) -> Any:
        own: Any = functional.scaled_dot_product_attention
        if encoder_hidden_states is None:
            return super().__call__(attn, hidden_states, **how)

        def changed(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, **more: Any) -> Any:
            return own(query, self.change(key), self.change(value), **more)

        functional.scaled_dot_product_attention = cast(Any, changed)
        try:
            return super().__call__(attn, hidden_states, encoder_hidden_states, **how)
        finally:
            functional.scaled_dot_product_attention = own


def test_more_keys_than_the_text_s_take_their_share(pipeline: Any, draw: Draw) -> None:
    """Control: taking any call of a known kernel for one of the text's keys alone."""
    with torch.no_grad():
        text, _ = pipeline.encode_prompt("a red circle", "cpu", 1, False)
    pipeline.unet.set_attn_processor(FewKeys(lambda each: torch.cat([each, each[:, :, :4]], dim=2)))
    # Nobody names the words: every key of the text's is wanted, and those that were added are none.
    for _ in range(2):
        with trace(pipeline) as recording:
            draw(pipeline, prompt=None, prompt_embeds=text, num_images_per_prompt=2)
        maps = recording.token_maps()
    assert maps.shape[1] == text.shape[1]
    assert maps.min() >= 0
    assert (maps.sum(dim=1) > 0.5).all()
    assert (maps.sum(dim=1) < 1).all()


def test_fewer_keys_than_the_text_s_are_refused(pipeline: Any, draw: Draw) -> None:
    """Control: reading, past the end of a view, keys that the model did not attend to."""
    pipeline.unet.set_attn_processor(FewKeys(lambda each: each[:, :, :10]))
    with pytest.raises(RuntimeError, match="exceeds dimension size"):
        traced(pipeline, draw, num_inference_steps=3)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_module_that_is_given_other_text_is_recorded_too(pipeline: Any, draw: Draw, steps: int) -> None:
    """With keys of its projections' own, as adapters add. Control: only the text's number is looked at."""

    class Longer(torch.nn.Module):
        def __init__(self, base: torch.nn.Module) -> None:
            super().__init__()
            self.base = base

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            made = self.base(inputs)
            return torch.cat([made, made[:, :4]], dim=1)

    with trace(pipeline) as whole:
        draw(pipeline, num_inference_steps=steps)
    module = pipeline.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    module.to_k, module.to_v = Longer(module.to_k), Longer(module.to_v)
    with trace(pipeline) as recording:
        draw(pipeline, num_inference_steps=steps)
    assert recording.divisor == whole.divisor


@pytest.mark.parametrize("change", ["processor", "forward"])
def test_a_module_that_changes_its_ways_amid_a_step_is_not_missed_unsaid(
    pipeline: Any, draw: Draw, change: str
) -> None:
    """In every step, and back at its end. Control: asking once a step which way a module goes."""
    with trace(pipeline) as whole:
        draw(pipeline)
    module = pipeline.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    usual = module.processor

    def put(*_: Any) -> None:
        if change == "processor":
            module.set_processor(AttnProcessor())
        else:
            module.forward = functools.partial(Deaf(), module)

    def back(*_: Any) -> None:
        module.set_processor(usual)

    handles = [pipeline.unet.conv_in.register_forward_pre_hook(put)]
    handles.append(pipeline.unet.conv_out.register_forward_pre_hook(back))
    if change == "forward":
        with trace(pipeline), pytest.raises(TypeError, match="can't be traced"):
            draw(pipeline)
    else:
        with trace(pipeline) as recording:
            draw(pipeline)
        assert recording.divisor == whole.divisor
    for handle in handles:
        handle.remove()


def test_an_attention_put_around_ours_amid_a_step_hides_nothing(
    pipeline: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it keeps of ours, when it stays, is no hindrance to the next trace.

    Controls: looking for the module in the caller's frame alone; one function for every trace, which then
    calls itself by way of the other.
    """
    _, expected = traced(pipeline, draw)

    def put(*_: Any) -> None:
        found = functional.scaled_dot_product_attention
        monkeypatch.setattr(
            functional, "scaled_dot_product_attention", lambda *args, **how: found(*args, **how)
        )

    monkeypatch.setattr(functional, "scaled_dot_product_attention", functional.scaled_dot_product_attention)
    handle = pipeline.unet.mid_block.register_forward_pre_hook(put)
    for _ in range(2):
        assert torch.allclose(traced(pipeline, draw)[1], expected, atol=1e-5)
    handle.remove()
    assert torch.allclose(traced(pipeline, draw)[1], expected, atol=1e-5)


@pytest.mark.parametrize("change", ["processor", "forward"])
def test_a_module_that_changes_its_ways_amid_a_later_step_is_refused(
    pipeline: Any, draw: Draw, change: str
) -> None:
    """Control: that step of it is missing, and nobody is told."""
    module = pipeline.unet.mid_block.attentions[0].transformer_blocks[0].attn2
    calls: list[int] = []

    def put(*_: Any) -> None:
        calls.append(1)
        if len(calls) < 3:
            return
        if change == "processor":
            module.set_processor(AttnProcessor())
        else:
            module.forward = functools.partial(LikeXformers(), module)

    traced(pipeline, draw)  # the first call of a kernel is proof only
    handle = pipeline.unet.conv_in.register_forward_pre_hook(put)
    with trace(pipeline), pytest.raises(ValueError, match="exchange it between two steps"):
        draw(pipeline, num_inference_steps=4)
    handle.remove()


@pytest.mark.parametrize("window", [77, 64], ids=["other", "as many places as tokens"])
def test_a_compiled_attention_to_the_image_is_not_compiled_anew_at_every_step(
    draw: Draw, window: int
) -> None:
    """Controls: what stands in for the public call asks for a number that is another in each step; or for the
    caller, where there is none.
    """
    pipeline = tiny_pipeline(window=window)
    pipeline.set_progress_bar_config(disable=True)
    with trace(pipeline) as plain:
        draw(pipeline)
    graphs: list[Any] = []

    def count(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    attention = pipeline.unet.mid_block.attentions[0].transformer_blocks[0].attn1
    attention.compile(backend=count, fullgraph=True)
    for _ in range(2):
        with trace(pipeline) as recording:
            draw(pipeline)
        assert torch.allclose(recording.token_maps(), plain.token_maps(), atol=1e-6)
    found = len(graphs)
    assert found > 0
    for _ in range(2):
        with trace(pipeline):
            draw(pipeline)
    assert len(graphs) == found
