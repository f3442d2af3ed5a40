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

from training.demo_model.shapes import (
    BACKGROUNDS,
    COLOURS,
    IMAGE_SIZE,
    TEXTURE_INK,
    TEXTURES,
    coverage,
    extent,
    texture_ink,
)

Picture = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]

TRAINED_SHAPES = (
    "circle",
    "square",
    "triangle",
    "star",
    "heart",
    "cross",
    "ring",
    "ellipse",
    "rectangle",
    "diamond",
)
RELATIONS = ("left of", "right of", "above", "below")
# Relations of objects that meet. The first of them is the smaller one, the outer one, either, the upper one.
CONTACTS = ("inside", "surrounding", "touching", "covering")
# Arms and rims of the other shapes are as thin as a stripe.
TEXTURED_SHAPES = ("circle", "square", "triangle", "heart", "ellipse", "rectangle", "diamond")
NUMERALS = ("one", "two", "three", "four")

# Twelve of the eighty pairs (15 %): every shape and every colour is still seen in many others.
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
        ("orange", "diamond"),
        ("green", "ellipse"),
        ("pink", "rectangle"),
        ("black", "ellipse"),
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
    {"single": 0.34, "texture": 0.12, "pair": 0.14, "relation": 0.12, "count": 0.12, "contact": 0.16}
)
# How often the caption names a background; one of three of them is white all the same.
NAMED_BACKGROUND_SHARE = 0.2
# Objects lie near fixed places.  Where one may lie anywhere, its outline cannot be guessed from the caption
# before the noise has shown the place, and a short training never learns to use the shape word.
_RADIUS: Mapping[str | None, tuple[float, float]] = MappingProxyType(
    {None: (15.5, 19.0), "large": (21.5, 25.0), "small": (9.5, 11.5)}
)
# How far from the middle a single object may lie, in pixels along each axis.
_FREEDOM: Mapping[str | None, float] = MappingProxyType({None: 9.0, "large": 5.0, "small": 9.0})
_TEXTURED_RADIUS = (18.0, 23.0)
# Objects wide enough to hold another one.
_HOST_RADIUS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "circle": (22.0, 25.0),
        "square": (22.0, 25.0),
        "ellipse": (27.0, 28.0),
        "diamond": (27.0, 28.0),
    }
)
HOST_SHAPES: tuple[str, ...] = tuple(_HOST_RADIUS)
_MIDDLE = (IMAGE_SIZE / 2, IMAGE_SIZE / 2)
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
    texture: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A caption and what it describes. kind: a key of MIXTURE. objects: the later ones lie on top."""

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
        paint = np.asarray(COLOURS[thing.colour], dtype=np.float32)
        if thing.texture is not None:
            ink = texture_ink(thing.texture, covered=alpha[..., 0])[..., None]
            paint = paint * (1.0 - ink) + np.asarray(TEXTURE_INK, dtype=np.float32) * ink
        picture = picture * (1.0 - alpha) + paint * alpha
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
    size = (None, "large", "small")[int(rng.choice(3, p=(0.60, 0.12, 0.28)))]
    radius = float(rng.uniform(*_RADIUS[size]))
    centre = _near(rng, place=_MIDDLE, across=_FREEDOM[size], down=_FREEDOM[size])
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


def _textured(rng: np.random.Generator) -> Scene:
    """One large striped or dotted object in the middle."""
    colour, shape = _colour_and_shape(rng, among=TEXTURED_SHAPES)
    texture = TEXTURES[int(rng.integers(len(TEXTURES)))]
    thing = SceneObject(
        shape=shape,
        colour=colour,
        texture=texture,
        radius=float(rng.uniform(*_TEXTURED_RADIUS)),
        centre=_near(rng, place=_MIDDLE, across=5.0, down=5.0),
    )
    caption = noun_phrase(texture, colour, shape)
    return _on_background(rng, kind="texture", caption=caption, objects=(thing,))


def _contact(rng: np.random.Generator) -> Scene:
    """Two objects that meet, in one of the ways of CONTACTS."""
    relation = CONTACTS[int(rng.integers(len(CONTACTS)))]
    maker = {"touching": _touching, "covering": _covering}.get(relation, _nested)
    upper, lower = maker(rng)
    first, second = (lower, upper) if relation == "surrounding" else (upper, lower)
    caption = (
        f"{noun_phrase(first.colour, first.shape)} {relation} {noun_phrase(second.colour, second.shape)}"
    )
    return _on_background(rng, kind="contact", caption=caption, objects=(lower, upper))


def _nested(rng: np.random.Generator) -> tuple[SceneObject, SceneObject]:
    """A small object in the middle of a large one; the small one comes first."""
    inner, outer = _two_different(rng, second_among=HOST_SHAPES)
    centre = _near(rng, place=_MIDDLE, across=3.0, down=3.0)
    small = SceneObject(colour=inner[0], shape=inner[1], centre=centre, radius=float(rng.uniform(10.5, 12.0)))
    low, high = _HOST_RADIUS[outer[1]]
    large = SceneObject(colour=outer[0], shape=outer[1], centre=centre, radius=float(rng.uniform(low, high)))
    return small, large


def _touching(rng: np.random.Generator) -> tuple[SceneObject, SceneObject]:
    """Two objects side by side, moved towards each other until they meet."""
    left, right = _two_different(rng)
    radii = [float(radius) for radius in rng.uniform(12.5, 14.5, size=2)]
    height = float(32.0 + rng.uniform(-5.0, 5.0))
    gap = radii[0] * extent(left[1])[2] - radii[1] * extent(right[1])[0]
    while True:
        first, second = (
            SceneObject(
                colour=pair[0], shape=pair[1], centre=(32.0 + side * gap / 2.0, height), radius=radius
            )
            for pair, side, radius in zip((left, right), (-1.0, 1.0), radii, strict=True)
        )
        if _shared_pixels(first, second) > 0:
            return first, second
        gap -= 1.0


def _covering(rng: np.random.Generator) -> tuple[SceneObject, SceneObject]:
    """An object that hides the right part of another; the upper one comes first."""
    upper, lower = _two_different(rng)
    radii = [float(radius) for radius in rng.uniform(13.0, 15.0, size=2)]
    height = float(32.0 + rng.uniform(-5.0, 5.0))
    over = SceneObject(colour=upper[0], shape=upper[1], centre=(40.5, height), radius=radii[0])
    under = SceneObject(colour=lower[0], shape=lower[1], centre=(23.5, height), radius=radii[1])
    return over, under


def _shared_pixels(first: SceneObject, second: SceneObject) -> int:
    """How many pixels both cover at least in part."""
    here, there = (
        coverage(thing.shape, centre=thing.centre, radius=thing.radius) > 0.0 for thing in (first, second)
    )
    return int(np.count_nonzero(here & there))


_MAKERS = {
    "single": _single,
    "texture": _textured,
    "pair": _pair,
    "relation": _relation,
    "count": _count,
    "contact": _contact,
}


def _colour_and_shape(rng: np.random.Generator, *, among: Sequence[str] = TRAINED_SHAPES) -> tuple[str, str]:
    """A pair that may be shown; every shape is as frequent as the others, hearts included."""
    shape = among[int(rng.integers(len(among)))]
    pairs = [pair for pair in ALLOWED if pair[1] == shape]
    weights = np.asarray([ENTANGLED_WEIGHT if pair == ENTANGLED else 1.0 for pair in pairs])
    return pairs[int(rng.choice(len(pairs), p=weights / weights.sum()))]


def _two_different(
    rng: np.random.Generator, *, second_among: Sequence[str] = TRAINED_SHAPES
) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two pairs that differ in colour and shape; otherwise the judge could not tell them apart."""
    second = _colour_and_shape(rng, among=second_among)
    first = _colour_and_shape(rng)
    while second[0] == first[0] or second[1] == first[1]:
        first = _colour_and_shape(rng)
    return first, second


def _two_apart(rng: np.random.Generator, *, relation: str) -> tuple[SceneObject, SceneObject]:
    """Two objects of different colour and shape, the first lying as the relation says."""
    first, second = _two_different(rng)
    sides = {
        "left of": ((17.0, 32.0), (47.0, 32.0)),
        "right of": ((47.0, 32.0), (17.0, 32.0)),
        "above": ((32.0, 17.0), (32.0, 47.0)),
        "below": ((32.0, 47.0), (32.0, 17.0)),
    }
    across, down = (1.0, 8.0) if relation in ("left of", "right of") else (8.0, 1.0)
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
    if rng.random() < NAMED_BACKGROUND_SHARE:
        background = tuple(BACKGROUNDS)[int(rng.integers(len(BACKGROUNDS)))]
        caption = f"{caption} on {noun_phrase(background, 'background')}"
    if rng.random() < 0.1:
        caption += "."
    return Scene(kind=kind, caption=caption, objects=tuple(objects), background=background)
