"""How much a word tells a diffusion model about each place of an image: pointwise mutual information.

What a denoiser gains from a text, summed over all noise levels, is the information that the text carries
about the image; summed for each pixel apart, it is a map. It needs an image (generated, or anybody's own) and
no access to attention.
Source: Kong et al. 2024, "Interpretable Diffusion via Information Decomposition", eq. 5 and 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generation.attribution.denoisers import Denoiser, check_latents, shares_of
from generation.attribution.noise_levels import PAPER, LevelSampling, NoiseLevels, draw_levels
from generation.attribution.options import check_count, check_option
from generation.attribution.words import WordSpan

Array = NDArray[np.float64]
Estimator = Literal["orthogonal", "standard"]
Unit = Literal["nats", "bits"]
Removal = Literal["delete", "underscore"]
AfterLevel = Callable[[int], None]


def nothing(_: int) -> None:
    """What is done after a noise level where nobody waits for it."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two texts; the information is what the first tells beyond the second."""

    given: str
    without: str


@dataclass(frozen=True, kw_only=True)
class Information:
    """Information of each contrast about each place of the latent image, in nats.

    orthogonal: (contrasts, height, width), >= 0: the i^o of the paper, of low variance.
    standard: the same shape: i^s, the pointwise log-likelihood ratio; negative where the text misleads.
    levels: the noise levels used.  orthogonal_by_level, standard_by_level: (contrasts, levels), the integrand
    of the whole image at each level, unweighted: their peaks say at which noise a word matters.
    """

    contrasts: tuple[Contrast, ...]
    orthogonal: Array
    standard: Array
    levels: NoiseLevels
    orthogonal_by_level: Array
    standard_by_level: Array

    def map_of(self, index: int, *, estimator: Estimator = "orthogonal", unit: Unit = "nats") -> Array:
        """(height, width): the information of one contrast at each place.

        Raises ValueError for another estimator or unit.
        """
        check_option("estimator", estimator, Estimator)
        found: Array = (self.orthogonal if estimator == "orthogonal" else self.standard)[index]
        return found / _nats_in(unit)

    def total(self, index: int, *, estimator: Estimator = "standard", unit: Unit = "nats") -> float:
        """The information of one contrast about the whole image."""
        return float(self.map_of(index, estimator=estimator, unit=unit).sum())

    def standard_error(self, index: int, *, estimator: Estimator = "standard", unit: Unit = "nats") -> float:
        """Of the total, from the differences of neighbouring noise levels; NaN for a single level.

        The levels are stratified, so their whole spread would overstate the error: what the integrand does
        from one end to the other is sampled, not guessed.
        Source: Wolter 2007, "Introduction to Variance Estimation", section 8.2 (successive differences).
        """
        check_option("estimator", estimator, Estimator)
        by_level = self.orthogonal_by_level if estimator == "orthogonal" else self.standard_by_level
        terms = by_level[index] * self.levels.weights.numpy()
        if len(terms) < 2:
            return math.nan
        variance = float((np.diff(terms) ** 2).sum()) / (2 * (len(terms) - 1))
        return math.sqrt(variance / len(terms)) / _nats_in(unit)


def conditional_contrast(caption: str, word: WordSpan, *, removal: Removal = "delete") -> Contrast:
    """What a word tells given the rest of its caption (CMI): the caption against the caption without it.

    removal: "underscore" leaves a _ in its place, so that the words after it keep their positions.
    caption: as long as the model reads it, see reading.read_part: words past the window would move up.
    Raises ValueError for another removal, and where the word does not stand in the caption.
    """
    check_option("removal", removal, Removal)
    if caption[word.start : word.end] != word.text:
        raise ValueError(f"{word.text!r} does not stand at {word.start} to {word.end} of {caption!r}")
    left, right = caption[: word.start], caption[word.end :]
    rest = f"{left}_{right}" if removal == "underscore" else f"{left} {right}"
    return Contrast(given=caption, without=" ".join(rest.split()))


