"""Stable Diffusion 3 and Flux: what image places pay to text keys, out of image and text together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from benchmarks import oracle
from benchmarks.joint_models import tiny_flux, tiny_sd3
from generation.attribution import Scope, WordSpan, backends, trace

Draw = Callable[..., Any]
PROMPT = "a red circle and a blue skateboarder"
T5_KEYS = 24


@pytest.fixture(scope="module")
def sd3() -> Any:
    pipeline = tiny_sd3()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def flux() -> Any:
    pipeline = tiny_flux()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw_joint(draw: Draw, pipeline: Any, prompt: Any = PROMPT, **how: Any) -> Any:
    """Two steps of 32 x 32 pixels with 24 keys of T5."""
    settings = {"height": 32, "width": 32, "output_type": "latent", "max_sequence_length": T5_KEYS}
    return draw(pipeline, prompt, **{**settings, **how})


def largest_error(recording: Any, expected: dict[str, list[torch.Tensor]], rows: slice) -> float:
    """Over all layers, heads, places and text keys: the mean per step against the float64 recorder."""
    worst = 0.0
    layers = recording.layer_sums()
    assert [layer.path for layer in layers] == list(expected)
    for layer in layers:
        total = torch.stack(expected[layer.path]).sum(dim=0)[rows]  # (images, heads, places, keys)
        wanted = total.permute(0, 3, 1, 2).reshape(layer.sums.shape)
        worst = max(worst, float((layer.sums.double() - wanted).abs().max()) / layer.steps)
    return worst


@pytest.mark.parametrize(
    ("how", "rows"),
    [
        ({"guidance_scale": 5.0}, slice(1, 2)),
        ({"guidance_scale": 1.0}, slice(0, 1)),
        ({"guidance_scale": 5.0, "num_images_per_prompt": 2, "negative_prompt": "a cat"}, slice(2, 4)),
        ({"guidance_scale": 5.0, "height": 48}, slice(1, 2)),
    ],
    ids=["guided", "unguided", "two-images-negative", "tall"],
)
@pytest.mark.parametrize("lse", [True, False], ids=["kernel's divisor", "public"])
def test_sd3_agrees_with_a_float64_recorder(
    sd3: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], rows: slice, lse: bool
) -> None:
    """Control: a softmax over the text alone, or text and image keys taken for one another."""
    if not lse:
        monkeypatch.setattr(backends, "_found", backends.Found())
        monkeypatch.setattr(backends, "_operator", lambda *_: None)
    with oracle.recorded_joint(sd3.transformer, text_keys=77 + T5_KEYS) as expected:
        plain = draw_joint(draw, sd3, **how)
    with trace(sd3, keep="heads", positions=range(77 + T5_KEYS)) as recording:
        traced = draw_joint(draw, sd3, **how)
    assert torch.equal(plain, traced)
    assert largest_error(recording, expected, rows) < 5e-6


@pytest.mark.parametrize(
    "how", [{}, {"num_images_per_prompt": 2}, {"height": 48}], ids=["one", "two-images", "tall"]
)
@pytest.mark.parametrize("lse", [True, False], ids=["kernel's divisor", "public"])
def test_flux_agrees_with_a_float64_recorder_in_double_and_single_blocks(
    flux: Any, draw: Draw, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], lse: bool
) -> None:
    """Control: queries and keys before their rotary positions."""
    if not lse:
        monkeypatch.setattr(backends, "_found", backends.Found())
        monkeypatch.setattr(backends, "_operator", lambda *_: None)
    with oracle.recorded_joint(flux.transformer, text_keys=T5_KEYS) as expected:
        plain = draw_joint(draw, flux, **how)
    with trace(flux, keep="heads", positions=range(T5_KEYS)) as recording:
        traced = draw_joint(draw, flux, **how)
    assert torch.equal(plain, traced)
    assert [layer.path.split(".")[0] for layer in recording.layer_sums()] == (
        ["transformer_blocks"] * 2 + ["single_transformer_blocks"] * 2
    )
    assert largest_error(recording, expected, slice(None)) < 5e-6
    assert recording.latent_hw == (how.get("height", 32) // 2, 16)


def test_text_and_image_keys_share_the_attention(sd3: Any, draw: Draw) -> None:
    """All text keys together get less than everything: the rest is the image's own."""
    with trace(sd3, positions=range(77 + T5_KEYS)) as recording:
        draw_joint(draw, sd3)
    total = recording.token_maps().sum(dim=1)
    assert float(total.min()) > 0
    assert float(total.max()) < 1


