"""Calls of the denoiser that are no step of the traced run: another pipeline's, or a second in a step."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image

from benchmarks.joint_models import tiny_flux
from benchmarks.models import tiny_pipeline
from generation.attribution import trace

Draw = Callable[..., Any]
PICTURE = Image.effect_noise((48, 48), 80).convert("RGB")


@pytest.fixture
def sharing(tiny: Any) -> Any:
    """Image to image with the same UNet."""
    parts = {**tiny.components, "scheduler": deepcopy(tiny.scheduler)}
    found = StableDiffusionImg2ImgPipeline(**parts, requires_safety_checker=False)
    found.set_progress_bar_config(disable=True)
    return found


def test_the_other_pipeline_s_run_is_left_out(tiny: Any, sharing: Any, draw: Draw) -> None:
    """With the same prompt, of another size and number. Control: counting every call of the UNet."""
    with trace(tiny) as recording:
        draw(tiny)
        divisor, before = recording.divisor, recording.word_map("circle")
        draw(sharing, image=PICTURE, strength=1.0)
        draw(sharing, ["a cat"] * 3, image=[PICTURE] * 3, strength=1.0, guidance_scale=1.0)
    assert recording.divisor == divisor
    assert recording.latent_hw == (16, 16)
    assert np.array_equal(recording.word_map("circle"), before)


def test_a_run_inside_the_run_is_left_out(tiny: Any, sharing: Any, draw: Draw) -> None:
    """Started by a callback between two steps. Control: telling runs apart by when the prompt was encoded."""
    with trace(tiny) as alone:
        draw(tiny)

    def other(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
        draw(sharing, image=PICTURE.resize((32, 32)), strength=1.0)
        return values

    with trace(tiny) as recording:
        draw(tiny, callback_on_step_end=other)
    assert recording.divisor == alone.divisor
    assert np.array_equal(recording.word_map("circle"), alone.word_map("circle"))


def test_a_pipeline_that_makes_use_of_the_traced_one_is_its_run(tiny: Any, draw: Draw) -> None:
    """Control: leaving out whatever the traced pipeline doesn't call itself."""

    class Around(StableDiffusionPipeline):
        def __call__(self, prompt: str) -> Any:
            text, _ = inner.encode_prompt(prompt, "cpu", 1, False)
            return self.unet(start, 1, encoder_hidden_states=text)

    inner, outer = tiny, Around(**tiny.components, requires_safety_checker=False)
    start = draw(tiny, output_type="latent")
    with trace(tiny) as recording:
        outer("a red circle")
    assert recording.recorder.steps_seen == 1
    assert recording.word_map("circle").shape == (16, 16)


def test_a_denoiser_that_is_called_by_hand_is_traced(tiny: Any, draw: Draw) -> None:
    """Control: leaving out what no pipeline calls."""
    start = draw(tiny, output_type="latent")
    with trace(tiny) as recording:
        text, _ = tiny.encode_prompt("a red circle", "cpu", 1, False)
        tiny.unet(start, 1, encoder_hidden_states=text)
    assert recording.word_map("circle").shape == (16, 16)


