"""Information about the words of a caption in a finished picture of any origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from generation.attribution.attention_information import trace_levels
from generation.attribution.denoisers import PipelineDenoiser, encode_image
from generation.attribution.information import (
    AfterLevel,
    Contrast,
    conditional_contrast,
    information,
    marginal_contrast,
    nothing,
)
from generation.attribution.reading import ReadText, read_part
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


@dataclass(frozen=True, kw_only=True)
class CaptionInformation:
    """What a caption tells the model about a picture, against none.

    bits: i^s, with its standard error.  unread: its words that the model doesn't read whole.
    same_as: the first caption before it that is the same to the model, which can't tell them apart; or None.
    """

    text: str
    bits: float
    error: float
    unread: tuple[WordSpan, ...] = ()
    same_as: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureInformation:
    """Of one picture: its words, and its captions, the right one first.

    picture: as the model saw it.  unseen: words that the model doesn't read whole.
    """

    picture: Image.Image
    words: tuple[WordInformation, ...]
    unseen: tuple[WordSpan, ...]
    captions: tuple[CaptionInformation, ...]


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
    after_level: AfterLevel = nothing,
) -> PictureInformation:
    """Maps and totals of a caption's words, and the caption against others. All see the same noise.

    picture: of a size that the model takes, see fitted.  others: captions to compare with.
    after_level: told how many noise levels are done, after each.
    Of each caption only the part that the model reads counts: words past its window change no number.
    Raises TypeError for a model trained by flow matching, ValueError for sizes that don't fit.
    """
    latents = encode_image(pipeline, picture)
    read = read_part(pipeline, caption, words=words)
    seen = [word for word in words if word not in read.unread]
    # A text for each caption: equal for those that are the same to the model.
    parts = {text: read_part(pipeline, text) for text in others} | {caption: read}
    texts = [caption, *others]
    firsts = [_first_same(parts, texts, text) for text in texts]
    found = information(
        PipelineDenoiser(pipeline),
        latents=latents,
        contrasts=[
            *(conditional_contrast(read.text, word) for word in seen),
            *(marginal_contrast(word) for word in seen),
            *(Contrast(given=parts[first].text, without="") for first in firsts),
        ],
        levels=levels,
        seed=seed,
        after_level=after_level,
    )
    attention = _attention(pipeline, latents=latents, caption=read.text, words=seen, levels=levels, seed=seed)
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
        unseen=read.unread,
        captions=tuple(
            CaptionInformation(
                text=text,
                bits=found.total(place, unit="bits"),
                error=found.standard_error(place, unit="bits"),
                unread=parts[text].unread,
                same_as=None if first == text else first,
            )
            for place, (text, first) in enumerate(zip(texts, firsts, strict=True), start=2 * count)
        ),
    )


def _first_same(parts: Mapping[str, ReadText], texts: Sequence[str], text: str) -> str:
    return next(other for other in texts if parts[other].tokens == parts[text].tokens)


def _attention(
    pipeline: Any, *, latents: Tensor, caption: str, words: Sequence[WordSpan], levels: int, seed: int
) -> list[Map]:
    if not words:
        return []
    with trace_levels(
        pipeline, latents=latents, caption=caption, levels=levels, seed=seed, words=words
    ) as recording:
        return [recording.word_map(word) for word in words]