def test_a_word_of_sd3_is_read_by_three_encoders_at_two_places(sd3: Any, draw: Draw) -> None:
    """Control: T5's positions counted from 0, or with a start token."""
    with trace(sd3) as recording:
        draw_joint(draw, sd3)
    ids = [sd3.tokenizer(PROMPT).input_ids, sd3.tokenizer_3(PROMPT).input_ids]
    for word, letters in (("circle", 1), ("skateboarder", 9)):
        clip = recording.select(word, encoder="text_encoder").positions
        t5 = recording.select(word, encoder="text_encoder_3").positions
        assert clip == recording.select(word, encoder="text_encoder_2").positions
        assert len(clip) == letters
        assert recording.select(word).positions == (*clip, *t5)
        for positions, first, own, tokenizer in (
            (clip, 0, ids[0], sd3.tokenizer),
            (t5, 77, ids[1], sd3.tokenizer_3),
        ):
            pieces = tokenizer.convert_ids_to_tokens([own[place - first] for place in positions])
            assert "".join(pieces).replace("</w>", "").replace("\u2581", "") == word
    maps = [recording.word_map("circle", encoder=name) for name in ("text_encoder", "text_encoder_3")]
    both = recording.word_map("circle")
    assert np.allclose(both, np.mean(maps, axis=0), atol=1e-7)
    assert np.abs(maps[0] - maps[1]).max() > 1e-5


def test_a_word_past_clip_s_window_is_seen_by_t5_alone(sd3: Any, draw: Draw) -> None:
    prompt = "a red circle " * 26 + "dog"
    with trace(sd3) as recording:
        draw_joint(draw, sd3, prompt, max_sequence_length=100)
    assert not recording.select("dog", encoder="text_encoder").is_seen
    assert recording.select("dog").positions == (77 + 78,)
    assert recording.word_map("dog").shape == (16, 16)


def test_each_encoder_of_sd3_is_asked_for_words_of_its_own_text(sd3: Any, draw: Draw) -> None:
    with trace(sd3) as recording:
        draw_joint(draw, sd3, "a cat", prompt_3="the red dog")
    assert recording.select("dog", encoder="text_encoder_3").positions == (77 + 2,)
    assert recording.select("cat").positions == (2,)
    with pytest.raises(LookupError, match="dog"):
        recording.select("dog")
    with pytest.raises(LookupError, match="text_encoder_3"):
        recording.select("cat", encoder="t5")


def test_sd3_without_t5_has_clip_s_words_only(draw: Draw) -> None:
    pipeline = tiny_sd3(with_t5=False)
    pipeline.set_progress_bar_config(disable=True)
    with trace(pipeline) as recording:
        draw_joint(draw, pipeline)
    assert [each.name for each in recording.encoders] == ["text_encoder", "text_encoder_2"]
    assert recording.select("circle").positions == (3,)


def test_without_t5_the_zeros_in_its_place_are_no_words_of_clip(draw: Draw) -> None:
    """Control: the zero keys taken for further windows of CLIP, which then "see" words that it cuts off."""
    pipeline = tiny_sd3(with_t5=False)
    pipeline.set_progress_bar_config(disable=True)
    with trace(pipeline) as recording:
        draw_joint(draw, pipeline, "a red cat " * 40 + "skate", max_sequence_length=256)
    assert recording.select("skate").positions == ()
    assert recording.select("skate").lost > 0
    assert recording.special("end").positions == (76,)
    with pytest.raises(LookupError, match="context window"):
        recording.word_map("skate")
    with trace(pipeline) as recording:
        draw_joint(draw, pipeline, "a cat", max_sequence_length=256)
    assert recording.special("padding").positions == tuple(range(4, 77))


def test_special_tokens_of_both_kinds_of_encoder(sd3: Any, draw: Draw) -> None:
    with trace(sd3, positions=range(77 + T5_KEYS)) as recording:
        draw_joint(draw, sd3, "a cat")
    assert recording.special("start").positions == (0,)
    assert recording.special("end").positions == (3, 77 + 2)
    assert recording.special("padding").positions == (*range(4, 77), *range(77 + 3, 77 + T5_KEYS))
    assert recording.special("padding", encoder="text_encoder_3").positions == tuple(range(80, 77 + T5_KEYS))
    assert recording.word_map(recording.special("start")).shape == (16, 16)


def test_words_of_flux_are_those_that_t5_reads(flux: Any, draw: Draw) -> None:
    with trace(flux) as recording:
        draw_joint(draw, flux)
    assert [each.name for each in recording.encoders] == ["text_encoder_2"]
    ids = flux.tokenizer_2(PROMPT).input_ids
    places = recording.select("circle").positions
    assert flux.tokenizer_2.convert_ids_to_tokens([ids[place] for place in places]) == ["\u2581circle"]
    assert recording.select("blue skateboarder").positions[0] == recording.select("blue").positions[0]


