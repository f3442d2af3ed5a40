"""The tracer against an independent float64 recorder, and what it must leave as it was."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor

from benchmarks import oracle
from benchmarks.models import tiny_pipeline
from generation.attribution import Scope, WordSpan, trace

UP = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"
Draw = Callable[..., Any]


def hooks_of(model: torch.nn.Module) -> int:
    """How many forward hooks a model and everything inside it carry."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize(
    ("how", "rows"),
    [
        ({"guidance_scale": 7.5}, slice(1, 2)),
        ({"guidance_scale": 1.0}, slice(0, 1)),
        ({"guidance_scale": 7.5, "negative_prompt": "a dog"}, slice(1, 2)),
        ({"guidance_scale": 7.5, "num_images_per_prompt": 2}, slice(2, 4)),
        ({"guidance_scale": 7.5, "height": 48, "width": 32}, slice(1, 2)),
    ],
    ids=["guided", "unguided", "negative-prompt", "two-images", "tall"],
)
def test_every_head_of_every_layer_agrees_with_a_float64_recorder(
    tiny: Any, draw: Draw, how: dict[str, Any], rows: slice
) -> None:
    """Control: rows taken from the front of the batch, or a softmax over the traced tokens only."""
    with oracle.recorded(tiny.unet) as expected:
        draw(tiny, **how)
    with trace(tiny, keep="heads") as recording:
        draw(tiny, **how)
    layers = recording.layer_sums()
    assert [layer.path for layer in layers] == list(expected)
    for layer in layers:
        total = torch.stack(expected[layer.path]).sum(dim=0)[rows]  # (images, heads, pixels, keys)
        wanted = total[..., : layer.sums.shape[1]].permute(0, 3, 1, 2).reshape(layer.sums.shape)
        assert layer.steps == 2
        assert (layer.sums.double() - wanted).abs().max() < 5e-6 * layer.steps


def test_all_tokens_together_get_all_attention(tiny: Any, draw: Draw) -> None:
    """Over all 77 keys, padding too. Control: dropping a head or a layer from the sums but not the count."""
    with trace(tiny, positions=range(77)) as recording:
        draw(tiny)
    for grid in recording.grid_sums():
        assert torch.allclose(grid.sums.sum(dim=1), torch.tensor(float(grid.terms)), atol=1e-4)


@pytest.mark.parametrize("keep", ["grids", "heads"])
@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_the_traced_image_is_bit_for_bit_the_untraced_one(
    tiny: Any, draw: Draw, keep: Any, guidance: float
) -> None:
    """Control: replacing the model's attention call by an explicit softmax changes the last bits."""
    plain = draw(tiny, guidance_scale=guidance, output_type="latent")
    with trace(tiny, keep=keep) as recording:
        traced = draw(tiny, guidance_scale=guidance, output_type="latent")
    assert torch.equal(plain, traced)
    assert recording.word_map("circle").max() > 0  # and it was traced


def test_an_explicit_softmax_in_the_model_s_place_would_change_the_image(tiny: Any, draw: Draw) -> None:
    """The control of the test above: what a tracer that replaces the attention call does."""
    plain = draw(tiny, output_type="latent")
    own = tiny.unet.attn_processors
    tiny.unet.set_attn_processor(AttnProcessor())
    try:
        assert not torch.equal(plain, draw(tiny, output_type="latent"))
    finally:
        tiny.unet.set_attn_processor(own)


def test_heads_add_up_to_grids(tiny: Any, draw: Draw) -> None:
    with trace(tiny, keep="grids") as by_grid:
        draw(tiny)
    with trace(tiny, keep="heads") as by_head:
        draw(tiny)
    for one, other in zip(by_grid.grid_sums(), by_head.grid_sums(), strict=True):
        assert (one.grid, one.terms) == (other.grid, other.terms)
        assert torch.allclose(one.sums, other.sums, atol=1e-5)


def test_an_exception_leaves_the_pipeline_as_it_was(tiny: Any, draw: Draw) -> None:
    """Control: without the finally block, hooks stay and encode_prompt stays wrapped."""
    assert hooks_of(tiny.unet) == 0

    def fail(*_: Any) -> None:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"), trace(tiny):  # noqa: PT012
        assert hooks_of(tiny.unet) > 0
        assert "encode_prompt" in vars(tiny)
        draw(tiny, callback_on_step_end=fail)
    assert hooks_of(tiny.unet) == 0
    assert "encode_prompt" not in vars(tiny)


def test_a_batch_has_the_maps_of_single_runs(tiny: Any) -> None:
    """Two prompts by two images; each image from its own generator. Control: averaging a prompt's images."""
    prompts, seeds = ["a red circle", "the blue square and a dog"], [1, 2, 3, 4]

    def run(texts: list[str], own_seeds: list[int], images: int) -> Any:
        generators = [torch.Generator().manual_seed(seed) for seed in own_seeds]
        with trace(tiny) as recording:
            tiny(
                texts,
                num_inference_steps=2,
                num_images_per_prompt=images,
                generator=generators,
                output_type="np",
            )
        return recording

    together = run(prompts, seeds, 2)
    assert together.prompts == tuple(prompts)
    for image, (prompt, word) in enumerate(
        [(prompts[0], "circle"), (prompts[0], "circle"), (prompts[1], "dog"), (prompts[1], "dog")]
    ):
        alone = run([prompt], [seeds[image]], 1).word_map(word)
        assert np.abs(together.word_map(word, image=image) - alone).max() < 5e-6
    assert np.abs(together.word_map("circle", image=0) - together.word_map("circle", image=1)).max() > 1e-4


