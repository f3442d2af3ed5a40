"""Other ways to compute the same attention: slices, old processors, LoRA, IP-Adapter, compiled graphs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor

from benchmarks.models import tiny_pipeline, tokenizer
from generation.attribution import trace

Draw = Callable[..., Any]
SPACE = 32


@pytest.fixture
def pipeline() -> Any:
    """One of its own, as these tests change it."""
    made = tiny_pipeline()
    made.set_progress_bar_config(disable=True)
    return made


def traced(pipeline: Any, draw: Draw, **how: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The latent and all maps."""
    with trace(pipeline, positions=range(77)) as recording:
        latent = draw(pipeline, output_type="latent", **how)
    return latent, recording.token_maps()


class LikeXformers:
    """Makes the calls of a memory-efficient processor: projections, then a kernel that torch doesn't see."""

    def __call__(
        self, attn: Any, hidden_states: torch.Tensor, encoder_hidden_states: Any = None, **_: Any
    ) -> torch.Tensor:
        text = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            attn.head_to_batch_dim(each).contiguous()
            for each in (attn.to_q(hidden_states), attn.to_k(text), attn.to_v(text))
        )
        scores = torch.einsum("bqc,bkc->bqk", query, key) * attn.scale
        output = torch.einsum("bqk,bkc->bqc", scores.softmax(dim=-1), value)
        made: torch.Tensor = attn.to_out[1](attn.to_out[0](attn.batch_to_head_dim(output)))
        return made


@pytest.mark.parametrize("way", ["slices", "explicit softmax", "like xformers"])
def test_attention_without_the_public_call_is_read_from_the_projections(
    pipeline: Any, draw: Draw, way: str
) -> None:
    """Control: only the public call is watched, and such a run has no maps."""
    _, expected = traced(pipeline, draw)
    if way == "slices":
        pipeline.enable_attention_slicing(1)
    else:
        pipeline.unet.set_attn_processor(AttnProcessor() if way == "explicit softmax" else LikeXformers())
    plain = draw(pipeline, output_type="latent")
    latent, maps = traced(pipeline, draw)
    assert torch.equal(latent, plain)
    assert torch.allclose(maps, expected, atol=1e-5)


def test_processors_exchanged_during_a_trace_are_read_from_then_on(pipeline: Any, draw: Draw) -> None:
    """Control: looking only once, when the trace begins, whether a module's projections must be read."""
    _, expected = traced(pipeline, draw)
    usual = dict(pipeline.unet.attn_processors)
    with trace(pipeline, positions=range(77)) as recording:
        draw(pipeline, output_type="latent")
        for other in (LikeXformers(), usual):
            pipeline.unet.set_attn_processor(dict(other) if isinstance(other, dict) else other)
            draw(pipeline, output_type="latent")
            assert torch.allclose(recording.token_maps(), expected, atol=1e-5)


class Deaf:
    """Attends to nothing: calls neither the public attention nor a projection."""

    def __call__(self, _: Any, hidden_states: torch.Tensor, *__: Any, **___: Any) -> torch.Tensor:
        return torch.zeros_like(hidden_states)


