"""What changes in an image when a word of its caption is left out or exchanged, all else being the same.

The image is followed back to noise under its caption and drawn again under the changed one. Drawn again under
its own caption it should come back; how far it does is reported beside every change.
Source: Kong et al. 2024, section 3.3 and appendix C.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from generation.attribution.arguments import check_texts
from generation.attribution.denoisers import PipelineDenoiser, decode_latents, encode_image
from generation.attribution.eight_bits import in_colour
from generation.attribution.information import Removal, conditional_contrast
from generation.attribution.inversion import Rule, path_levels, to_image, to_noise
from generation.attribution.words import WordSpan


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """An image drawn again under its caption and under a changed one.

    change: (height, width) at pixel size, the Euclidean distance between the two over red, green and blue in
    [0, 1].  drift: mean of the same distance between the image that was given and the one drawn again under
    its own caption: a change that is not well above it means nothing.
    """

    caption: str
    changed_caption: str
    again: Image.Image
    changed: Image.Image
    change: NDArray[np.float64]
    drift: float

    @property
    def size(self) -> float:
        """Mean change over all pixels."""
        return float(self.change.mean())


def omitted(caption: str, word: WordSpan, *, removal: Removal = "delete") -> str:
    """The caption without the word. caption: as long as the model reads it, see conditional_contrast."""
    return conditional_contrast(caption, word, removal=removal).without


def swapped(caption: str, word: WordSpan, replacement: str) -> str:
    """The caption with another word in the word's place."""
    if not replacement.strip():
        raise ValueError("the replacement is empty; use omitted() to leave a word out")
    if caption[word.start : word.end] != word.text:
        raise ValueError(f"{word.text!r} does not stand at {word.start} to {word.end} of {caption!r}")
    return caption[: word.start] + replacement + caption[word.end :]


def intervene(
    pipeline: Any,
    *,
    image: Image.Image,
    caption: str,
    changed_captions: Sequence[str],
    steps: int,
    rule: Rule = "heun",
) -> list[Intervention]:
    """One intervention for each changed caption; the way back to noise is walked once for all.

    Deterministic: no guidance, no random numbers. image: anybody's; sizes as for encode_image.
    Raises ValueError for no changed captions, and for a caption, changed or not, of which the model doesn't
    read every word: words past its window would move up into it where one is left out.
    """
    check_texts("changed_captions", changed_captions)
    if not changed_captions:
        raise ValueError("changed_captions=[]: nothing to draw; name at least one changed caption")
    denoiser = PipelineDenoiser(pipeline)
    levels = path_levels(denoiser.trained_log_snr, steps=steps)
    latents = encode_image(pipeline, image)
    noisy = to_noise(denoiser, latents=latents, text=caption, levels=levels, rule=rule)

    def draw(text: str) -> Image.Image:
        drawn = to_image(denoiser, noisy=noisy, text=text, levels=levels, rule=rule)
        return decode_latents(pipeline, drawn.to(torch.float32))

    again = draw(caption)
    drift = float(distance(image, again).mean())
    results = []
    for text in changed_captions:
        changed = draw(text)
        results.append(
            Intervention(
                caption=caption,
                changed_caption=text,
                again=again,
                changed=changed,
                change=distance(again, changed),
                drift=drift,
            )
        )
    return results


def distance(first: Image.Image, second: Image.Image) -> NDArray[np.float64]:
    """(height, width): Euclidean distance of the colours, each channel in [0, 1]. Sizes must be equal."""
    if first.size != second.size:
        raise ValueError(f"images of {first.size} and {second.size} pixels can't be compared")
    pixels = [np.asarray(in_colour(each), dtype=np.float64) / 255.0 for each in (first, second)]
    apart: NDArray[np.float64] = np.sqrt(((pixels[0] - pixels[1]) ** 2).sum(axis=2))
    return apart


def correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Pearson's correlation of two maps or lists of scores, place by place; NaN where one is constant.

    Raises ValueError for unequal shapes: resizing is the caller's choice.
    """
    if first.shape != second.shape:
        raise ValueError(f"shapes {first.shape} and {second.shape} differ; resize one map first")
    a, b = first.astype(np.float64).ravel(), second.astype(np.float64).ravel()
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else math.nan
