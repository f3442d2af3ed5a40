"""Does a model know what belongs to what? It scores an image under the right caption and under wrong ones.

The score of a caption is the information that it carries about the image. A model understands the caption
where the right one scores highest.
Sources: Kong et al. 2024, section 3.1; the perturbations are those of the ARO benchmark (Yuksekgonul et al.
2022): two phrases change places, or the order of words is shuffled in one of four ways.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from torch import Tensor

from generation.attribution.denoisers import Denoiser
from generation.attribution.information import Contrast, Estimator, information
from generation.attribution.noise_levels import PAPER, LevelSampling
from generation.attribution.options import check_option
from generation.attribution.words import find_spans

_T = TypeVar("_T")
Shuffle = Callable[[Sequence[str], Collection[int], np.random.Generator], list[str]]


@dataclass(frozen=True, kw_only=True)
class CaptionScores:
    """Information of the right caption and of each perturbed one about an image, in nats, in order."""

    caption: str
    perturbed: tuple[str, ...]
    score: float
    perturbed_scores: tuple[float, ...]

    @property
    def is_right(self) -> bool:
        """Whether the right caption scores above all others; a tie is no success."""
        return all(self.score > other for other in self.perturbed_scores)


def score_captions(
    denoiser: Denoiser,
    *,
    latents: Tensor,
    caption: str,
    perturbed: Sequence[str],
    levels: int,
    seed: int,
    estimator: Estimator = "standard",
    sampling: LevelSampling = PAPER,
    rows_at_once: int = 32,
) -> CaptionScores:
    """The captions' information about one image; the noise is the same for all.

    estimator: "standard" is the log-likelihood ratio. "orthogonal", the paper's choice, counts how much a
    caption moves the estimate, right or wrong; see docs/map-validity.md for what that does.
    Raises ValueError where a perturbed caption equals the right one, which no model could tell apart, and
    for a caption of which a pipeline doesn't read every word: it would lose by what it never saw. Another
    estimator is refused before anything runs.
    """
    check_option("estimator", estimator, Estimator)
    if not perturbed or caption in perturbed:
        raise ValueError(f"perturbed captions must be given and differ from {caption!r}")
    found = information(
        denoiser,
        latents=latents,
        contrasts=[Contrast(given=text, without="") for text in (caption, *perturbed)],
        levels=levels,
        seed=seed,
        sampling=sampling,
        rows_at_once=rows_at_once,
    )
    scores = [found.total(index, estimator=estimator) for index in range(1 + len(perturbed))]
    return CaptionScores(
        caption=caption, perturbed=tuple(perturbed), score=scores[0], perturbed_scores=tuple(scores[1:])
    )


def exchanged(caption: str, first: str, second: str) -> str:
    """The caption with two words or phrases in each other's place, the first occurrence of each.

    Raises LookupError where one isn't a word of the caption, ValueError where they overlap.
    """
    spans = []
    for text in (first, second):
        found = find_spans(caption, text)
        if not found:
            raise LookupError(f"{text!r} is not a word of {caption!r}")
        spans.append(found[0])
    (a, b), (c, d) = sorted(spans)
    if b > c:
        raise ValueError(f"{first!r} and {second!r} overlap in {caption!r}")
    return caption[:a] + caption[c:d] + caption[b:c] + caption[a:b] + caption[d:]


def shuffled_orders(
    caption: str, *, content: Collection[int], generator: np.random.Generator
) -> dict[str, str]:
    """The caption with its words in another order, by name of the way; ways that change nothing are left out.

    content: places (from 0, split at spaces) of the nouns and adjectives.
    """
    words = caption.split()
    orders = {name: " ".join(shuffle(words, content, generator)) for name, shuffle in SHUFFLES.items()}
    return {name: order for name, order in orders.items() if order != " ".join(words)}


def _content(words: Sequence[str], places: Collection[int], generator: np.random.Generator) -> list[str]:
    return _shuffled_at(words, sorted(places), generator)


def _all_but_content(
    words: Sequence[str], places: Collection[int], generator: np.random.Generator
) -> list[str]:
    return _shuffled_at(words, [place for place in range(len(words)) if place not in places], generator)


def _within_trigrams(words: Sequence[str], _: Collection[int], generator: np.random.Generator) -> list[str]:
    return [word for three in _trigrams(words) for word in _shuffled(three, generator)]


def _trigrams_whole(words: Sequence[str], _: Collection[int], generator: np.random.Generator) -> list[str]:
    return [word for three in _shuffled(_trigrams(words), generator) for word in three]


def _shuffled_at(words: Sequence[str], places: Sequence[int], generator: np.random.Generator) -> list[str]:
    moved = list(words)
    for place, word in zip(places, _shuffled([words[place] for place in places], generator), strict=True):
        moved[place] = word
    return moved


def _shuffled(items: Sequence[_T], generator: np.random.Generator) -> list[_T]:
    return [items[int(place)] for place in generator.permutation(len(items))]


def _trigrams(words: Sequence[str]) -> list[Sequence[str]]:
    return [words[start : start + 3] for start in range(0, len(words), 3)]


SHUFFLES: Mapping[str, Shuffle] = {
    "nouns and adjectives": _content,
    "all but nouns and adjectives": _all_but_content,
    "within trigrams": _within_trigrams,
    "trigrams": _trigrams_whole,
}
