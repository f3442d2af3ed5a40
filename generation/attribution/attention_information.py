"""Attention + information: the attention a denoiser pays at sampled noise levels of a finished image.

Unlike the maps of a generation run, these need no run: they work on anybody's own image with a caption.
Source: Kong et al. 2024, section 3.2.2 ("Attention+Information") and appendix D.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from generation.attribution.denoisers import PipelineDenoiser, check_latents, shares_of
from generation.attribution.noise_levels import PAPER, LevelSampling, draw_levels
from generation.attribution.options import check_count
from generation.attribution.sums import Grid, Scope
from generation.attribution.tracing import Keep, Trace, Variant, trace
from generation.attribution.words import Occurrence, WordSpan


class LevelTrace:
    """Attention summed over noise levels; made by trace_levels()."""

    def __init__(self, recording: Trace) -> None:
        self._recording = recording

    def sees(self, word: WordSpan) -> bool:
        """Whether the model reads the whole word."""
        return self._recording.select(word).is_seen

    def word_map(
        self,
        word: str | WordSpan,
        *,
        occurrence: Occurrence = 0,
        phrases: Sequence[str] = (),
        variant: Variant = "paper",
        out_hw: Grid | None = None,
        head_weights: Mapping[tuple[str, int], float] | None = None,
    ) -> np.ndarray:
        """(height, width), raw: the mean over the word's tokens and over all noise levels.

        All as for Trace.word_map, LookupError included.
        """
        selection = self._recording.select(word, occurrence=occurrence, phrases=phrases)
        if not selection.positions:
            raise LookupError(f"{word!r} lies past the model's context window: the model doesn't see it")
        maps = self._recording.token_maps(variant=variant, out_hw=out_hw, head_weights=head_weights)
        return self._recording.mean_over(selection, maps.mean(dim=0))

    def word_maps(
        self, words: Sequence[WordSpan], *, head_weights: Mapping[tuple[str, int], float] | None = None
    ) -> list[np.ndarray]:
        """The maps of several words, as word_map gives each, all of them computed together."""
        selections = [self._recording.select(word) for word in words]
        if unread := [word.text for word, found in zip(words, selections, strict=True) if not found.is_seen]:
            raise LookupError(f"{unread[0]!r} lies past the model's context window: the model doesn't see it")
        maps = self._recording.token_maps(head_weights=head_weights).mean(dim=0)
        return [self._recording.mean_over(selection, maps) for selection in selections]


@contextmanager
def trace_levels(
    pipeline: Any,
    *,
    latents: Tensor,
    caption: str,
    levels: int,
    seed: int,
    words: Sequence[WordSpan] | None = None,
    sampling: LevelSampling = PAPER,
    rows_at_once: int = 16,
    keep: Keep = "grids",
    scope: Scope | None = None,
) -> Iterator[LevelTrace]:
    """Traces the denoiser while it reads the noisy image under its caption, once for each noise level.

    latents: (channels, height, width).  seed: draws levels and noise as information() does.
    rows_at_once is lowered to a divisor of levels, so that every level counts alike.
    Raises ValueError for latents that are not finite or of another shape, and for numbers below 1.
    """
    check_latents(latents)
    check_count("rows_at_once", rows_at_once)
    denoiser = PipelineDenoiser(pipeline)
    generator = torch.Generator().manual_seed(seed)
    drawn = draw_levels(sampling, count=levels, generator=generator)
    noises = torch.randn((levels, *latents.shape), generator=generator)
    signal, share = shares_of(drawn.log_snr, like=noises)
    noisy = (signal * latents.float().cpu() + share * noises).to(latents.device)
    rows = max(size for size in range(1, rows_at_once + 1) if levels % size == 0)
    listed = None if words is None else [words] * rows
    with trace(pipeline, words=listed, keep=keep, scope=scope) as recording:
        # Encoding inside the trace is what tells it the prompts, as a pipeline's own call does.
        encoded = denoiser.encode([caption] * rows)
        for first in range(0, levels, rows):
            part = slice(first, first + rows)
            denoiser.estimate(noisy[part], log_snr=drawn.log_snr[part], encoded=encoded)
        yield LevelTrace(recording)