def test_maps_are_height_by_width(tiny: Any, draw: Draw) -> None:
    """Control: taking the grid from a square root, or (width, height) order."""
    with trace(tiny) as recording:
        draw(tiny, height=32, width=64)
    assert recording.latent_hw == (16, 32)
    assert recording.word_map("circle").shape == (16, 32)
    assert recording.word_map("circle", out_hw=(32, 64)).shape == (32, 64)
    assert [grid.grid for grid in recording.grid_sums()] == [(8, 16), (16, 32)]


def test_only_the_named_words_are_recorded(tiny: Any, draw: Draw) -> None:
    with trace(tiny, words=[[WordSpan(position=2, text="circle", start=6, end=12)]]) as named:
        draw(tiny)
    with trace(tiny) as everything:
        draw(tiny)
    assert named.positions == (3,)
    assert all(grid.sums.shape[1] == 1 for grid in named.grid_sums())
    assert np.abs(named.word_map("circle") - everything.word_map("circle")).max() < 1e-7
    with pytest.raises(LookupError, match="not traced"):
        named.word_map("red")


def test_words_far_apart_are_recorded_without_those_between(tiny: Any, draw: Draw) -> None:
    spans = [
        WordSpan(position=0, text="a", start=0, end=1),
        WordSpan(position=2, text="circle", start=6, end=12),
    ]
    with trace(tiny, words=[spans]) as named:
        draw(tiny)
    with trace(tiny) as everything:
        draw(tiny)
    assert named.positions == (1, 3)
    for word in ("a", "circle"):
        assert np.abs(named.word_map(word) - everything.word_map(word)).max() < 1e-7


def test_a_word_past_the_window_is_not_seen_and_nothing_fails(tiny: Any, draw: Draw) -> None:
    """Control: the reference raises in its word look-up for prompts of more than 75 tokens."""
    with trace(tiny) as recording:
        draw(tiny, "a red circle " * 30 + "dog")
    assert not recording.select("dog").is_seen
    assert recording.word_map("circle").shape == (16, 16)
    with pytest.raises(LookupError, match="context window"):
        recording.word_map("dog")


def test_a_word_that_is_not_in_the_prompt_is_named(tiny: Any, draw: Draw) -> None:
    with trace(tiny) as recording:
        draw(tiny, "a hot dog")
    with pytest.raises(LookupError, match="cat"):
        recording.word_map("cat")
    with pytest.raises(LookupError, match="dog"):
        recording.word_map("dog", phrases=["hot dog"])


def test_prompt_embeddings_are_traced_by_position_or_with_their_text(tiny: Any, draw: Draw) -> None:
    """Control: the reference reads the prompt and raises without one."""
    embeds, negative = tiny.encode_prompt("a red circle", torch.device("cpu"), 1, True)
    given = {"prompt_embeds": embeds, "negative_prompt_embeds": negative}
    with trace(tiny) as with_text:
        draw(tiny)
    with trace(tiny, prompts=["a red circle"]) as named:
        draw(tiny, None, **given)
    with trace(tiny) as unnamed:
        draw(tiny, None, **given)
    assert np.abs(named.word_map("circle") - with_text.word_map("circle")).max() < 1e-7
    assert unnamed.prompts == ()
    assert unnamed.token_maps().shape == (1, 77, 16, 16)
    assert np.abs(unnamed.token_maps()[0, 3].numpy() - with_text.word_map("circle")).max() < 1e-7


def test_a_textual_inversion_of_several_vectors_is_refused_before_denoising(draw: Draw) -> None:
    """It moves every later token. Control: looking words up in the prompt as it was typed."""
    pipeline = tiny_pipeline()
    pipeline.tokenizer.add_tokens(["<it>", "<it>_1"])
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer))
    with pytest.raises(ValueError, match="textual inversion"), trace(pipeline):
        draw(pipeline, "<it> and a dog")


def test_a_negative_prompt_equal_to_the_prompt_still_takes_the_second_half(tiny: Any, draw: Draw) -> None:
    with trace(tiny) as recording:
        draw(tiny, negative_prompt="a red circle")
    assert recording.word_map("circle").shape == (16, 16)


def test_a_second_call_starts_the_trace_afresh(tiny: Any, draw: Draw) -> None:
    with trace(tiny) as recording:
        draw(tiny, "a red circle")
        draw(tiny, "the blue square")
        assert recording.prompts == ("the blue square",)
        assert sum(grid.terms for grid in recording.grid_sums()) == 2 * 22
    with trace(tiny) as alone:
        draw(tiny, "the blue square")
    assert np.array_equal(recording.word_map("square"), alone.word_map("square"))


