"""Which noise levels an integral over the log signal-to-noise ratio is estimated at, and their weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LevelSampling:
    """A logistic distribution of log SNR, cut off at clip scales to both sides of loc.

    The defaults are those of the paper. Source: Kong et al. 2024, section 2.4 and appendix D.2.
    """

    loc: float = 1.0
    scale: float = 2.0
    clip: float = 3.0

    def __post_init__(self) -> None:
        if self.scale <= 0 or self.clip <= 0:
            raise ValueError(f"scale and clip must be above 0, not {self.scale} and {self.clip}")


PAPER = LevelSampling()
# What the published code does, against the paper's clip of 3.
PUBLISHED_CODE = LevelSampling(clip=4.0)


@dataclass(frozen=True, kw_only=True)
class NoiseLevels:
    """log_snr: (levels,), ascending.  weights: (levels,), so that mean(weights * f(log_snr)) estimates the
    integral of f over log SNR within the clipped range."""

    log_snr: Tensor
    weights: Tensor


def draw_levels(sampling: LevelSampling, *, count: int, generator: torch.Generator) -> NoiseLevels:
    """One level from each of so many equally likely parts of the distribution (stratified), in float64.

    Each weight is one over the density that the level was drawn with.
    """
    if count < 1:
        raise ValueError(f"the number of noise levels must be at least 1, not {count}")
    low, high = _sigmoid(-sampling.clip), _sigmoid(sampling.clip)
    within = torch.rand(count, generator=generator, dtype=torch.float64)
    share = low + (high - low) * (torch.arange(count, dtype=torch.float64) + within) / count
    return NoiseLevels(
        log_snr=sampling.loc + sampling.scale * torch.logit(share),
        weights=sampling.scale * (high - low) / (share * (1 - share)),
    )


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))
