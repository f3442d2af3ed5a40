"""Information about the words of a caption in a finished picture of any origin."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generation.attribution.attention_information import trace_levels
from generation.attribution.chosen_heads import ChosenHeads
from generation.attribution.denoisers import PipelineDenoiser, encode_image
from generation.attribution.eight_bits import upright
from generation.attribution.information import (
    AfterLevel,
    Contrast,
    conditional_contrast,
    information,
    marginal_contrast,
    nothing,
)
from generation.attribution.reading import ReadText, read_part
from generation.attribution.sums import Grid
from generation.attribution.words import WordSpan

Map = NDArray[np.float32]

ROWS: Final = 16
# Each head apart takes some MB a token and row: 40 words of XL half a GB.
ROWS_OF_HEADS: Final = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class WordInformation:
    """What a word tells the model about a picture.

    mi, cmi: (height, width) of the latent, in bits, i^o, never negative.
    attention: (height, width), raw attention at the same noise levels.
    by_heads: the same of chosen heads, by name of the choice (chosen_heads.MOST_RELEVANT, IN_PROPORTION);
    none where heads has no weights, and its note says why.
    bits: what the word adds to the rest of the caption in the whole picture (CMI, i^s); negative where it
    misleads.  error: the standard error of bits.
    """

    word: WordSpan
    mi: Map
    cmi: Map
    attention: Map
    bits: float
    error: float
    heads: ChosenHeads = field(default_factory=ChosenHeads)
    by_heads: Mapping[str, Map] = field(default_factory=dict)


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

    picture: all of it, at the size at which the model read it: its maps cover the picture that was given.
    unseen: words that the model doesn't read whole.
    """

    picture: Image.Image
    words: tuple[WordInformation, ...]
    unseen: tuple[WordSpan, ...]
    captions: tuple[CaptionInformation, ...]


def size_read(size_hw: Grid, *, pixels: int, step: int, least: int) -> Grid:
    """(height, width) at which a model reads a picture of size_hw: its shape, about so many pixels.

    Each side is the nearest multiple of step, and at least `least` (a multiple of step), so a picture's
    proportions change by half a step at most, unless it is so narrow that its short side would be shorter.
    A picture that has the number of pixels and fits keeps its size.
    Raises ValueError for sides below 1.
    """
    if min(size_hw) < 1:
        raise ValueError(f"a picture of {size_hw[1]} x {size_hw[0]} pixels has nothing to read")
    scale = math.sqrt(pixels / (size_hw[0] * size_hw[1]))
    height, width = (max(least, step * round(side * scale / step)) for side in size_hw)
    return height, width


def as_read(picture: Image.Image, *, pixels: int, step: int, least: int) -> Image.Image:
    """The whole picture at the size at which a model reads it, see size_read; nothing is cut off.

    Of any mode, turned and brought to 8 bits on white by eight_bits.upright, whose ValueError it raises.
    """
    whole = upright(picture)
    height, width = size_read((whole.height, whole.width), pixels=pixels, step=step, least=least)
    same = (width, height) == whole.size
    return whole if same else whole.resize((width, height), Image.Resampling.LANCZOS)


def picture_information(
    pipeline: Any,
    *,
    picture: Image.Image,
    caption: str,
    words: Sequence[WordSpan],
    others: Sequence[str] = (),
    levels: int,
    seed: int,
    heads: Mapping[int, ChosenHeads] | None = None,
    after_level: AfterLevel = nothing,
) -> PictureInformation:
    """Maps and totals of a caption's words, and the caption against others. All see the same noise.

    picture: of a size that the model takes, see as_read.  others: captions to compare with.
    heads: by word position, whose maps of chosen heads are wanted.
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
    chosen = [(heads or {}).get(word.position, ChosenHeads()) for word in seen]
    attended = _attention(
        pipeline, latents=latents, caption=read.text, words=seen, chosen=chosen, levels=levels, seed=seed
    )
    count = len(seen)
    return PictureInformation(
        picture=picture,
        words=tuple(
            WordInformation(
                word=word,
                cmi=found.map_of(place, unit="bits").astype(np.float32),
                mi=found.map_of(count + place, unit="bits").astype(np.float32),
                attention=attended.of_all[place],
                bits=found.total(place, unit="bits"),
                error=found.standard_error(place, unit="bits"),
                heads=chosen[place],
                by_heads=attended.by_heads[place],
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


@dataclass(frozen=True, kw_only=True)
class _Attended:
    """Attention maps of words in order: of all heads, and of those chosen for each."""

    of_all: list[Map]
    by_heads: list[dict[str, Map]]


def _attention(
    pipeline: Any,
    *,
    latents: Tensor,
    caption: str,
    words: Sequence[WordSpan],
    chosen: Sequence[ChosenHeads],
    levels: int,
    seed: int,
) -> _Attended:
    if not words:
        return _Attended(of_all=[], by_heads=[])
    by_heads: list[dict[str, Map]] = [{} for _ in words]
    is_chosen = any(each.weights for each in chosen)
    with trace_levels(
        pipeline, latents=latents, caption=caption, levels=levels, seed=seed, words=words,
        keep="heads" if is_chosen else "grids", rows_at_once=ROWS_OF_HEADS if is_chosen else ROWS,
    ) as recording:  # fmt: skip
        # Words of one concept share their maps of all tokens.
        for concept in sorted({each.concept for each in chosen if each.weights}):
            places = [place for place, each in enumerate(chosen) if each.weights and each.concept == concept]
            for name, weights in chosen[places[0]].weights.items():
                found = recording.word_maps([words[place] for place in places], head_weights=weights)
                for place, word_map in zip(places, found, strict=True):
                    by_heads[place][name] = word_map
        return _Attended(of_all=recording.word_maps(words), by_heads=by_heads)
