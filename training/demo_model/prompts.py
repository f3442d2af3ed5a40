"""Prompts for evaluation, fixed beforehand: what each asks for is known, so a judge can mark the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.demo_model.judge import Wanted
from training.demo_model.scenes import (
    ALLOWED,
    CONTACTS,
    HELD_OUT,
    HOST_SHAPES,
    NUMERALS,
    RELATIONS,
    TEXTURED_SHAPES,
    noun_phrase,
    plural,
)
from training.demo_model.shapes import BACKGROUNDS, TEXTURES

KINDS = (
    "single",
    "unreal",
    "pair",
    "relation",
    "count",
    "size",
    "texture",
    "background",
    "inside",
    "surrounding",
    "touching",
    "covering",
)


@dataclass(frozen=True, kw_only=True)
class AskedPicture:
    """A prompt and what it asks for.

    kind: one of KINDS.  relation: holds between the two wanted objects.  background: a key of BACKGROUNDS.
    """

    kind: str
    text: str
    wanted: tuple[Wanted, ...]
    relation: str | None = None
    background: str | None = None


def asked_pictures(*, of_each_kind: int, seed: int) -> tuple[AskedPicture, ...]:
    """Up to so many different prompts of each kind, the same for the same seed.

    There are 68 single objects and 12 unreal ones; a larger number gives all of them.
    """
    rng = np.random.default_rng(seed)
    asked: list[AskedPicture] = []
    for kind in KINDS:
        seen: dict[str, AskedPicture] = {}
        maker = _meeting(rng, relation=kind) if kind in CONTACTS else _MAKERS[kind](rng)
        for picture in maker:
            seen.setdefault(picture.text, picture)
            if len(seen) == of_each_kind:
                break
        asked.extend(seen.values())
    return tuple(asked)


def _singles(rng: np.random.Generator) -> Iterator[AskedPicture]:
    for number in rng.permutation(len(ALLOWED)):
        yield _one(ALLOWED[int(number)], kind="single")


def _unreal(rng: np.random.Generator) -> Iterator[AskedPicture]:
    pairs = sorted(HELD_OUT)
    for number in rng.permutation(len(pairs)):
        yield _one(pairs[int(number)], kind="unreal")


def _one(pair: tuple[str, str], *, kind: str) -> AskedPicture:
    colour, shape = pair
    return AskedPicture(
        kind=kind, text=noun_phrase(colour, shape), wanted=(Wanted(colour=colour, shape=shape),)
    )


def _pairs(rng: np.random.Generator) -> Iterator[AskedPicture]:
    while True:
        first, second = _two_different(rng)
        text = f"{noun_phrase(*first)} and {noun_phrase(*second)}"
        yield AskedPicture(kind="pair", text=text, wanted=_both(first, second))


def _relations(rng: np.random.Generator) -> Iterator[AskedPicture]:
    while True:
        first, second = _two_different(rng)
        relation = RELATIONS[int(rng.integers(len(RELATIONS)))]
        text = f"{noun_phrase(*first)} {relation} {noun_phrase(*second)}"
        yield AskedPicture(kind="relation", text=text, wanted=_both(first, second), relation=relation)


def _counts(rng: np.random.Generator) -> Iterator[AskedPicture]:
    while True:
        colour, shape = ALLOWED[int(rng.integers(len(ALLOWED)))]
        number = int(rng.integers(2, 5))
        text = f"{NUMERALS[number - 1]} {colour} {plural(shape)}"
        yield AskedPicture(kind="count", text=text, wanted=(Wanted(colour=colour, shape=shape),) * number)


def _sizes(rng: np.random.Generator) -> Iterator[AskedPicture]:
    """Small and large objects; whether the size is right is not marked, only what is there."""
    while True:
        colour, shape = ALLOWED[int(rng.integers(len(ALLOWED)))]
        size = ("small", "large")[int(rng.integers(2))]
        wanted = (Wanted(colour=colour, shape=shape),)
        yield AskedPicture(kind="size", text=noun_phrase(size, colour, shape), wanted=wanted)


def _textures(rng: np.random.Generator) -> Iterator[AskedPicture]:
    while True:
        colour, shape = _any_of(rng, among=TEXTURED_SHAPES)
        texture = TEXTURES[int(rng.integers(len(TEXTURES)))]
        wanted = (Wanted(colour=colour, shape=shape, texture=texture),)
        yield AskedPicture(kind="texture", text=noun_phrase(texture, colour, shape), wanted=wanted)


def _backgrounds(rng: np.random.Generator) -> Iterator[AskedPicture]:
    names = [name for name in BACKGROUNDS if name != "white"]
    while True:
        colour, shape = ALLOWED[int(rng.integers(len(ALLOWED)))]
        background = names[int(rng.integers(len(names)))]
        yield AskedPicture(
            kind="background",
            text=f"{noun_phrase(colour, shape)} on {noun_phrase(background, 'background')}",
            wanted=(Wanted(colour=colour, shape=shape),),
            background=background,
        )


def _meeting(rng: np.random.Generator, *, relation: str) -> Iterator[AskedPicture]:
    """Two objects in one of the relations of CONTACTS."""
    while True:
        first, second = _two_different(rng)
        outer = {"inside": second, "surrounding": first}.get(relation)
        if outer is not None and outer[1] not in HOST_SHAPES:
            continue
        text = f"{noun_phrase(*first)} {relation} {noun_phrase(*second)}"
        yield AskedPicture(kind=relation, text=text, wanted=_both(first, second), relation=relation)


def _any_of(rng: np.random.Generator, *, among: Sequence[str]) -> tuple[str, str]:
    pairs = [pair for pair in ALLOWED if pair[1] in among]
    return pairs[int(rng.integers(len(pairs)))]


def _two_different(rng: np.random.Generator) -> tuple[tuple[str, str], tuple[str, str]]:
    first, second = (ALLOWED[int(number)] for number in rng.integers(len(ALLOWED), size=2))
    while first[0] == second[0] or first[1] == second[1]:
        second = ALLOWED[int(rng.integers(len(ALLOWED)))]
    return first, second


def _both(first: tuple[str, str], second: tuple[str, str]) -> tuple[Wanted, Wanted]:
    return Wanted(colour=first[0], shape=first[1]), Wanted(colour=second[0], shape=second[1])


_MAKERS = {
    "single": _singles,
    "unreal": _unreal,
    "pair": _pairs,
    "relation": _relations,
    "count": _counts,
    "size": _sizes,
    "texture": _textures,
    "background": _backgrounds,
}
