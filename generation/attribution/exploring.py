"""One image's word maps taken apart: every denoising step, every layer, every method side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from generation.attribution import aggregation
from generation.attribution.attention_information import trace_levels
from generation.attribution.denoisers import PipelineDenoiser
from generation.attribution.information import conditional_contrast, information, marginal_contrast
from generation.attribution.sums import Grid, GridSums
from generation.attribution.tracing import Trace
from generation.attribution.words import WordSpan

Maps = NDArray[np.float32]

METHODS = ("paper", "castorini", "v1", "MI", "CMI", "attention + information")


@dataclass(frozen=True, kw_only=True, eq=False)
class WordExploration:
    """Maps of one word, raw, all at latent size. steps: (steps, height, width); layers and methods likewise.

    Steps and layers are means over what they hold, as "paper" maps are. MI and CMI are in nats.
    """

    steps: Maps
    layers: Maps
    methods: Maps


class StepSums:
    """Keeps the running sums after every step; hand after_step to the pipeline as callback_on_step_end."""

    def __init__(self, recording: Trace) -> None:
        self._recording = recording
        self._sums: list[dict[Grid, GridSums]] = []

    def after_step(self, _: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
        """Keeps a copy; the pipeline's values are handed back as they are."""
        self._sums.append(
            {
                one.grid: GridSums(sums=one.sums.clone(), terms=one.terms)
                for one in self._recording.grid_sums()
            }
        )
        return values

    def token_maps(self) -> list[Tensor]:
        """For each step alone, the "paper" map of every token: (images, tokens, height, width)."""
        maps = []
        before: Mapping[Grid, GridSums] = {}
        for sums in self._sums:
            alone = [
                GridSums(sums=one.sums - before[grid].sums, terms=one.terms - before[grid].terms)
                if grid in before
                else one
                for grid, one in sums.items()
            ]
            maps.append(aggregation.paper(alone, out_hw=self._recording.latent_hw))
            before = sums
        return maps


def layer_names(recording: Trace) -> tuple[str, ...]:
    """Module paths of the traced layers, in the order the UNet runs them."""
    return tuple(layer.path for layer in recording.layer_sums())


def run_maps(
    recording: Trace, steps: StepSums, *, words: Sequence[WordSpan]
) -> dict[int, tuple[Maps, Maps, Maps]]:
    """What the run itself tells: word position -> (steps, layers, attention methods), of the first image.

    recording: traced with keep="heads". Words that the model doesn't read whole are left out.
    """
    layers = recording.layer_sums()
    size = recording.latent_hw
    by_layer = [
        aggregation.heads(layers, weights={(one.path, head): 1.0 for head in one.heads}, out_hw=size)
        for one in layers
    ]
    by_method = [
        recording.token_maps(),
        recording.token_maps(variant="castorini"),
        recording.token_maps(variant="v1"),
    ]
    found = {}
    for word in words:
        selection = recording.select(word)
        if selection.is_seen:
            steps_maps, layers_maps, methods_maps = (
                np.stack([recording.mean_over(selection, each[0]) for each in maps])
                for maps in (steps.token_maps(), by_layer, by_method)
            )
            found[word.position] = (steps_maps, layers_maps, methods_maps)
    return found


def picture_maps(
    pipeline: Any, *, latents: Tensor, caption: str, words: Sequence[WordSpan], levels: int, seed: int
) -> dict[int, Maps]:
    """What the finished picture tells: word position -> MI, CMI, attention + information, stacked.

    words: that the model reads whole. To be called outside of any trace.
    """
    found = information(
        PipelineDenoiser(pipeline),
        latents=latents,
        contrasts=[
            *(marginal_contrast(word) for word in words),
            *(conditional_contrast(caption, word) for word in words),
        ],
        levels=levels,
        seed=seed,
    )
    with trace_levels(
        pipeline, latents=latents, caption=caption, levels=levels, seed=seed, words=words
    ) as recording:
        attended = [recording.word_map(word) for word in words]
    return {
        word.position: np.stack(
            [found.map_of(place), found.map_of(len(words) + place), attended[place]]
        ).astype(np.float32)
        for place, word in enumerate(words)
    }