def marginal_contrast(word: WordSpan) -> Contrast:
    """What a word tells by itself (MI): the word against no text."""
    return Contrast(given=word.text, without="")


def information(
    denoiser: Denoiser,
    *,
    latents: Tensor,
    contrasts: Sequence[Contrast],
    levels: int,
    seed: int,
    sampling: LevelSampling = PAPER,
    rows_at_once: int = 32,
    after_level: AfterLevel = nothing,
) -> Information:
    """The information of each contrast, estimated at so many noise levels with one noise each.

    latents: (channels, height, width).  Every distinct text is evaluated once per level, with the same noise:
    W words of a caption cost (W + 1) * levels evaluations. rows_at_once bounds the memory of one evaluation.
    after_level: told how many levels are done, after each.
    Raises ValueError, before anything runs, for no contrasts, latents that are not finite or of another
    shape, and numbers of levels or rows below 1.
    """
    check_latents(latents)
    check_count("rows_at_once", rows_at_once)
    if not contrasts:
        raise ValueError("no contrast was given; name at least one word")
    generator = torch.Generator().manual_seed(seed)
    drawn = draw_levels(sampling, count=levels, generator=generator)
    texts = tuple(dict.fromkeys(text for each in contrasts for text in (each.given, each.without)))
    given = [texts.index(each.given) for each in contrasts]
    without = [texts.index(each.without) for each in contrasts]
    size = tuple(latents.shape[-2:])
    orthogonal, standard = np.zeros((len(contrasts), *size)), np.zeros((len(contrasts), *size))
    by_level = np.zeros((2, len(contrasts), levels))
    noises = torch.randn((levels, *latents.shape), generator=generator)
    for level, estimates in _estimates(denoiser, latents, drawn, noises, texts, rows_at_once):
        noise, weight = noises[level].double(), float(drawn.weights[level])
        errors = (noise - estimates).square().sum(dim=1)  # (texts, height, width)
        apart = (estimates[given] - estimates[without]).square().sum(dim=1)
        gained = errors[without] - errors[given]
        orthogonal += 0.5 * weight * apart.numpy() / levels
        standard += 0.5 * weight * gained.numpy() / levels
        by_level[0, :, level] = 0.5 * apart.sum(dim=(1, 2))
        by_level[1, :, level] = 0.5 * gained.sum(dim=(1, 2))
        after_level(level + 1)
    return Information(
        contrasts=tuple(contrasts),
        orthogonal=orthogonal,
        standard=standard,
        levels=drawn,
        orthogonal_by_level=by_level[0],
        standard_by_level=by_level[1],
    )


def _estimates(
    denoiser: Denoiser,
    latents: Tensor,
    levels: NoiseLevels,
    noises: Tensor,
    texts: Sequence[str],
    rows_at_once: int,
) -> Iterator[tuple[int, Tensor]]:
    """For each level the noise estimated under every text: (texts, channels, height, width), float64, CPU."""
    together = max(1, rows_at_once // len(texts))
    count = len(levels.log_snr)
    for first in range(0, count, together):
        group = slice(first, min(first + together, count))
        log_snr = levels.log_snr[group]
        signal, share = shares_of(log_snr, like=noises)
        noisy = signal * latents.float().cpu() + share * noises[group]
        rows = noisy.repeat_interleave(len(texts), dim=0).to(latents.device)
        row_levels = log_snr.repeat_interleave(len(texts))
        row_texts = list(texts) * len(log_snr)
        parts = [
            denoiser(rows[part], log_snr=row_levels[part], texts=row_texts[part]).double().cpu()
            for start in range(0, len(rows), rows_at_once)
            for part in [slice(start, start + rows_at_once)]
        ]
        found = torch.cat(parts).reshape(len(log_snr), len(texts), *latents.shape)
        yield from zip(range(group.start, group.stop), found, strict=True)


def _nats_in(unit: Unit) -> float:
    check_option("unit", unit, Unit)
    return math.log(2.0) if unit == "bits" else 1.0
