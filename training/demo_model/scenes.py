"""Procedural scenes: a caption, the picture it describes, and one mask for each object.

A scene is drawn from a generator and a mixture of kinds; the same seed gives the same scene for ever.
Some colour and shape pairs are held out: training never shows them, so prompts about them ask the model
to put together what it knows ("unreal" prompts).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from training.demo_model.shapes import BACKGROUNDS, COLOURS, IMAGE_SIZE, coverage

Picture = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]

TRAINED_SHAPES = ("circle", "square", "triangle", "star", "heart", "cross", "ring")
RELATIONS = ("left of", "right of", "above", "below")
NUMERALS = ("one", "two", "three", "four")

# Eight of the fifty-six pairs: every shape and every colour is still seen in many others.
HELD_OUT: frozenset[tuple[str, str]] = frozenset(
    {
        ("red", "ring"),
        ("orange", "square"),
        ("yellow", "cross"),
        ("green", "heart"),
        ("blue", "triangle"),
        ("purple", "circle"),
        ("pink", "star"),
        ("black", "heart"),
    }
)
ALLOWED: tuple[tuple[str, str], ...] = tuple(
    (colour, shape) for shape in TRAINED_SHAPES for colour in COLOURS if (colour, shape) not in HELD_OUT
)
# Hearts are mostly red: the one correlated pair, for studies of how adjectives entangle with nouns.
ENTANGLED = ("red", "heart")
ENTANGLED_WEIGHT = 6.0

# How often each kind of scene is drawn.
MIXTURE: Mapping[str, float] = MappingProxyType(
    {"single": 0.56, "pair": 0.18, "relation": 0.18, "count": 0.08}
)
# Objects lie near fixed places.  Where one may lie anywhere, its outline cannot be guessed from the caption
# before the noise has shown the place, and a short training never learns to use the shape word.
_RADIUS: Mapping[str | None, tuple[float, float]] = MappingProxyType(
    {None: (15.5, 19.0), "large": (21.5, 25.0), "small": (9.0, 11.0)}
)
_SPREAD: Mapping[int, tuple[tuple[float, float], ...]] = MappingProxyType(
    {
        2: ((17.0, 32.0), (47.0, 32.0)),
        3: ((32.0, 17.0), (17.0, 46.0), (47.0, 46.0)),
        4: ((17.0, 17.0), (47.0, 17.0), (17.0, 47.0), (47.0, 47.0)),
    }
)


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """One drawn object; centre is (x, y) in pixels, radius in pixels."""

    shape: str
    colour: str
    centre: tuple[float, float]
    radius: float


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A caption and what it describes. kind: a key of MIXTURE."""

    kind: str
    caption: str
    objects: tuple[SceneObject, ...]
    background: str = "white"


def scenes(seed: int | Sequence[int], *, mixture: Mapping[str, float] = MIXTURE) -> Iterator[Scene]:
    """An endless stream of scenes, the same for the same seed (or path of seeds) and mixture."""
    rng = np.random.default_rng(seed)
    kinds, weights = list(mixture), np.asarray(list(mixture.values()))
    while True:
        kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
        yield _MAKERS[kind](rng)


