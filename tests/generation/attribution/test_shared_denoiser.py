"""Calls of the denoiser that are no step of the traced run: another pipeline's, or a second in a step."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image

from benchmarks.joint_models import tiny_flux
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