def test_the_negative_prompt_of_flux_is_not_taken_for_the_prompt(flux: Any, draw: Draw) -> None:
    """It is encoded and denoised in calls of its own. Control: the last text that was encoded."""
    how = {"negative_prompt": "the dog", "true_cfg_scale": 3.0}
    with oracle.recorded_joint(flux.transformer, text_keys=T5_KEYS) as expected:
        draw_joint(draw, flux, **how)
    with trace(flux, keep="heads", positions=range(T5_KEYS)) as recording:
        draw_joint(draw, flux, **how)
    assert recording.prompts == (PROMPT,)
    with_prompt = {path: calls[::2] for path, calls in expected.items()}
    assert largest_error(recording, with_prompt, slice(None)) < 5e-6
    assert {layer.steps for layer in recording.layer_sums()} == {2}


def test_skipped_layers_of_sd3_do_not_count_as_steps(sd3: Any, draw: Draw) -> None:
    """Skip-layer guidance asks again for the prompt's rows. Control: counting every call as a step."""
    how = {"skip_guidance_layers": [1], "skip_layer_guidance_stop": 1.0, "guidance_scale": 5.0}
    with trace(sd3, keep="heads") as recording:
        draw_joint(draw, sd3, num_inference_steps=3, **how)
    assert {layer.steps for layer in recording.layer_sums()} == {3}


def test_a_batch_of_flux_has_the_maps_of_single_runs(flux: Any) -> None:
    prompts = ["a red circle", "the blue square and a dog"]

    def run(texts: list[str], seeds: list[int]) -> Any:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        with trace(flux) as recording:
            flux(texts, height=32, width=32, num_inference_steps=2, generator=generators,
                 max_sequence_length=T5_KEYS, output_type="latent")  # fmt: skip
        return recording

    together = run(prompts, [1, 2])
    for image, (prompt, word) in enumerate(zip(prompts, ("circle", "dog"), strict=True)):
        alone = run([prompt], [image + 1]).word_map(word)
        assert np.abs(together.word_map(word, image=image) - alone).max() < 5e-6


def test_named_words_and_scopes_work_as_for_a_unet(sd3: Any, draw: Draw) -> None:
    spans = [WordSpan(position=2, text="circle", start=6, end=12)]
    scope = Scope(layers=["transformer_blocks.1"], heads={"transformer_blocks.1.attn": (1,)}, steps=[1])
    with trace(sd3, words=[spans], scope=scope, keep="heads") as recording:
        draw_joint(draw, sd3)
    (layer,) = recording.layer_sums()
    assert (layer.path, layer.heads, layer.steps) == ("transformer_blocks.1.attn", (1,), 1)
    assert recording.positions == (3, 77 + 2)
    with trace(sd3, keep="heads") as whole:
        draw_joint(draw, sd3)
    assert layer.sums.shape[1] == 2
    assert len(whole.layer_sums()) == 3
    with pytest.raises(ValueError, match="no attention to text"), trace(sd3, scope=Scope(layers=["up"])):
        pass


class Handed(TorchFunctionMode):
    """Keeps the queries and keys of every attention call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            query, key = args[:2] if len(args) > 1 else (named["query"], named["key"])
            self.calls.append((query.double(), key.double()))
        return func(*args, **named)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_joint_attention_is_summed_in_full_precision(draw: Draw, dtype: Any) -> None:
    """Against float64 on the very tensors that the model's attention is given. Control: sums kept in half."""
    pipeline = tiny_flux(seed=3).to(dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)
    embeds, pooled, _ = pipeline.encode_prompt(PROMPT, max_sequence_length=T5_KEYS)
    given = {"prompt": None, "prompt_embeds": embeds, "pooled_prompt_embeds": pooled}
    with Handed() as handed:
        plain = draw_joint(draw, pipeline, **given)
    with trace(pipeline, keep="heads", positions=range(T5_KEYS)) as recording:
        traced = draw_joint(draw, pipeline, **given)
    assert torch.equal(plain, traced)
    layers = recording.layer_sums()
    for number, layer in enumerate(layers):
        shares = [
            (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1) for q, k in handed.calls[number :: len(layers)]
        ]
        wanted = torch.stack(shares).sum(dim=0)[:, :, T5_KEYS:, :T5_KEYS].permute(0, 3, 1, 2)
        assert layer.sums.dtype == torch.float32
        assert (layer.sums.double() - wanted.reshape(layer.sums.shape)).abs().max() < 1e-4
