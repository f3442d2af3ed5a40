"""Every kind of word map of pictures that the bundled model draws, and masks of the objects found in them.

The masks come from a judge that sees pixels only, so they owe nothing to the attention or the denoiser that
the maps are made of. Maps are made at the picture's size, the information maps enlarged to it bilinearly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generation.attribution import Trace, aggregation, trace
from generation.attribution.attention_information import trace_levels
from generation.attribution.denoisers import PipelineDenoiser, encode_image
from generation.attribution.information import conditional_contrast, information, marginal_contrast
from generation.attribution.relevance import HeadRelevance
from generation.attribution.sums import GridSums
from generation.attribution.words import WordSpan, split_words
from training.demo_model.evaluate import GUIDANCE, STEPS
from training.demo_model.judge import Wanted, assign, find_objects
from training.demo_model.prompts import AskedPicture
from training.demo_model.shapes import IMAGE_SIZE

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]
Weights = Mapping[tuple[str, int], float]

SIZE = (IMAGE_SIZE, IMAGE_SIZE)
KINDS = ("single", "unreal", "pair", "relation")


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """A word of a picture, its object, and every map of the word: variant -> (height, width)."""

    picture: int
    kind: str
    part: str
    truth: Mask
    maps: dict[str, Map]


class Drawn:
    """One batch of pictures with all that was recorded while they were drawn."""

    def __init__(self, pipeline: Any, *, asked: Sequence[AskedPicture], seeds: Sequence[int]) -> None:
        """Draws the pictures at the model's own settings, traced per head and step by step."""
        self.asked = asked
        after_step: list[dict[tuple[int, int], Tensor]] = []

        def keep_sums(_: Any, __: int, ___: Any, values: dict[str, Any]) -> dict[str, Any]:
            after_step.append(_cloned(recording))
            return values

        with trace(pipeline, keep="heads") as recording:
            pictures = pipeline(
                [one.text for one in asked],
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                callback_on_step_end=keep_sums,
                output_type="np",
            ).images
        self.pictures = np.rint(pictures * 255.0).astype(np.uint8)
        self.recording = recording
        self.terms = {one.grid: one.terms for one in recording.grid_sums()}
        self.after_step = after_step

    def token_maps(self, chosen: Mapping[str, Weights]) -> dict[str, Tensor]:
        """(images, tokens, height, width) of each kind of attention map."""
        record = self.recording
        maps = {
            "paper": record.token_maps(out_hw=SIZE),
            "castorini": record.token_maps(variant="castorini", out_hw=SIZE),
            "v1": record.token_maps(variant="v1", out_hw=SIZE),
        }
        return maps | {
            name: record.token_maps(head_weights=weights, out_hw=SIZE) for name, weights in chosen.items()
        }

    def step_maps(self) -> dict[str, Tensor]:
        """The paper's maps of each step alone, and of the first steps together."""
        before = dict.fromkeys(self.terms, torch.zeros(()))
        maps: dict[str, Tensor] = {}
        for step, sums in enumerate(self.after_step, start=1):
            maps[f"step {step}"] = _paper({grid: sums[grid] - before[grid] for grid in sums}, self.terms)
            maps[f"steps 1-{step}"] = _paper(sums, self.terms)
            before = dict(sums)
        return maps

    def layer_maps(self) -> dict[str, Tensor]:
        """The paper's maps of each layer alone, of all others, and of each grid alone."""
        layers = self.recording.layer_sums()
        maps: dict[str, Tensor] = {}
        for layer in layers:
            alone = {(layer.path, head): 1.0 for head in layer.heads}
            others = {(one.path, head): 1.0 for one in layers if one is not layer for head in one.heads}
            maps[f"only {layer.path}"] = aggregation.heads(layers, weights=alone, out_hw=SIZE)
            maps[f"all but {layer.path}"] = aggregation.heads(layers, weights=others, out_hw=SIZE)
        for grid in sorted({layer.grid for layer in layers}):
            chosen = {(one.path, head): 1.0 for one in layers if one.grid == grid for head in one.heads}
            name = f"only {grid[0]} x {grid[1]}"
            maps[name] = aggregation.heads(layers, weights=chosen, out_hw=SIZE)
        return maps


