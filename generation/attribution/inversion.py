"""From a finished image to the noise that a model would draw it from, and back.

A diffusion model's deterministic sampler follows a differential equation; followed backwards it maps an image
to noise, and forwards the noise to the image again. In x / sqrt(s) over the ratio of noise to signal the
equation is d(x) = noise estimate, and Euler's rule is DDIM.
Sources: Song et al. 2021 (DDIM, eq. 13-14); Karras et al. 2022 (Heun's rule, algorithm 1); used as in Kong et
al. 2024, section 3.3.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from generation.attribution.denoisers import Denoiser, check_latents, shares_of
from generation.attribution.options import check_option

Rule = Literal["ddim", "heun"]


def path_levels(trained_log_snr: Tensor, *, steps: int) -> Tensor:
    """(steps + 1,) log SNR from the image (high) to noise (low): trained levels, evenly spaced timesteps.

    trained_log_snr: (timesteps,), as PipelineDenoiser gives it.
    """
    timesteps = len(trained_log_snr)
    if not 1 <= steps < timesteps:
        raise ValueError(f"steps must lie between 1 and {timesteps - 1}, not {steps}")
    chosen = torch.linspace(0, timesteps - 1, steps + 1, dtype=torch.float64).round().long()
    return trained_log_snr.double()[chosen]


def to_noise(
    denoiser: Denoiser, *, latents: Tensor, text: str, levels: Tensor, rule: Rule = "heun"
) -> Tensor:
    """The noisy image at the last level from which the model draws the latents under the text.

    latents: (channels, height, width), taken as the (nearly clean) image at levels[0].
    rule: "heun" is of second order and asks the model twice a step; "ddim" once.
    """
    return _follow(denoiser, latents, text=text, levels=levels, rule=rule)


def to_image(denoiser: Denoiser, *, noisy: Tensor, text: str, levels: Tensor, rule: Rule = "heun") -> Tensor:
    """The latents that the model draws under the text from a noisy image at the last of the levels."""
    return _follow(denoiser, noisy, text=text, levels=levels.flip(0), rule=rule)


def _follow(denoiser: Denoiser, start: Tensor, *, text: str, levels: Tensor, rule: Rule) -> Tensor:
    check_option("rule", rule, Rule)
    check_latents(start)
    # Double precision: the steps of a round trip add up, and halves of it must cancel.
    signal, _ = shares_of(levels[:1], like=start.double())
    scaled = start.double()[None] / signal
    ratios = torch.exp(-levels.double() / 2)
    for place in range(len(levels) - 1):
        here, there = levels[place : place + 1], levels[place + 1 : place + 2]
        width = float(ratios[place + 1] - ratios[place])
        slope = _noise_at(denoiser, scaled, level=here, text=text)
        if rule == "heun":
            ahead = _noise_at(denoiser, scaled + width * slope, level=there, text=text)
            slope = (slope + ahead) / 2
        scaled = scaled + width * slope
    signal, _ = shares_of(levels[-1:], like=scaled)
    return (scaled * signal)[0].to(start.dtype)


def _noise_at(denoiser: Denoiser, scaled: Tensor, *, level: Tensor, text: str) -> Tensor:
    signal, _ = shares_of(level, like=scaled)
    return denoiser((scaled * signal).float(), log_snr=level, texts=[text]).double()
