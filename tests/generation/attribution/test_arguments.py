"""What can't be is refused by name, before the model works for it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.models import tiny_pipeline
from generation.attribution import Scope, Trace, trace
from generation.attribution.words import find_spans

Draw = Callable[..., Any]
UP = "up_blocks.1.attentions.0.transformer_blocks.0.attn2"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"keep": "head"}, "keep='head'.*'grids', 'heads'"),
        ({"prompts": "a cat"}, r"prompts='a cat' is one text.*\['a cat'\]"),
        ({"prompts": [3]}, r"prompts=\[3\]"),
        ({"words": ["cat"]}, r"words\[0\]='cat'.*split_words"),
        ({"words": "cat"}, "words='cat'.*split_words"),
        ({"words": [["cat"]]}, r"words\[0\]=\['cat'\].*split_words"),
        ({"positions": [0, -1]}, "positions: -1 is negative"),
        ({"positions": []}, r"positions=\[\] takes nothing"),
        ({"positions": 5}, r"positions=5: give a list"),
        ({"positions": [0.5]}, "positions: 0.5 is no whole number"),
    ],
)
def test_a_trace_of_what_cannot_be_does_not_begin(tiny: Any, how: dict[str, Any], said: str) -> None:
    """Control: the value is taken for the default, or for its letters."""
    with pytest.raises((TypeError, ValueError), match=said), trace(tiny, **how):
        pass


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"steps": 5}, r"Scope.steps=5: give a list"),
        ({"steps": []}, r"Scope.steps=\[\] takes nothing"),
        ({"steps": [-1]}, "Scope.steps: -1 is negative"),
        ({"layers": "mid_block"}, r"Scope.layers='mid_block' is one text.*\['mid_block'\]"),
        ({"layers": []}, "Scope.layers=.*takes nothing"),
        ({"grids": [8]}, r"Scope.grids is \(height, width\) .*, not 8"),
        ({"grids": []}, "Scope.grids=.*takes nothing"),
        ({"heads": {UP: ()}}, rf"Scope.heads\['{UP}'\]=\(\) takes nothing"),
        ({"heads": {UP: 0}}, rf"Scope.heads\['{UP}'\]=0: give a list"),
        ({"heads": {UP: (0, 0)}}, "names a head twice"),
        ({"heads": {UP: (-1,)}}, "-1 is negative"),
    ],
)
def test_a_scope_of_nothing_cannot_be_made(how: dict[str, Any], said: str) -> None:
    """Control: no map, or all of it, after minutes of work."""
    with pytest.raises((TypeError, ValueError), match=said):
        Scope(**how)


def test_heads_of_the_beginning_of_a_path_are_refused(tiny: Any) -> None:
    """Control: the beginning is known, so it passes, and every head is taken."""
    with (
        pytest.raises(ValueError, match=f"mid_block; .*{UP}"),
        trace(tiny, scope=Scope(heads={"mid_block": (0,)})),
    ):
        pass


@pytest.mark.parametrize(
    ("how", "call", "said"),
    [
        ({"positions": [0, 77]}, {}, "positions: 77 is none of the text's, which are 0 to 76"),
        ({"prompts": ["a cat", "a dog"]}, {}, "prompts: 2 texts for 1 images"),
        ({"prompts": ["a cat", "a dog"]}, {"prompt": ["a"] * 3}, "prompts: 2 texts for 3 images"),
    ],
)
def test_what_does_not_fit_the_call_is_refused_before_the_first_step(
    tiny: Any, draw: Draw, how: dict[str, Any], call: dict[str, Any], said: str
) -> None:
    """Control: an error of an index, or another prompt's words."""
    steps: list[int] = []
    handle = tiny.unet.conv_in.register_forward_hook(lambda *_: steps.append(1))
    try:
        with pytest.raises(ValueError, match=said), trace(tiny, **how):
            draw(tiny, **call)
    finally:
        handle.remove()
    assert not steps


def test_a_denoiser_exchanged_inside_the_trace_is_refused_before_the_first_step(draw: Draw) -> None:
    """Control: the comparison left out; the hooks wait at the old one, and nothing is said but of no run."""
    pipeline = tiny_pipeline()
    with trace(pipeline):
        pipeline.unet = tiny_pipeline(seed=3).unet
        with pytest.raises(ValueError, match="exchanged inside the trace"):
            draw(pipeline)