def targets(
    pipeline: Any,
    drawn: Drawn,
    *,
    first_picture: int,
    chosen: Mapping[str, Weights],
    relevance: HeadRelevance,
    levels: int,
) -> Iterator[Target]:
    """Every shape word and colour word whose object the judge finds, with all its maps.

    An object counts where one of the asked colour is there, whatever its outline: a map can be right while
    the picture is wrong.
    """
    attention = {**drawn.token_maps(chosen), **drawn.step_maps(), **drawn.layer_maps()}
    for index, asked in enumerate(drawn.asked):
        found = _found_words(asked, drawn.pictures[index])
        if not found:
            continue
        words = [word for _, word, _ in found]
        others = _information_maps(
            pipeline, drawn.pictures[index], caption=asked.text, words=words, levels=levels,
            seed=first_picture + index, heads=relevance.most("colours"),
        )  # fmt: skip
        for part, word, truth in found:
            selection = drawn.recording.select(word, image=index)
            maps = {
                name: drawn.recording.mean_over(selection, each[index]).astype(np.float64)
                for name, each in attention.items()
            }
            yield Target(
                picture=first_picture + index,
                kind=asked.kind,
                part=part,
                truth=truth,
                maps=maps | {name: each[word.position] for name, each in others.items()},
            )


def _found_words(asked: AskedPicture, picture: NDArray[np.uint8]) -> list[tuple[str, WordSpan, Mask]]:
    """(part of speech, word, mask) for each word of the prompt whose object is there."""
    by_colour = [Wanted(colour=want.colour, shape=None) for want in asked.wanted]
    words = {word.text: word for word in split_words(asked.text)}
    return [
        (part, words[str(text)], thing.mask)
        for want, thing in zip(asked.wanted, assign(find_objects(picture), wanted=by_colour), strict=True)
        if thing is not None
        for part, text in (("noun", want.shape), ("adjective", want.colour))
    ]


def _information_maps(
    pipeline: Any,
    picture: NDArray[np.uint8],
    *,
    caption: str,
    words: Sequence[WordSpan],
    levels: int,
    seed: int,
    heads: Weights,
) -> dict[str, dict[int, Map]]:
    """Maps that need the picture only: kind -> word position -> map."""
    latents = encode_image(pipeline, Image.fromarray(picture))
    mutual = [marginal_contrast(word) for word in words]
    conditional = [conditional_contrast(caption, word) for word in words]
    found = information(
        PipelineDenoiser(pipeline), latents=latents, contrasts=mutual + conditional, levels=levels, seed=seed
    )
    with trace_levels(
        pipeline, latents=latents, caption=caption, levels=levels, seed=seed, words=words, keep="heads"
    ) as recording:
        attended = {word.position: recording.word_map(word, out_hw=SIZE) for word in words}
        by_heads = {
            word.position: recording.word_map(word, out_hw=SIZE, head_weights=heads) for word in words
        }
    count = len(words)
    return {
        "MI": {word.position: _enlarged(found.map_of(place)) for place, word in enumerate(words)},
        "CMI": {word.position: _enlarged(found.map_of(count + place)) for place, word in enumerate(words)},
        "attention + information": attended,
        "attention + information, colour heads": by_heads,
    }


def _enlarged(found: Map) -> Map:
    """At the picture's size, bilinearly: Kong et al. 2024, section 3."""
    small = torch.from_numpy(found)[None, None]
    large = torch.nn.functional.interpolate(small, size=SIZE, mode="bilinear", align_corners=False)
    enlarged: Map = large[0, 0].numpy()
    return enlarged


def _cloned(recording: Trace) -> dict[tuple[int, int], Tensor]:
    return {one.grid: one.sums.clone() for one in recording.grid_sums()}


def _paper(sums: Mapping[tuple[int, int], Tensor], terms: Mapping[tuple[int, int], int]) -> Tensor:
    """A common factor changes no mask, so the terms of a whole run do for any part of it."""
    return aggregation.paper([GridSums(sums=sums[grid], terms=terms[grid]) for grid in sums], out_hw=SIZE)


def head_weights(relevance: HeadRelevance) -> dict[str, Weights]:
    """The head selections that are compared."""
    choose: dict[str, Callable[[str], Weights]] = {
        "most relevant": relevance.most,
        "least relevant": relevance.least,
        "in proportion": relevance.proportional,
    }
    return {
        f"heads, {concept}, {name}": pick(concept)
        for concept in ("shapes", "colours")
        for name, pick in choose.items()
    }
