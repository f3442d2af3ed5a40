"""Simulated raters: what they would answer to what they see. Pure; every draw comes from a given generator.

A careful rater knows which words can't be pictured and answers those with an opt-out; other words get a
score from a latent quality of the (prompt, word) pair, a bias of the rater and noise. A careless rater
presses score buttons at random and so fails the attention checks. Neither looks at the picture, so their
scores say nothing about the maps: they exist to run the machinery end to end.
"""

import random
from dataclasses import dataclass

from annotation.choices import OpinionScore, OptOut

NOT_PICTURABLE = frozenset(
    ("a", "an", "the", "and", "or", "of", "in", "on", "at", "to", "with", "by", "for", "from", "is", "are")
)
QUALITY_MEAN = 3.7
QUALITY_SPREAD = 0.7
BIAS_SPREAD = 0.35
NOISE_SPREAD = 0.6
IMAGE_TOO_POOR_SHARE = 0.02


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
    """The code of the option this rater presses, as in `annotation.choices.ANSWER_OPTIONS`."""
    if rater.careless:
        return str(generator.choice(list(OpinionScore)).value)
    if not any(character.isalnum() for character in word) or word.lower() in NOT_PICTURABLE:
        return OptOut.WORD_TOO_ABSTRACT.value
    if generator.random() < IMAGE_TOO_POOR_SHARE:
        return OptOut.IMAGE_TOO_POOR.value
    # Seeded by the pair, so that all raters share its latent quality.
    quality = random.Random(f"{prompt}\n{word}").gauss(QUALITY_MEAN, QUALITY_SPREAD)
    score = round(quality + rater.bias + generator.gauss(0, NOISE_SPREAD))
    return str(min(max(score, min(OpinionScore).value), max(OpinionScore).value))