def test_two_threads_in_one_traced_pipeline_are_refused(draw: Draw) -> None:
    """The one that began first fails at its next step. Control: its steps are counted among the other's."""
    pipeline = quiet_pipeline()

    def meanwhile(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(draw, pipeline, "a blue dog").result()
        return values

    with trace(pipeline) as recording:
        with pytest.raises(ValueError, match="another thread began a call"):
            draw(pipeline, num_inference_steps=4, callback_on_step_end=meanwhile)
        assert recording.prompts == ("a blue dog",)
        assert recording.recorder.steps_seen == 2


def quiet_pipeline() -> Any:
    """Its scheduler keeps no count of steps, which two runs at a time would get wrong."""
    pipeline = tiny_pipeline()
    pipeline.scheduler = DDIMScheduler()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def once(action: Callable[[], Any]) -> Callable[..., None]:
    """A hook that acts when it is called for the first time."""
    left = [action]

    def hook(*_: Any) -> None:
        if left:
            left.pop()()

    return hook


def test_what_is_left_of_a_step_is_not_counted_for_the_thread_that_began_meanwhile(draw: Draw) -> None:
    """Control: the sites after the middle block add what they see to the other thread's sums."""
    pipeline = quiet_pipeline()
    with trace(pipeline) as alone:
        draw(pipeline, "a blue dog")
    with trace(pipeline) as recording, ThreadPoolExecutor(1) as pool:
        begin = once(lambda: pool.submit(draw, pipeline, "a blue dog").result())
        handle = pipeline.unet.mid_block.register_forward_hook(begin)
        with pytest.raises(ValueError, match="another thread began a call"):
            draw(pipeline)
        handle.remove()
    assert recording.divisor == alone.divisor
    assert (recording.token_maps() - alone.token_maps()).abs().max() < 1e-6


def test_a_refused_thread_leaves_the_step_of_the_other_alone(draw: Draw) -> None:
    """Control: its call, before it is refused, ends the summing of the other thread's step."""
    pipeline = quiet_pipeline()
    with trace(pipeline) as alone:
        draw(pipeline, "a blue dog")
    begun, may_go_on = Event(), Event()

    def wait(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
        begun.set()
        assert may_go_on.wait(60)
        return values

    with trace(pipeline) as recording, ThreadPoolExecutor(1) as pool:
        first = pool.submit(draw, pipeline, num_inference_steps=4, callback_on_step_end=wait)
        assert begun.wait(60)

        def go_on() -> None:
            may_go_on.set()
            first.exception()

        refused = once(go_on)
        handle = pipeline.unet.mid_block.register_forward_hook(refused)
        draw(pipeline, "a blue dog")
        handle.remove()
        with pytest.raises(ValueError, match="another thread began a call"):
            first.result()
    assert recording.divisor == alone.divisor
    assert (recording.token_maps() - alone.token_maps()).abs().max() < 1e-6


def test_another_pipeline_in_another_thread_at_the_same_time_is_left_out(draw: Draw) -> None:
    """Both share the denoiser. Control: its calls end the summing of the traced pipeline's step."""
    pipeline = quiet_pipeline()
    other = StableDiffusionPipeline(**{**pipeline.components, "scheduler": DDIMScheduler()})
    other.set_progress_bar_config(disable=True)
    with trace(pipeline) as alone:
        draw(pipeline)
    with trace(pipeline) as recording, ThreadPoolExecutor(1) as pool:
        meanwhile = once(lambda: pool.submit(draw, other).result())
        handle = pipeline.unet.mid_block.register_forward_hook(meanwhile)
        draw(pipeline)
        handle.remove()
    assert recording.divisor == alone.divisor
    assert (recording.token_maps() - alone.token_maps()).abs().max() < 1e-6


def test_a_denoiser_called_by_hand_in_another_thread_is_traced(tiny: Any, draw: Draw) -> None:
    """Encoded here, run there. Control: ignoring every thread but the one that encoded."""
    with trace(tiny) as recording, ThreadPoolExecutor(1) as pool:
        keys, _ = tiny.encode_prompt("a red circle", "cpu", 1, do_classifier_free_guidance=False)
        pool.submit(tiny.unet, torch.zeros(1, 4, 16, 16), 0, encoder_hidden_states=keys).result()
    assert recording.word_map("circle").shape == (16, 16)


def test_a_call_from_another_thread_alone_is_traced(tiny: Any, draw: Draw) -> None:
    """Control: asking for the thread that opened the trace."""
    with trace(tiny) as recording, ThreadPoolExecutor(1) as pool:
        pool.submit(draw, tiny).result()
    assert recording.recorder.steps_seen == 2


def test_a_negative_prompt_of_flux_equal_to_the_prompt_is_not_counted_too(draw: Draw) -> None:
    """Both calls of a step have the prompt's values. Control: counting every call that has them."""
    flux = tiny_flux()
    flux.set_progress_bar_config(disable=True)
    how = {"height": 32, "width": 32, "max_sequence_length": 16, "num_inference_steps": 3}
    with trace(flux) as alone:
        draw(flux, **how)
    with trace(flux) as recording:
        draw(flux, negative_prompt="a red circle", true_cfg_scale=3.0, **how)
    assert recording.divisor == alone.divisor
    assert recording.recorder.steps_seen == 3
    assert np.allclose(recording.word_map("circle"), alone.word_map("circle"), atol=1e-6)
