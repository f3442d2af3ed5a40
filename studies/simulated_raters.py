"""Simulated raters: what they would answer to what they see. Pure; every draw comes from a given generator.

A careful rater knows which words can't be pictured and answers those with an opt-out; other words get a
score from a latent quality of the (prompt, word) pair, a bias of the rater and noise. A careless rater
presses score buttons at random; what she answers to checks is settled in `careless`. Neither looks at the
picture, so their scores say nothing about the maps: they exist to run the machinery end to end.
"""

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotation.choices import Choice, OpinionScore, OptOut
from annotation.mask_files import one_bit_png

NOT_PICTURABLE = frozenset(
    ("a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "with", "by", "for", "from", "is", "are")
)
QUALITY_MEAN = 3.7
QUALITY_SPREAD = 0.7
BIAS_SPREAD = 0.35
NOISE_SPREAD = 0.6
IMAGE_TOO_POOR_SHARE = 0.02
NOT_IN_IMAGE_SHARE = 0.1
EDGE_SPREAD = 0.02
LEFT_PREFERRED_SHARE = 0.6
TIE_SHARE = 0.15
WORD_SEEN_SHARE = 0.3


@dataclass(frozen=True, kw_only=True)
class SimulatedRater:
    """One simulated person. `bias` is in score units."""

    name: str
    careless: bool
    bias: float


def draw_raters(*, careful: int, careless: int, generator: random.Random) -> list[SimulatedRater]:
    """A crowd in random order, `careless` of them careless."""
    crowd = [
        SimulatedRater(
            name=f"simulated-{generator.getrandbits(64):016x}",
            careless=place >= careful,
            bias=generator.gauss(0, BIAS_SPREAD),
        )
        for place in range(careful + careless)
    ]
    generator.shuffle(crowd)
    return crowd


def choose_option(rater: SimulatedRater, *, prompt: str, word: str, generator: random.Random) -> str:
    """The code of the option this rater presses, as in `annotation.choices.ANSWER_OPTIONS`.

    word: empty where a whole image is scored, which has no opt-outs.
    """
    if rater.careless:
        return str(generator.choice(list(OpinionScore)).value)
    if (word and not any(character.isalnum() for character in word)) or word.lower() in NOT_PICTURABLE:
        return OptOut.WORD_TOO_ABSTRACT.value
    if word and generator.random() < IMAGE_TOO_POOR_SHARE:
        return OptOut.IMAGE_TOO_POOR.value
    # Seeded by the pair, so that all raters share its latent quality.
    quality = random.Random(f"{prompt}\n{word}").gauss(QUALITY_MEAN, QUALITY_SPREAD)
    score = round(quality + rater.bias + generator.gauss(0, NOISE_SPREAD))
    return str(min(max(score, min(OpinionScore).value), max(OpinionScore).value))


def choose_side(rater: SimulatedRater, options: Sequence[str], *, generator: random.Random) -> str:
    """A side of a pair. Left is preferred a little, so that a report which mixes up the sides shows it."""
    if rater.careless:
        return generator.choice(list(options))
    if generator.random() < TIE_SHARE:
        return Choice.TIE.value
    return (Choice.LEFT if generator.random() < LEFT_PREFERRED_SHARE else Choice.RIGHT).value


def draw_mask(
    rater: SimulatedRater, *, word: str, size_hw: tuple[int, int], generator: random.Random
) -> str | None:
    """A box as the page sends a drawing, base64 of a PNG; None for "not in the image".

    Careful raters share a box for each word and place its edges a little differently; careless ones draw
    anywhere.  size_hw: (height, width) of the image in pixels.
    """
    if generator.random() < NOT_IN_IMAGE_SHARE:
        return None
    height, width = size_hw
    place = generator if rater.careless else random.Random(f"box {word}")
    edges = [place.uniform(0.05, 0.45), place.uniform(0.55, 0.95)] * 2
    top, bottom, left, right = (edge + generator.gauss(0, EDGE_SPREAD) for edge in edges)
    inside = np.zeros((height, width), dtype=bool)
    rows = slice(max(0, round(top * height)), max(1, round(bottom * height)))
    inside[rows, max(0, round(left * width)) : max(1, round(right * width))] = True
    return base64.urlsafe_b64encode(one_bit_png(inside)).decode().rstrip("=")


def choose_ticks(
    rater: SimulatedRater, ticks: Sequence[tuple[str, str]], *, generator: random.Random
) -> list[tuple[str, str]]:
    """The words of a checklist that this rater ticks, in the order of the list; maybe none."""
    share = 0.5 if rater.careless else WORD_SEEN_SHARE
    return [tick for tick in ticks if generator.random() < share]
