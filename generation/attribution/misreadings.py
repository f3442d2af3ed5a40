"""Did the model read a word in two senses? One prompt, two concepts, two maps of the same word.

Where "mouse" became an animal and a device in one picture, the heads relevant to animals look at the one and
the heads relevant to electronics at the other; all heads together look at both.
Source: "Selective Aggregation of Attention Maps", section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generation.attribution.interventions import correlation
from generation.attribution.relevance import HeadRelevance
from generation.attribution.sums import Grid
from generation.attribution.tracing import Trace
from generation.attribution.words import WordSpan


@dataclass(frozen=True, kw_only=True, eq=False)
class Misreading:
    """Maps of one word from the heads most relevant to either concept, and from all heads.

    maps: (height, width) by concept.  similarity: Pearson's correlation of the two maps; low or negative
    where the senses fell apart.  shared_heads: how many heads stand among the most relevant of both.
    """

    word: str
    concepts: tuple[str, str]
    maps: tuple[NDArray[np.float32], NDArray[np.float32]]
    all_heads: NDArray[np.float32]
    similarity: float
    shared_heads: int


def diagnose(
    recording: Trace,
    word: str | WordSpan,
    *,
    relevance: HeadRelevance,
    concepts: tuple[str, str],
    image: int = 0,
    count: int | None = None,
    out_hw: Grid | None = None,
) -> Misreading:
    """Compares how two concepts' heads read a word of an image.

    recording: traced with keep="heads".  count: heads of each concept, see HeadRelevance.most.
    """
    chosen = [relevance.most(concept, count=count) for concept in concepts]
    first, second = (
        recording.word_map(word, image=image, out_hw=out_hw, head_weights=weights) for weights in chosen
    )
    return Misreading(
        word=word if isinstance(word, str) else word.text,
        concepts=concepts,
        maps=(first, second),
        all_heads=recording.word_map(word, image=image, out_hw=out_hw),
        similarity=correlation(first, second),
        shared_heads=len(set(chosen[0]) & set(chosen[1])),
    )
