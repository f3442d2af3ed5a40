"""The published code's faults that users reported, each as a test that ours does not have it.

Each test names what castorini/daam 0.2.0 does.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import Attention

from benchmarks.models import mini_sd2, tiny_pipeline
from evaluation.metrics.overlap import count_pairs
from generation.attribution import Scope, aggregation, trace
from generation.attribution.hard import hard
from generation.attribution.probabilities import token_probabilities

Draw = Callable[..., Any]


def test_guidance_off_traces_all_heads(tiny: Any, draw: Draw) -> None:
    """It takes the second half of the heads for the conditional ones, guidance or not."""
    with trace(tiny, keep="heads") as recording:
        draw(tiny, guidance_scale=1.0)
    for layer in recording.layer_sums():
        assert len(layer.heads) == tiny.unet.get_submodule(layer.path).heads
        assert (layer.sums.sum(dim=(0, 1, 3, 4)) > 0).all()


def test_two_images_of_a_prompt_have_maps_of_their_own(tiny: Any, draw: Draw) -> None:
    """It returns one averaged map."""
    with trace(tiny) as recording:
        draw(tiny, num_images_per_prompt=2)
    first, second = (recording.word_map("circle", image=image) for image in (0, 1))
    assert np.abs(first - second).max() > 1e-4


def test_two_prompts_are_traced_in_one_call(tiny: Any, draw: Draw) -> None:
    """It raises."""
    with trace(tiny) as recording:
        draw(tiny, ["a red circle", "a dog"])
    assert recording.word_map("dog", image=1).shape == recording.word_map("circle", image=0).shape


def test_a_wide_image_is_traced(tiny: Any, draw: Draw) -> None:
    """It takes the square root of the number of pixels for both sides, and crashes."""
    with trace(tiny) as recording:
        draw(tiny, height=32, width=48)
    assert recording.word_map("circle").shape == (16, 24)


def test_at_256_pixels_the_8_x_8_level_is_kept(draw: Draw) -> None:
    """It measures every level against a latent of 64 x 64, so that 8 x 8 is eightfold, and dropped.

    Control: a constant 64 in aggregation.castorini.
    """
    pipeline = mini_sd2(width=8, unet={"layers_per_block": 1, "attention_head_dim": (1, 2, 2, 2)})
    pipeline.set_progress_bar_config(disable=True)
    with trace(pipeline, keep="heads") as recording:
        draw(pipeline, height=256, width=256, num_inference_steps=1, output_type="latent")
    layers = recording.layer_sums()
    coarse = [each for each in layers if each.grid == (8, 8) and not each.path.startswith("mid_block")]
    assert coarse
    kept = recording.token_maps(variant="castorini")
    without = [each for each in layers if each not in coarse]
    assert (kept - aggregation.castorini(without, latent_hw=(32, 32))).abs().max() > 1e-4


def test_a_prompt_of_more_than_75_tokens_raises_nothing(tiny: Any, draw: Draw) -> None:
    """It raises in the look-up of words."""
    with trace(tiny) as recording:
        draw(tiny, "a red cat " * 40)
    assert recording.word_map("cat", occurrence=3).shape == (16, 16)
    assert not recording.select("cat", occurrence=39).is_seen


def test_prompt_embeddings_are_traced(tiny: Any, draw: Draw) -> None:
    """It raises, as it looks for the text."""
    embeds, negative = tiny.encode_prompt("a red circle", torch.device("cpu"), 1, True)
    with trace(tiny, prompts=["a red circle"]) as recording:
        draw(tiny, None, prompt_embeds=embeds, negative_prompt_embeds=negative)
    assert recording.word_map("circle").shape == (16, 16)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_fifty_half_precision_steps_add_up_in_full_precision(draw: Draw, dtype: torch.dtype) -> None:
    """It adds in half precision: up to 4 % off after 50 steps.

    The mean over all steps against float64 on the same half-precision queries and keys, for all layers.
    """
    pipeline = tiny_pipeline(seed=3)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(dtype=dtype)
    exact: dict[str, torch.Tensor] = {}
    naive: dict[str, torch.Tensor] = {}
    handed: dict[str, torch.Tensor] = {}
    handles = []
    for path, module in pipeline.unet.named_modules():
        if isinstance(module, Attention) and module.is_cross_attention:

            def add(_: Any, __: Any, key: torch.Tensor, path: str = path, module: Any = module) -> None:
                both = [
                    each[1:]
                    .double()
                    .reshape(1, -1, module.heads, each.shape[-1] // module.heads)
                    .transpose(1, 2)
                    for each in (handed[path], key)
                ]
                scores = both[0] @ both[1].mT * module.scale
                share = scores.softmax(dim=-1)
                exact[path] = exact.get(path, torch.zeros_like(share)) + share
                naive[path] = naive.get(path, torch.zeros_like(share, dtype=dtype)) + share.to(dtype)

            def keep(_: Any, __: Any, query: torch.Tensor, path: str = path) -> None:
                handed[path] = query

            handles += [module.to_q.register_forward_hook(keep), module.to_k.register_forward_hook(add)]
    with trace(pipeline, keep="heads", positions=range(77)) as recording:
        draw(pipeline, num_inference_steps=50, output_type="latent")
    for handle in handles:
        handle.remove()
    worst = worst_naive = 0.0
    for layer in recording.layer_sums():
        wanted = exact[layer.path].permute(0, 3, 1, 2).reshape(layer.sums.shape)
        halves = naive[layer.path].permute(0, 3, 1, 2).reshape(layer.sums.shape).double()
        worst = max(worst, float((layer.sums.double() - wanted).abs().max()) / 50)
        worst_naive = max(worst_naive, float((halves - wanted).abs().max()) / 50)
    assert layer.steps == 50
    assert worst < 1e-4
    assert worst_naive > 1e-3  # the control: what half-precision sums would have given


def test_maps_are_height_then_width(tiny: Any, draw: Draw) -> None:
    """It returns (width, height)."""
    with trace(tiny) as recording:
        draw(tiny, height=48, width=32)
    assert recording.word_map("circle").shape == (24, 16)


@pytest.mark.parametrize(
    ("prompt", "word", "phrases"),
    [
        ("a hot dog", "dog", ["hot dog"]),
        ("a skateboarder", "skate", []),
        ("two dogs", "dog", []),
    ],
    ids=["inside a phrase", "inside a longer word", "inside a plural"],
)
def test_a_word_is_not_found_inside_another(
    tiny: Any, draw: Draw, prompt: str, word: str, phrases: list[str]
) -> None:
    """It compares tokens, so that 'dog' is found in 'hot dog' and 'skate' in 'skateboarder'."""
    with trace(tiny) as recording:
        draw(tiny, prompt, num_inference_steps=1)
    with pytest.raises(LookupError, match=word):
        recording.select(word, phrases=phrases)


def test_a_plural_is_found_as_it_is_written(tiny: Any, draw: Draw) -> None:
    """It fails to look plurals up."""
    with trace(tiny) as recording:
        draw(tiny, "two dogs", num_inference_steps=1)
    assert recording.select("dogs").is_seen


def test_tracing_leaves_the_image_bit_for_bit(tiny: Any, draw: Draw) -> None:
    """It replaces the model's attention call, and the image changes in the last bits."""
    plain = draw(tiny, output_type="latent")
    for _ in range(2):  # the first call compares the kernel with the public one, the next ones use it
        with trace(tiny):
            assert torch.equal(draw(tiny, output_type="latent"), plain)


