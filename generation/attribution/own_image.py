"""Information about the words of a caption in a finished picture of any origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from generation.attribution.attention_information import trace_levels
from generation.attribution.denoisers import PipelineDenoiser, encode_image
from generation.attribution.information import (
    Contrast,
    conditional_contrast,
    information,
    marginal_contrast,
)
from generation.attribution.words import WordSpan

Map = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class WordInformation:
    """What a word tells the model about a picture.

    mi, cmi: (height, width) of the latent, in bits, i^o, never negative.
    attention: (height, width), raw attention at the same noise levels.
    bits: what the word adds to the rest of the caption in the whole picture (CMI, i^s); negative where it
    misleads.  error: the standard error of bits.
    """

    word: WordSpan
    mi: Map
    cmi: Map
    attention: Map
    bits: float
    error: float


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureInformation:
    """Of one picture: its words, and the bits of each caption against none (i^s), the right one first.

    picture: as the model saw it.  unseen: words that the model doesn't read whole.
    """

    picture: Image.Image
    words: tuple[WordInformation, ...]
    unseen: tuple[WordSpan, ...]
    captions: tuple[tuple[str, float, float], ...]


def fitted(picture: Image.Image, *, size_hw: tuple[int, int]) -> Image.Image:
    """The picture enlarged or reduced until it covers (height, width), and cut to it around its middle."""
    height, width = size_hw
    upright = ImageOps.exif_transpose(picture).convert("RGB")
    return ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)


def picture_information(
    pipeline: Any,
    *,
    picture: Image.Image,
    caption: str,
    words: Sequence[WordSpan],
    others: Sequence[str] = (),
    levels: int,
    seed: int,
) -> PictureInformation:
    """Maps and totals of a caption's words, and the caption against others. All see the same noise.

    picture: of a size that the model takes, see fitted.  others: captions to compare with.
    Raises TypeError for a model trained by flow matching, ValueError for sizes that don't fit.
    """
    latents = encode_image(pipeline, picture)
    with trace_levels(
        pipeline, latents=latents, caption=caption, levels=levels, seed=seed, words=words
    ) as recording:
        seen = [word for word in words if recording.sees(word)]
        attention = [recording.word_map(word) for word in seen]
    texts = [caption, *others]
    found = information(
        PipelineDenoiser(pipeline),
        latents=latents,
        contrasts=[
            *(conditional_contrast(caption, word) for word in seen),
            *(marginal_contrast(word) for word in seen),
            *(Contrast(given=text, without="") for text in texts),
        ],
        levels=levels,
        seed=seed,
    )
    count = len(seen)
    return PictureInformation(
        picture=picture,
        words=tuple(
            WordInformation(
                word=word,
                cmi=found.map_of(place, unit="bits").astype(np.float32),
                mi=found.map_of(count + place, unit="bits").astype(np.float32),
                attention=attention[place],
                bits=found.total(place, unit="bits"),
                error=found.standard_error(place, unit="bits"),
            )
            for place, word in enumerate(seen)
        ),
        unseen=tuple(word for word in words if word not in seen),
        captions=tuple(
            (text, found.total(place, unit="bits"), found.standard_error(place, unit="bits"))
            for place, text in enumerate(texts, start=2 * count)
        ),
    )