def draw(scene: Scene) -> Picture:
    """The picture, (height, width, 3); where objects overlap, later ones lie on top."""
    picture = np.empty((IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.float32)
    picture[:] = BACKGROUNDS[scene.background]
    for thing in scene.objects:
        alpha = coverage(thing.shape, centre=thing.centre, radius=thing.radius)[..., None]
        picture = picture * (1.0 - alpha) + np.asarray(COLOURS[thing.colour], dtype=np.float32) * alpha
    return np.asarray(np.rint(picture), dtype=np.uint8)


def masks(scene: Scene) -> Masks:
    """(objects, height, width): the pixels that show mostly this object."""
    shown = np.zeros((len(scene.objects), IMAGE_SIZE, IMAGE_SIZE), dtype=np.float32)
    for index, thing in enumerate(scene.objects):
        alpha = coverage(thing.shape, centre=thing.centre, radius=thing.radius)
        shown *= 1.0 - alpha
        shown[index] = alpha
    return shown > 0.5


def plural(noun: str) -> str:
    """The plural as the captions spell it."""
    return noun + "es" if noun.endswith("s") else noun + "s"


def article(word: str) -> str:
    """The indefinite article that goes before the word."""
    return "an" if word[0] in "aeiou" else "a"


def noun_phrase(*words: str | None) -> str:
    """An article and the words that are there: ("small", None, "ring") gives "a small ring"."""
    present = [word for word in words if word]
    return " ".join([article(present[0]), *present])


def _single(rng: np.random.Generator) -> Scene:
    colour, shape = _colour_and_shape(rng)
    size = (None, "large", "small")[int(rng.choice(3, p=(0.76, 0.14, 0.10)))]
    radius = float(rng.uniform(*_RADIUS[size]))
    centre = _near(rng, place=(IMAGE_SIZE / 2, IMAGE_SIZE / 2), across=5.0, down=5.0)
    thing = SceneObject(shape=shape, colour=colour, radius=radius, centre=centre)
    form = rng.random()
    if form < 0.05:
        caption = noun_phrase(size, shape)
    elif form < 0.10:
        caption = noun_phrase(size, colour, "shape")
    elif form < 0.13:
        caption = "one " + " ".join(word for word in (size, colour, shape) if word)
    else:
        caption = noun_phrase(size, colour, shape)
    return _on_background(rng, kind="single", caption=caption, objects=(thing,))


def _pair(rng: np.random.Generator) -> Scene:
    """Two objects side by side, in the order in which the caption names them."""
    first, second = _two_apart(rng, relation="left of")
    caption = f"{noun_phrase(first.colour, first.shape)} and {noun_phrase(second.colour, second.shape)}"
    return _on_background(rng, kind="pair", caption=caption, objects=(first, second))


def _relation(rng: np.random.Generator) -> Scene:
    relation = RELATIONS[int(rng.integers(4))]
    first, second = _two_apart(rng, relation=relation)
    caption = (
        f"{noun_phrase(first.colour, first.shape)} {relation} {noun_phrase(second.colour, second.shape)}"
    )
    return _on_background(rng, kind="relation", caption=caption, objects=(first, second))


def _count(rng: np.random.Generator) -> Scene:
    """Two to four like objects, spread so that they do not touch."""
    colour, shape = _colour_and_shape(rng)
    number = int(rng.choice((2, 3, 4), p=(0.4, 0.3, 0.3)))
    radius = float(rng.uniform(9.5, 11.0))
    centres = [_near(rng, place=place, across=3.0, down=3.0) for place in _SPREAD[number]]
    things = tuple(
        SceneObject(shape=shape, colour=colour, centre=centre, radius=radius) for centre in centres
    )
    caption = f"{NUMERALS[number - 1]} {colour} {plural(shape)}"
    return _on_background(rng, kind="count", caption=caption, objects=things)


_MAKERS = {"single": _single, "pair": _pair, "relation": _relation, "count": _count}


def _colour_and_shape(rng: np.random.Generator) -> tuple[str, str]:
    weights = np.asarray([ENTANGLED_WEIGHT if pair == ENTANGLED else 1.0 for pair in ALLOWED])
    by_shape = {
        shape: sum(w for w, p in zip(weights, ALLOWED, strict=True) if p[1] == shape)
        for shape in TRAINED_SHAPES
    }
    # Dividing by the shape's total keeps the shapes equally frequent, hearts included.
    weights = np.asarray([w / by_shape[pair[1]] for w, pair in zip(weights, ALLOWED, strict=True)])
    return ALLOWED[int(rng.choice(len(ALLOWED), p=weights / weights.sum()))]


def _two_apart(rng: np.random.Generator, *, relation: str) -> tuple[SceneObject, SceneObject]:
    """Two objects of different colour and shape, the first lying as the relation says."""
    first = _colour_and_shape(rng)
    second = _colour_and_shape(rng)
    while second[0] == first[0] or second[1] == first[1]:  # otherwise the judge could not tell them apart
        second = _colour_and_shape(rng)
    sides = {
        "left of": ((17.0, 32.0), (47.0, 32.0)),
        "right of": ((47.0, 32.0), (17.0, 32.0)),
        "above": ((32.0, 17.0), (32.0, 47.0)),
        "below": ((32.0, 47.0), (32.0, 17.0)),
    }
    across, down = (1.0, 4.0) if relation in ("left of", "right of") else (4.0, 1.0)
    here, there = (_near(rng, place=side, across=across, down=down) for side in sides[relation])
    near, far = (float(radius) for radius in rng.uniform(11.5, 13.0, size=2))
    return (
        SceneObject(colour=first[0], shape=first[1], centre=here, radius=near),
        SceneObject(colour=second[0], shape=second[1], centre=there, radius=far),
    )


def _near(
    rng: np.random.Generator, *, place: tuple[float, float], across: float, down: float
) -> tuple[float, float]:
    """A point at most so many pixels away along each axis."""
    return (
        float(place[0] + rng.uniform(-across, across)),
        float(place[1] + rng.uniform(-down, down)),
    )


def _on_background(
    rng: np.random.Generator, *, kind: str, caption: str, objects: Sequence[SceneObject]
) -> Scene:
    """White unless the caption says otherwise; now and then with a full stop."""
    background = "white"
    if rng.random() < 0.08:
        background = tuple(BACKGROUNDS)[int(rng.integers(len(BACKGROUNDS)))]
        caption = f"{caption} on {noun_phrase(background, 'background')}"
    if rng.random() < 0.1:
        caption += "."
    return Scene(kind=kind, caption=caption, objects=tuple(objects), background=background)