@pytest.mark.parametrize("guidance", [1.0, 5.0])
def test_a_prompt_changed_by_a_callback_is_refused(draw: Draw, guidance: float) -> None:
    """Control: the steps after the change left out unsaid, as if they were guidance's own."""
    pipeline = tiny_pipeline()

    def change(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "prompt_embeds": values["prompt_embeds"] * 1.01}

    with pytest.raises(ValueError, match="prompt_embeds were changed during the run"), trace(pipeline):
        draw(
            pipeline,
            guidance_scale=guidance,
            callback_on_step_end=change,
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
        )


def test_a_prompt_changed_as_guidance_ends_is_refused(draw: Draw) -> None:
    """Control: calls of one row taken for guidance's own at every step; the map has one step only."""
    pipeline = tiny_pipeline()

    def change(own: Any, _: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
        own._guidance_scale = 0.0
        return {**values, "prompt_embeds": values["prompt_embeds"][-1:] * 1.01}

    with pytest.raises(ValueError, match="prompt_embeds were changed during the run"), trace(pipeline):
        draw(
            pipeline,
            num_inference_steps=4,
            callback_on_step_end=change,
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
        )


def test_guidance_that_a_callback_ends_is_no_change_of_the_prompt(draw: Draw) -> None:
    """All steps count, of the row that is left. Control: refusing whatever changed."""
    pipeline = tiny_pipeline()

    def end(own: Any, _: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
        own._guidance_scale = 0.0
        return {**values, "prompt_embeds": values["prompt_embeds"][-1:]}

    with trace(pipeline, positions=range(77)) as recording:
        draw(
            pipeline,
            callback_on_step_end=end,
            callback_on_step_end_tensor_inputs=["prompt_embeds"],
        )
    assert recording.recorder.steps_seen == 2
    assert torch.allclose(recording.token_maps().sum(dim=1), torch.ones(1, 16, 16), atol=1e-5)


@pytest.fixture(scope="module")
def recorded(_tiny: Any) -> Trace:
    with trace(_tiny, keep="heads") as recording:
        _tiny("a red circle", num_inference_steps=1, generator=torch.Generator().manual_seed(5))
    return recording


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"variant": "castorni"}, "variant='castorni': choose one of 'paper', 'v1', 'castorini'"),
        ({"variant": "heads"}, "variant='heads'.*head_weights"),
        ({"image": 5}, "image=5: the trace has 1 images, numbered 0 to 0"),
        ({"image": -1}, "image=-1"),
        ({"image": 0.0}, "image=0.0: give a whole number"),
        ({"phrases": "red circle"}, r"phrases='red circle' is one text.*\['red circle'\]"),
        ({"out_hw": 64}, r"out_hw is \(height, width\) .*, not 64"),
        ({"out_hw": (0, 0)}, r"out_hw .* 1 or more, not \(0, 0\)"),
        ({"out_hw": (32.0, 32.0)}, r"out_hw .*whole numbers .*32.0"),
        ({"out_hw": (True, 4)}, r"out_hw .*not \(True, 4\)"),
        ({"head_weights": {(UP, 0): float("nan")}}, f"nan for head 0 of {UP}.*finite"),
        ({"head_weights": {(UP, 0): float("inf")}}, f"inf for head 0 of {UP}.*finite"),
        ({"head_weights": {(UP, 0): -1.0}}, f"-1.0 for head 0 of {UP}"),
    ],
)
def test_a_map_of_what_cannot_be_is_not_made(recorded: Trace, how: dict[str, Any], said: str) -> None:
    """Control: another map under the asked name, or a map of nothing."""
    with pytest.raises((TypeError, ValueError), match=said):
        recorded.word_map("circle", **how)


def test_special_tokens_are_of_an_image_that_is_there(recorded: Trace) -> None:
    with pytest.raises(ValueError, match="image=1"):
        recorded.special("end", image=1)


def test_phrases_are_several_where_words_are_looked_up_by_hand_too() -> None:
    with pytest.raises(TypeError, match="phrases='hot dog'"):
        find_spans("a hot dog and a dog", "dog", phrases="hot dog")
