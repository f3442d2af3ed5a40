"""Following an image back to noise, and changing one word of its caption."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler
from PIL import Image

from generation.attribution.denoisers import PipelineDenoiser, encode_image, shares_of
from generation.attribution.interventions import correlation, distance, intervene, omitted, swapped
from generation.attribution.inversion import path_levels, to_image, to_noise
from generation.attribution.words import split_words
from training.demo_model.evaluate import generate, load_pipeline

DEMO = Path("generation/demo_model")


class OneGaussian:
    """The best denoiser of x ~ N(mean, spread^2): the equation then has a closed solution."""

    def __init__(self, *, mean: float, spread: float) -> None:
        self.mean, self.spread = mean, spread

    def __call__(self, noisy: torch.Tensor, *, log_snr: torch.Tensor, texts: Sequence[str]) -> torch.Tensor:
        del texts
        signal, share = shares_of(log_snr, like=noisy)
        return share * (noisy - signal * self.mean) / (signal**2 * self.spread**2 + share**2)


@pytest.mark.parametrize(("rule", "order"), [("ddim", 1), ("heun", 2)])
def test_the_end_is_the_closed_solution_to_the_rules_order(rule: Any, order: int) -> None:
    """For a Gaussian the deviation from the mean grows with the marginal's spread, whatever the path."""
    world = OneGaussian(mean=0.7, spread=0.5)
    x = torch.randn(2, 3, 3, generator=torch.Generator().manual_seed(0)).double()
    errors = []
    for steps in (50, 100):
        levels = torch.linspace(4.0, -4.0, steps + 1, dtype=torch.float64)
        signal, share = shares_of(levels[[0, -1]], like=x)
        spread = (signal**2 * 0.5**2 + share**2).sqrt()
        wanted = signal[1] * 0.7 + (x - signal[0] * 0.7) * spread[1] / spread[0]
        found = to_noise(world, latents=x, text="", levels=levels, rule=rule)
        errors.append(float((found - wanted).abs().max()))
    assert errors[1] < 0.05
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


def test_ddim_is_what_diffusers_own_scheduler_does(tiny: Any) -> None:
    """Forwards and backwards, against DDIMScheduler and DDIMInverseScheduler on the same timesteps."""
    denoiser = PipelineDenoiser(tiny)
    schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    plain = {**schedule, "clip_sample": False, "timestep_spacing": "leading", "steps_offset": 1}
    forwards = DDIMScheduler(**plain, set_alpha_to_one=False)
    forwards.set_timesteps(10)
    timesteps = forwards.timesteps.flip(0)  # 1, 101, ..., 901
    start = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    theirs = start
    for timestep in forwards.timesteps[:-1]:
        noise = denoiser(theirs, log_snr=denoiser.trained_log_snr[timestep][None], texts=["a cat"])
        theirs = forwards.step(noise, timestep, theirs).prev_sample
    levels = denoiser.trained_log_snr[timesteps]
    ours = to_image(denoiser, noisy=start[0], text="a cat", levels=levels, rule="ddim")
    assert torch.allclose(ours, theirs[0], atol=1e-4)

    backwards = DDIMInverseScheduler(**plain)
    backwards.set_timesteps(10)
    image = start
    # The inverse scheduler steps from timestep - 100 to timestep with the noise found there.
    for timestep in timesteps[1:]:
        noise = denoiser(image, log_snr=denoiser.trained_log_snr[timestep - 100][None], texts=["a cat"])
        image = backwards.step(noise, timestep, image).prev_sample
    back = to_noise(denoiser, latents=start[0], text="a cat", levels=levels, rule="ddim")
    assert torch.allclose(back, image[0], atol=1e-4)


@pytest.fixture(scope="module")
def demo() -> Any:
    return load_pipeline(DEMO)


@pytest.fixture(scope="module")
def circle(demo: Any) -> Image.Image:
    return Image.fromarray(generate(demo, prompts=["a red circle"], seeds=[3])[0])


def test_an_image_of_the_bundled_model_comes_back(demo: Any, circle: Image.Image) -> None:
    denoiser = PipelineDenoiser(demo)
    latents = encode_image(demo, circle)
    drift = {}
    for rule in ("ddim", "heun"):
        levels = path_levels(denoiser.trained_log_snr, steps=20)
        noisy = to_noise(denoiser, latents=latents, text="a red circle", levels=levels, rule=rule)
        back = to_image(denoiser, noisy=noisy, text="a red circle", levels=levels, rule=rule)
        drift[rule] = float((back - latents).norm() / latents.norm())
    assert drift["heun"] < 0.1
    assert drift["heun"] < drift["ddim"]


def test_another_colour_changes_the_object_and_the_article_changes_little(
    demo: Any, circle: Image.Image
) -> None:
    caption = "a red circle"
    article, red, _ = split_words(caption)
    blue, bare = intervene(
        demo, image=circle, caption=caption, steps=20,
        changed_captions=[swapped(caption, red, "blue"), omitted(caption, article)],
    )  # fmt: skip
    assert blue.changed_caption == "a blue circle"
    assert bare.changed_caption == "red circle"
    assert blue.drift < 0.1
    assert blue.size > 2 * bare.size
    centre, corner = blue.change[24:40, 24:40].mean(), blue.change[:8, :8].mean()
    assert centre > 2 * corner


def test_swapping_in_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="omitted"):
        swapped("a red circle", split_words("a red circle")[1], " ")


def test_distances_are_of_colours_in_zero_to_one() -> None:
    black, white = Image.new("RGB", (4, 2)), Image.new("RGB", (4, 2), "white")
    assert distance(black, white) == pytest.approx(np.full((2, 4), math.sqrt(3)))
    with pytest.raises(ValueError, match="can't be compared"):
        distance(black, Image.new("RGB", (2, 4)))


def test_correlation_is_pearsons() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 6)), rng.normal(size=(5, 6))
    wanted = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    assert correlation(first, second) == pytest.approx(wanted)
    assert math.isnan(correlation(first, np.ones((5, 6))))
    with pytest.raises(ValueError, match="resize"):
        correlation(first, second[:4])
