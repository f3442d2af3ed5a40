"""Drawing a changed prompt with another prompt's attention."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.models import tokenizer
from generation.attribution.alignment import align
from generation.attribution.relevance_counter import cross_attention
from generation.attribution.replay import fixed_attention, same_noise
from training.demo_model.evaluate import load_pipeline
from training.demo_model.judge import find_objects

TOKENIZER = tokenizer(window=12)


def _draw(pipeline: Any, prompts: list[str], **settings: Any) -> Any:
    defaults: dict[str, Any] = {"num_inference_steps": 4, "output_type": "latent", "guidance_scale": 3.0}
    noise = same_noise(8, prompts=len(prompts))
    return pipeline(prompts, generator=noise, **{**defaults, **settings}).images


def test_the_same_prompt_gives_the_same_latents(tiny: Any) -> None:
    plain = _draw(tiny, ["a red circle", "a red circle"])
    with fixed_attention(tiny):
        fixed = _draw(tiny, ["a red circle", "a red circle"])
    rounding = 2e-6 * float(plain.abs().max())  # the replayed softmax rounds otherwise than the fused one
    assert torch.allclose(fixed[1], plain[1], rtol=0, atol=rounding)
    assert torch.allclose(fixed[0], fixed[1], rtol=0, atol=rounding)


def test_the_seed_prompts_latents_are_untouched_and_the_changed_prompts_are_not(tiny: Any) -> None:
    prompts = ["a red circle", "a blue circle"]
    plain = _draw(tiny, prompts)
    with fixed_attention(tiny) as replay:
        fixed = _draw(tiny, prompts)
    assert torch.equal(fixed[0], plain[0])
    assert (fixed[1] - plain[1]).abs().max() > 1e-3
    assert replay.steps_fixed == replay.steps_seen == 4


@pytest.mark.parametrize(("share", "steps"), [(0.0, 0), (0.5, 2), (0.8, 3), (1.0, 4)])
def test_only_the_first_share_of_the_steps_is_fixed(tiny: Any, share: float, steps: int) -> None:
    prompts = ["a red circle", "a blue circle"]
    plain = _draw(tiny, prompts)
    with fixed_attention(tiny, share=share) as replay:
        fixed = _draw(tiny, prompts)
    assert (replay.steps_fixed, replay.steps_seen) == (steps, 4)
    assert torch.equal(fixed[1], plain[1]) == (share == 0)


def test_aligned_tokens_take_the_seed_prompts_attention(tiny: Any) -> None:
    """A module's output worked out in float64 from its inputs. Control: any other alignment."""
    path, module = next(iter(cross_attention(tiny.unet).items()))
    calls: list[Any] = []

    def keep(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        calls.append((args[0] if args else kwargs["hidden_states"], kwargs["encoder_hidden_states"], output))

    handle = module.register_forward_hook(keep, with_kwargs=True)
    try:
        with fixed_attention(tiny):
            _draw(tiny, ["a red circle", "a blue hot circle"], guidance_scale=1.0, num_inference_steps=1)
    finally:
        handle.remove()
    hidden, states, output = (each.double() for each in calls[0])
    module.double()
    try:
        with torch.no_grad():
            wanted = _by_hand(module, hidden, states)
    finally:
        module.float()
    assert path
    assert torch.allclose(output[1], wanted, atol=1e-5)


def _by_hand(module: Any, hidden: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    """Tokens: start a red circle end pad... against start a blue hot circle end pad..."""
    query, key, value = module.to_q(hidden), module.to_k(states), module.to_v(states[1])
    width = query.shape[-1] // module.heads
    heads = []
    for head in range(module.heads):
        part = slice(head * width, (head + 1) * width)
        first, second = (
            (query[row, :, part] @ key[row, :, part].T / width**0.5).softmax(dim=-1) for row in (0, 1)
        )
        # "red" became "blue hot": unequally many words, so both keep their own; the end moves by one.
        mixed = torch.zeros_like(second)
        mixed[:, :2], mixed[:, 2:4] = first[:, :2], second[:, 2:4]
        mixed[:, 4:-1] = first[:, 3:-2]
        mixed[:, -1] = first[:, -2:].sum(dim=1)
        heads.append(mixed @ value[:, part])
    projected: torch.Tensor = module.to_out[0](torch.cat(heads, dim=-1))
    return projected


def test_processors_and_hooks_are_restored_after_an_exception(tiny: Any) -> None:
    before = {path: module.processor for path, module in cross_attention(tiny.unet).items()}
    with pytest.raises(RuntimeError, match="stop"), fixed_attention(tiny):
        raise RuntimeError("stop")
    assert {path: module.processor for path, module in cross_attention(tiny.unet).items()} == before
    assert not tiny.unet._forward_pre_hooks
    assert "encode_prompt" not in vars(tiny)


def test_wrong_use_is_refused_with_its_reason(tiny: Any) -> None:
    with pytest.raises(ValueError, match="share must lie"), fixed_attention(tiny, share=1.5):
        pass
    nowhere = fixed_attention(tiny, layers=["nowhere"])
    with pytest.raises(ValueError, match="no cross-attention at nowhere"), nowhere:
        pass
    with fixed_attention(tiny), pytest.raises(ValueError, match="as one list"):
        _draw(tiny, ["a red circle"])


def test_xl_is_fixed_likewise(tiny_xl: Any) -> None:
    prompts = ["a red circle", "a red circle"]
    plain = _draw(tiny_xl, prompts, num_inference_steps=2)
    with fixed_attention(tiny_xl):
        fixed = _draw(tiny_xl, prompts, num_inference_steps=2)
    assert torch.allclose(fixed[1], plain[1], atol=1e-4)


def test_a_swapped_word_takes_the_place_of_the_old_one() -> None:
    found = align("a red circle", "a blue circle", tokenizer=TOKENIZER)
    assert found.own == ()
    assert [sources[0] for sources in found.sources] == [(place, 1.0) for place in range(12)]


def test_an_added_word_keeps_its_own_attention_and_the_others_move() -> None:
    found = align("a circle", "a red circle", tokenizer=TOKENIZER)
    assert found.own == (2,)
    assert found.sources[3] == ((2, 1.0),)
    assert found.sources[4] == ((3, 1.0),)  # the end token
    assert found.sources[11] == ((10, 1.0), (11, 1.0))  # no source position is lost


def test_a_left_out_word_is_left_out() -> None:
    found = align("a red circle", "a circle", tokenizer=TOKENIZER)
    used = {origin for sources in found.sources for origin, _ in sources}
    assert used == set(range(12)) - {2}
    assert found.own == (11,)


def test_words_of_unequally_many_tokens_share_their_attention() -> None:
    """ "bird" is spelled in four tokens here, "cat" is one."""
    found = align("a cat", "a bird", tokenizer=TOKENIZER)
    pieces = len(TOKENIZER("bird", add_special_tokens=False).input_ids)
    assert pieces > 1
    assert found.sources[2 : 2 + pieces] == (((2, 1.0 / pieces),),) * pieces
    back = align("a bird", "a cat", tokenizer=TOKENIZER)
    assert back.sources[2] == tuple((place, 1.0) for place in range(2, 2 + pieces))


def test_the_bundled_model_keeps_the_layout() -> None:
    """A circle drawn with a star's attention covers the star better. Control: its own attention."""
    pipeline = load_pipeline(Path("generation/demo_model"))
    prompts = ["a red star", "a red circle"]
    overlaps = {}
    for name, share in (("free", 0.0), ("fixed", 1.0)):
        found = []
        for seed in range(3):
            with fixed_attention(pipeline, share=share):
                pictures = pipeline(
                    prompts, num_inference_steps=10, guidance_scale=2.0, output_type="np",
                    generator=same_noise(seed, prompts=2),
                ).images  # fmt: skip
            found.append(_overlap(*np.rint(pictures * 255).astype(np.uint8)))
        overlaps[name] = float(np.mean(found))
    assert overlaps["fixed"] > overlaps["free"] + 0.05


def _overlap(first: Any, second: Any) -> float:
    """Of everything that is drawn in either picture."""
    masks = [np.any([thing.mask for thing in find_objects(each)], axis=0) for each in (first, second)]
    return float((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
