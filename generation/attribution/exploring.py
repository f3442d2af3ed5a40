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
from generation.attribution.chosen_heads import RUN_METHODS, ChosenHeads
from generation.attribution.denoisers import PipelineDenoiser
from generation.attribution.information import (
    AfterLevel,
    conditional_contrast,
    information,
    marginal_contrast,
    nothing,
)
from generation.attribution.reading import read_part
from generation.attribution.sums import Grid, GridSums
from generation.attribution.tracing import Trace
from generation.attribution.words import WordSpan

Maps = NDArray[np.float32]

Named = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True, eq=False)
class WordExploration:
    """Maps of one word, raw, all at latent size. steps: (steps, height, width); layers likewise.

    Steps and layers are means over what they hold, as "paper" maps are. methods: by name, in the order of
    chosen_heads.METHODS; MI and CMI are in nats. heads: whose heads the maps of chosen heads are, or why
    there are none.
    """

    steps: Maps
    layers: Maps
    methods: Named
    heads: ChosenHeads


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
    recording: Trace, steps: StepSums, *, words: Sequence[WordSpan], heads: Mapping[int, ChosenHeads]
) -> dict[int, WordExploration]:
    """What the run itself tells of each word, by word position, of the first image.

    recording: traced with keep="heads". Words that the model doesn't read whole are left out. heads: by word
    position; words that it doesn't name get no maps of chosen heads.
    """
    layers = recording.layer_sums()
    size = recording.latent_hw
    by_step = [maps[0] for maps in steps.token_maps()]
    by_layer = [
        aggregation.heads(layers, weights={(one.path, head): 1.0 for head in one.heads}, out_hw=size)[0]
        for one in layers
    ]
    of_all = dict(
        zip(
            RUN_METHODS,
            (
                recording.token_maps()[0],
                recording.token_maps(variant="castorini")[0],
                recording.token_maps(variant="v1")[0],
            ),
            strict=True,
        )
    )
    # Words of one concept share their maps of all tokens.
    of_concept: dict[tuple[str, str], Tensor] = {}
    found = {}
    for word in words:
        selection = recording.select(word)
        if not selection.is_seen:
            continue
        chosen = heads.get(word.position, ChosenHeads())
        for name, weights in chosen.weights.items():
            if (chosen.concept, name) not in of_concept:
                of_concept[chosen.concept, name] = recording.token_maps(head_weights=weights)[0]
        methods = of_all | {name: of_concept[chosen.concept, name] for name in chosen.weights}
        found[word.position] = WordExploration(
            steps=np.stack([recording.mean_over(selection, maps) for maps in by_step]),
            layers=np.stack([recording.mean_over(selection, maps) for maps in by_layer]),
            methods={name: recording.mean_over(selection, maps) for name, maps in methods.items()},
            heads=chosen,
        )
    return found


def picture_maps(
    pipeline: Any,
    *,
    latents: Tensor,
    caption: str,
    words: Sequence[WordSpan],
    levels: int,
    seed: int,
    after_level: AfterLevel = nothing,
) -> dict[int, Named]:
    """What the finished picture tells: word position -> MI, CMI, attention + information.

    words: that the model reads whole; of the caption only what it reads counts. To be called outside of any
    trace.  after_level: see information.
    """
    caption = read_part(pipeline, caption, words=words).text
    found = information(
        PipelineDenoiser(pipeline),
        latents=latents,
        contrasts=[
            *(marginal_contrast(word) for word in words),
            *(conditional_contrast(caption, word) for word in words),
        ],
        levels=levels,
        seed=seed,
        after_level=after_level,
    )
    with trace_levels(
        pipeline, latents=latents, caption=caption, levels=levels, seed=seed, words=words
    ) as recording:
        attended = recording.word_maps(words)
    return {
        word.position: {
            "MI": found.map_of(place).astype(np.float32),
            "CMI": found.map_of(len(words) + place).astype(np.float32),
            "attention + information": attended[place],
        }
        for place, word in enumerate(words)
    }