def test_nothing_is_left_behind_after_an_exception_inside_attention(tiny: Any, draw: Draw) -> None:
    """Its hooks stay. Control: a watch that is left only where the module returns."""
    before = tiny.unet.attn_processors
    attention = next(m for m in tiny.unet.modules() if isinstance(m, Attention) and m.is_cross_attention)

    def fail(*_: Any) -> None:
        raise RuntimeError("out of memory")

    handle = attention.to_v.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"), trace(tiny):
        draw(tiny)
    handle.remove()
    assert torch._C._len_torch_function_stack() == 0
    assert tiny.unet.attn_processors == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in tiny.unet.modules())
    with trace(tiny) as again:
        draw(tiny)
    assert again.word_map("circle").shape == (16, 16)


def test_masks_of_two_sizes_are_not_compared() -> None:
    """It enlarges the smaller one: one square at 64 and at 512 pixels then overlaps by 0.939 with itself."""
    small, large = np.zeros((64, 64), dtype=bool), np.zeros((512, 512), dtype=bool)
    small[16:48, 16:48] = large[128:384, 128:384] = True
    with pytest.raises(ValueError, match="shape"):
        count_pairs(small, large)


def test_two_empty_masks_have_no_overlap_to_speak_of() -> None:
    """It scores 0."""
    empty = hard(np.zeros((8, 8)), norm="max", tau=0.4, op=">=").mask
    assert np.isnan(count_pairs(empty, empty).iou()).all()


def test_the_two_published_rules_make_different_masks_of_one_map(tiny: Any, draw: Draw) -> None:
    """Its threshold is not the paper's; a mask says which it is. Control: one rule under two names."""
    with trace(tiny) as recording:
        draw(tiny)
    word_map = recording.word_map("circle", out_hw=(32, 32))
    paper = hard(word_map, norm="max", tau=0.4, op=">=")
    code = hard(word_map, norm="minmax", tau=0.4, op=">")
    assert float(count_pairs(paper.mask, code.mask).iou()[0]) < 0.8
    assert [(each.norm, each.tau, each.op) for each in (paper, code)] == [
        ("max", 0.4, ">="),
        ("minmax", 0.4, ">"),
    ]


def test_a_single_large_layer_is_taken_in_portions(
    tiny: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds all scores of a layer at once. The maps are the same, whatever the portions."""
    with trace(tiny, scope=Scope(steps=[0])) as whole:
        draw(tiny)
    monkeypatch.setattr("generation.attribution.probabilities._SCORE_BYTES", 4096)
    monkeypatch.setattr("generation.attribution.waiting._ROOM_BYTES", {"cpu": 4096})
    sizes = []
    own = token_probabilities

    def seen(*args: Any, **how: Any) -> Any:
        for place, part in own(*args, **how):
            sizes.append(part.numel() * 4)
            yield place, part

    monkeypatch.setattr("generation.attribution.recorder.token_probabilities", seen)
    with trace(tiny, scope=Scope(steps=[0])) as parted:
        draw(tiny)
    assert max(sizes) <= 4096
    assert np.abs(whole.word_map("circle") - parted.word_map("circle")).max() < 1e-6