def test_nothing_traced_is_said_and_not_shown_as_zeros(tiny: Any, draw: Draw) -> None:
    with trace(tiny) as recording:
        pass
    with pytest.raises(ValueError, match="has not run"):
        recording.token_maps()
    with trace(tiny, scope=Scope(steps=[7])) as recording:
        draw(tiny)
    with pytest.raises(ValueError, match="no attention was traced"):
        recording.token_maps()


def test_two_traces_at_once_agree(tiny: Any, draw: Draw) -> None:
    with trace(tiny) as outer, trace(tiny) as inner:
        draw(tiny)
    assert np.array_equal(outer.word_map("circle"), inner.word_map("circle"))
    assert hooks_of(tiny.unet) == 0


def test_two_pipelines_in_two_threads_keep_their_own_maps(draw: Draw) -> None:
    """Each waits for the other inside its trace. Control: any state shared between traces."""
    both = Barrier(2)

    def meet(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
        both.wait(timeout=120)
        return values

    def run(pipeline: Any, prompt: str, **more: Any) -> np.ndarray:
        generator = torch.Generator().manual_seed(5)
        try:
            with trace(pipeline) as recording:
                draw(pipeline, prompt, generator=generator, **more)
        except BaseException:
            both.abort()  # nobody waits for one that failed
            raise
        return recording.word_map("circle")

    def quiet(seed: int) -> Any:
        pipeline = tiny_pipeline(seed=seed)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    jobs = [(quiet(1), "a red circle"), (quiet(2), "a blue circle and a dog")]
    alone = [run(*job) for job in jobs]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda job: run(*job, callback_on_step_end=meet), jobs))
    # The last bits follow the memory that a thread is given; another thread's attention would be far off.
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one - other).max() < 5e-6


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float16, 1e-4), (torch.bfloat16, 1e-4)])
def test_half_precision_pipelines_are_summed_in_full_precision(draw: Draw, dtype: Any, bound: float) -> None:
    """Against float64 on the same half-precision queries and keys. Control: sums kept in half precision."""
    pipeline = tiny_pipeline(seed=3)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(dtype=dtype)
    with oracle.recorded(pipeline.unet) as expected:
        draw(pipeline, num_inference_steps=1, output_type="latent")
    with trace(pipeline, keep="heads") as recording:
        draw(pipeline, num_inference_steps=1, output_type="latent")
    first = recording.layer_sums()[0]
    wanted = expected[first.path][0][1:, :, :, : first.sums.shape[1]].permute(0, 3, 1, 2)
    assert first.sums.dtype == torch.float32
    assert (first.sums.double() - wanted.reshape(first.sums.shape)).abs().max() < bound


def test_fused_projections_are_traced_too(draw: Draw) -> None:
    pipeline = tiny_pipeline()
    pipeline.set_progress_bar_config(disable=True)
    with trace(pipeline) as plain:
        draw(pipeline)
    pipeline.unet.fuse_qkv_projections()
    with trace(pipeline) as fused:
        draw(pipeline)
    assert np.abs(plain.word_map("circle") - fused.word_map("circle")).max() < 1e-6


def test_both_tokenizers_of_xl_put_a_word_at_the_same_place(tiny_xl: Any, draw: Draw) -> None:
    with trace(tiny_xl, keep="heads") as recording:
        draw(tiny_xl, "a red skateboarder and a blue circle")
    with oracle.recorded(tiny_xl.unet) as expected:
        draw(tiny_xl, "a red skateboarder and a blue circle")
    for layer in recording.layer_sums():
        total = torch.stack(expected[layer.path]).sum(dim=0)[1:]
        wanted = total[..., : layer.sums.shape[1]].permute(0, 3, 1, 2).reshape(layer.sums.shape)
        assert (layer.sums.double() - wanted).abs().max() < 5e-6 * layer.steps
    positions = recording.select("circle").positions
    ids = tiny_xl.tokenizer_2("a red skateboarder and a blue circle").input_ids
    assert [tiny_xl.tokenizer_2.convert_ids_to_tokens(ids[p]) for p in positions] == ["circle</w>"]


def test_tokens_that_the_model_masks_get_no_attention(tiny: Any, draw: Draw) -> None:
    """Control: recomputing the probabilities without the module's attention mask."""

    def mask_padding(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        mask = torch.ones(kwargs["encoder_hidden_states"].shape[:2])
        mask[:, 5:] = 0
        return args, {**kwargs, "encoder_attention_mask": mask}

    handle = tiny.unet.register_forward_pre_hook(mask_padding, with_kwargs=True)
    try:
        with trace(tiny, positions=range(77)) as recording:
            draw(tiny)
    finally:
        handle.remove()
    maps = recording.token_maps()[0]
    assert maps[5:].abs().max() < 1e-6
    assert torch.allclose(maps[:5].sum(dim=0), torch.ones(16, 16), atol=1e-5)