def test_no_projections_of_an_earlier_call_are_read(pipeline: Any, draw: Draw) -> None:
    """Control: readers that stay, once needed, keep what usual processors' projections hand over as well.

    Each step has other processors.
    """
    following = [dict(pipeline.unet.attn_processors), Deaf(), Deaf()]

    def exchange(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        pipeline.unet.set_attn_processor(following[step])
        return tensors

    pipeline.unet.set_attn_processor(LikeXformers())
    with trace(pipeline), pytest.raises(TypeError, match="can't be traced"):
        draw(pipeline, output_type="latent", num_inference_steps=3, callback_on_step_end=exchange)


class LowRank(torch.nn.Module):
    """A layer with a learned addition of low rank, as adapters put in a projection's place."""

    def __init__(self, base: torch.nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down = torch.nn.Linear(base.in_features, 2, bias=False)
        self.up = torch.nn.Linear(2, base.out_features, bias=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.base(inputs) + self.up(self.down(inputs))
        return made


def test_adapters_in_the_projections_are_part_of_what_is_read(pipeline: Any, draw: Draw) -> None:
    """Control: reading the base layer's weights gives the maps of the model without its adapter."""
    _, without = traced(pipeline, draw)
    torch.manual_seed(1)
    for module in list(pipeline.unet.modules()):
        if isinstance(module, Attention) and module.is_cross_attention:
            module.to_q, module.to_k = LowRank(module.to_q), LowRank(module.to_k)
    _, watched = traced(pipeline, draw)
    assert (watched - without).abs().max() > 1e-3
    # The same adapter, added into the weights.
    for module in list(pipeline.unet.modules()):
        if isinstance(module, Attention) and module.is_cross_attention:
            for name in ("to_q", "to_k"):
                layer = getattr(module, name)
                layer.base.weight.data += layer.up.weight.data @ layer.down.weight.data
                setattr(module, name, layer.base)
    _, merged = traced(pipeline, draw)
    assert torch.allclose(watched, merged, atol=1e-5)


def test_an_ip_adapter_s_picture_is_no_text(pipeline: Any, draw: Draw) -> None:
    """It attends to the picture in a call of its own. The text's probabilities are over the text alone.

    Control: taking the last attention call of a module for the text's.
    """
    torch.manual_seed(2)
    pipeline.unet._load_ip_adapter_weights([_adapter(pipeline.unet)])
    pipeline.set_ip_adapter_scale(0.7)
    picture = torch.randn(2, 1, SPACE)  # (without, with guidance)
    how = {"ip_adapter_image_embeds": [picture]}
    plain = draw(pipeline, output_type="latent", **how)
    latent, maps = traced(pipeline, draw, **how)
    assert torch.equal(latent, plain)
    assert torch.allclose(maps.sum(dim=1), torch.ones(1, 16, 16), atol=1e-5)


def _adapter(unet: Any) -> dict[str, Any]:
    """Random weights of an IP-Adapter for a UNet: one pair of projections for each attention to text."""
    text = unet.config.cross_attention_dim
    projections: dict[str, torch.Tensor] = {}
    number = 1
    for name in unet.attn_processors:
        if "attn2" in name:
            heads = unet.get_submodule(name.removesuffix(".processor"))
            for part in ("to_k_ip", "to_v_ip"):
                projections[f"{number}.{part}.weight"] = torch.randn(heads.to_k.out_features, text) / 8
            number += 2
    return {
        "image_proj": {
            "proj.weight": torch.randn(4 * text, SPACE) / 8,
            "proj.bias": torch.zeros(4 * text),
            "norm.weight": torch.ones(text),
            "norm.bias": torch.zeros(text),
        },
        "ip_adapter": projections,
    }


@pytest.mark.parametrize("how", ["whole", "in place", "a block"])
def test_a_compiled_denoiser_is_refused_before_it_runs(pipeline: Any, how: str) -> None:
    """A graph compiled without hooks runs without them. Control: no maps, and no word why."""
    if how == "whole":
        pipeline.unet = torch.compile(pipeline.unet, backend="eager")
    else:
        (pipeline.unet if how == "in place" else pipeline.unet.mid_block).compile(backend="eager")
    with pytest.raises(ValueError, match=r"torch\.compile"), trace(pipeline):
        pass


def test_compiled_parts_without_attention_to_text_are_no_hindrance(pipeline: Any, draw: Draw) -> None:
    _, expected = traced(pipeline, draw)
    for resnet in pipeline.unet.mid_block.resnets:
        resnet.compile(backend="eager")
    _, maps = traced(pipeline, draw)
    assert torch.allclose(maps, expected, atol=1e-6)


def test_long_prompts_in_several_windows_have_their_words_in_the_right_one(draw: Draw) -> None:
    """Libraries for long and weighted prompts join the embeddings of windows of ten here, of 77 for CLIP.

    Control: counting through, as if there were one start and one end token.
    """
    pipeline = tiny_pipeline(window=10)
    pipeline.set_progress_bar_config(disable=True)
    text = "a red circle and a blue square with the dog and a hot cat"
    chunks = ["a red circle and a blue square with", "the dog and a hot cat"]
    device = torch.device("cpu")
    made = [pipeline.encode_prompt(chunk, device, 1, True) for chunk in chunks]
    embeds, negative = (torch.cat(each, dim=1) for each in zip(*made, strict=True))
    with trace(pipeline, prompts=[text], positions=range(20)) as recording:
        draw(pipeline, None, prompt_embeds=embeds, negative_prompt_embeds=negative)
    assert recording.select("with").positions == (8,)
    assert recording.select("the").positions == (11,)
    assert recording.select("cat").positions == (16,)
    ids = tokenizer(window=10)(chunks[1]).input_ids
    assert pipeline.tokenizer.convert_ids_to_tokens([ids[16 - 10]]) == ["cat</w>"]
    assert recording.special("end").positions == (17,)
    assert np.isfinite(recording.word_map("cat")).all()


def test_a_second_prompt_of_xl_has_words_of_its_own(tiny_xl: Any, draw: Draw) -> None:
    """Both encoders fill the same keys: a position holds a token of each."""
    with trace(tiny_xl) as recording:
        draw(tiny_xl, "a red circle", prompt_2="the dog with a circle")
    assert recording.select("circle").positions == (3,)
    assert recording.select("circle", encoder="text_encoder_2").positions == (5,)
    assert recording.select("dog", encoder="text_encoder_2").positions == (2,)
    with pytest.raises(LookupError, match="dog"):
        recording.select("dog")
