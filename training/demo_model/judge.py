"""What is in a picture: objects with their colour, outline and mask, found without knowing the prompt.

Every pixel takes the nearest colour of those that fill an area; connected pixels of one colour are an object;
holes in it are its texture; its outline is the one whose drawing, fitted to the same box, overlaps it best.
Where another object lies on it or against it, those pixels say nothing and do not count, and the box may be
larger than what is seen.  How often this is right is itself measured on real scenes and on scenes that went
through the autoencoder: see benchmarks.demo_model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from training.demo_model.scenes import TRAINED_SHAPES
from training.demo_model.shapes import BACKGROUNDS, COLOURS, IMAGE_SIZE, coverage, extent

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]

SMALLEST_AREA = 30
# A pixel is inside an even area where no channel changes by this much among its eight neighbours.
LARGEST_STEP = 70
SMALLEST_EVEN_AREA = 6
# Below this overlap no outline fits; the object is then there, but of no known shape.
LEAST_OVERLAP = 0.72
# A texture is several holes of some pixels each; one hole is a ring.  Stripes are longer than high.
SMALLEST_HOLE = 4
LEAST_HOLES = 2
STRIPE_ASPECT = 1.8
# Objects whose pixels come this close meet; so many pixels around another object say nothing of this one.
REACH = 2
# Least share of an outline that must be hidden by what covers it, and be within what surrounds it.
LEAST_HIDDEN, LEAST_WITHIN = 0.015, 0.9
_THICK = np.ones((2, 2), dtype=bool)
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundObject:
    """One object in a picture.

    shape: None where no outline fits.  texture: None for a plain one.  overlap: of the best outline, in
    [0, 1].  centre: (x, y) in pixels.  mask: (height, width), what is seen of it, its texture included.
    outline: (height, width), the best outline's drawing, also where other objects hide it.
    """

    colour: str
    shape: str | None
    texture: str | None
    overlap: float
    centre: tuple[float, float]
    mask: Mask
    outline: Mask


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a caption asks for; None stands for any, also for any texture or none."""

    colour: str | None
    shape: str | None
    texture: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Blob:
    """Connected pixels of one colour. mask: with the holes that are texture; filled: with all holes."""

    colour: str
    mask: Mask
    filled: Mask
    texture: str | None


def find_objects(picture: Picture) -> tuple[FoundObject, ...]:
    """The objects in the picture, largest first.

    picture: (height, width, 3), 0 to 255, of the size that scenes are drawn in.
    Raises ValueError for another size: outlines are compared pixel by pixel.
    """
    if picture.shape != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise ValueError(f"The judge reads {IMAGE_SIZE} x {IMAGE_SIZE} pictures, not {picture.shape}.")
    blobs = _without_pieces(_blobs(picture))
    found = [_describe(blob, others=[other for other in blobs if other is not blob]) for blob in blobs]
    return tuple(sorted(found, key=lambda thing: -int(thing.mask.sum())))


def background_of(picture: Picture) -> str:
    """The background colour that lies nearest to the most frequent colour along the border."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]).astype(np.float64)
    middle = np.median(border, axis=0)
    return min(BACKGROUNDS, key=lambda name: float(np.sum((middle - BACKGROUNDS[name]) ** 2)))


def matches(found: FoundObject, *, wanted: Wanted) -> bool:
    """Whether the object is what was asked for."""
    return (
        wanted.colour in (None, found.colour)
        and wanted.shape in (None, found.shape)
        and wanted.texture in (None, found.texture)
    )


def assign(found: Sequence[FoundObject], *, wanted: Sequence[Wanted]) -> tuple[FoundObject | None, ...]:
    """For each wanted object the found one that shows it, each used once; None where it is missing."""
    left = list(found)
    chosen: list[FoundObject | None] = []
    for want in wanted:
        fitting = next((thing for thing in left if matches(thing, wanted=want)), None)
        if fitting is not None:
            left = [thing for thing in left if thing is not fitting]
        chosen.append(fitting)
    return tuple(chosen)


def holds(relation: str, *, first: FoundObject, second: FoundObject) -> bool:
    """Whether the first stands to the second as the word says. Directions go by the centres."""
    if relation in _CONTACTS:
        return _CONTACTS[relation](first, second)
    across, down = first.centre[0] - second.centre[0], first.centre[1] - second.centre[1]
    along = {"left of": -across, "right of": across, "above": -down, "below": down}[relation]
    other = abs(down) if relation in ("left of", "right of") else abs(across)
    return along > other


def _inside(first: FoundObject, second: FoundObject) -> bool:
    is_smaller = np.count_nonzero(first.mask) < np.count_nonzero(second.outline)
    return bool(is_smaller and _share(first.mask, of=second.outline) >= LEAST_WITHIN)


def _touches(first: FoundObject, second: FoundObject) -> bool:
    return bool((_grown(first.mask, by=REACH + 1) & second.mask).any()) and not (
        _inside(first, second) or _inside(second, first)
    )


def _covers(first: FoundObject, second: FoundObject) -> bool:
    return _share(second.outline, of=first.mask) >= LEAST_HIDDEN and _touches(first, second)


_CONTACTS: Mapping[str, Callable[[FoundObject, FoundObject], bool]] = {
    "inside": _inside,
    "surrounding": lambda first, second: _inside(second, first),
    "touching": _touches,
    "covering": _covers,
}


def _blobs(picture: Picture) -> list[_Blob]:
    blobs = []
    layers, even = _colour_layers(picture)
    for colour, pixels in layers.items():
        labels, count = ndimage.label(
            _without_rims(pixels, colour=colour, layers=layers), structure=_EIGHT_NEIGHBOURS
        )
        for number in range(1, count + 1):
            mask = labels == number
            if mask.sum() >= SMALLEST_AREA and (mask & even).sum() >= SMALLEST_EVEN_AREA:
                blobs.append(_blob(mask, colour=colour))
    return blobs


def _without_rims(pixels: Mask, *, colour: str, layers: Mapping[str, Mask]) -> Mask:
    """Without thin lines along an object of another colour whose rim may look like this colour.

    The rim of a red shape on white is pink; where something pink is really there, it would count as that.
    """
    present = [name for name, layer in layers.items() if layer.any()]
    grounds = [*present, *BACKGROUNDS]
    sources = [
        ndimage.binary_opening(layers[name], structure=_THICK)
        for name in present
        if name != colour and any(_is_blend(colour, of=name, and_=ground) for ground in grounds)
    ]
    if not sources:
        return pixels
    thin = pixels & ~ndimage.binary_opening(pixels, structure=_THICK)
    return np.asarray(pixels & ~(thin & _grown(np.logical_or.reduce(sources), by=REACH)))


@cache
def _is_blend(colour: str, *, of: str, and_: str) -> bool:
    """Whether some mixture of two others of the palette lies nearer to this colour than to either."""
    palette = {**COLOURS, **BACKGROUNDS}
    here, start, end = (np.asarray(palette[name], dtype=np.float64) for name in (colour, of, and_))
    mixtures = start + np.linspace(0.0, 1.0, 21)[:, None] * (end - start)
    to_here, *to_ends = (np.linalg.norm(mixtures - one, axis=1) for one in (here, start, end))
    return bool((to_here < np.minimum(*to_ends)).any())


def _blob(mask: Mask, *, colour: str) -> _Blob:
    filled = ndimage.binary_fill_holes(mask)
    labels, _ = ndimage.label(filled & ~mask)
    boxes = ndimage.find_objects(labels)
    sizes = np.bincount(labels.ravel(), minlength=len(boxes) + 1)[1:]
    if np.count_nonzero(sizes >= SMALLEST_HOLE) < LEAST_HOLES:
        return _Blob(colour=colour, mask=mask, filled=filled, texture=None)
    down, across = boxes[int(np.argmax(sizes))]
    is_long = across.stop - across.start >= STRIPE_ASPECT * (down.stop - down.start)
    texture = "striped" if is_long else "dotted"
    return _Blob(colour=colour, mask=filled, filled=filled, texture=texture)


def _without_pieces(blobs: Sequence[_Blob]) -> list[_Blob]:
    """Without what is part of something larger.

    A white stripe in red may look pink; the hole of a ring on a square shows the square.
    """
    return [blob for blob in blobs if not _is_piece(blob, around=[one for one in blobs if one is not blob])]


def _is_piece(blob: _Blob, *, around: Sequence[_Blob]) -> bool:
    hosts = [one for one in around if _share(blob.mask, of=one.filled) >= LEAST_WITHIN]
    rest = [one for one in around if one.colour == blob.colour and one.mask.sum() > blob.mask.sum()]
    return any(host.texture is not None for host in hosts) or any(
        (_grown(host.mask, by=REACH) & one.mask).any() for host in hosts for one in rest if one is not host
    )


def _colour_layers(picture: Picture) -> tuple[dict[str, Mask], Mask]:
    """For each colour that is really there the pixels nearest to it, and the pixels inside even areas.

    The rim of a red shape on white is pink, so only colours that fill an even area count as being there.
    """
    names = [*COLOURS, *BACKGROUNDS]
    palette = np.asarray([*COLOURS.values(), *BACKGROUNDS.values()], dtype=np.float64)
    distance = np.sum((picture[:, :, None, :].astype(np.float64) - palette) ** 2, axis=-1)
    step = ndimage.maximum_filter(picture, size=(3, 3, 1)).astype(np.int64)
    step -= ndimage.minimum_filter(picture, size=(3, 3, 1))
    even = step.max(axis=2) < LARGEST_STEP
    count = np.bincount(np.argmin(distance, axis=-1)[even], minlength=len(names))
    count[names.index("white")] = SMALLEST_EVEN_AREA  # dots are white, and none is wide enough to be even
    nearest = np.argmin(np.where(count >= SMALLEST_EVEN_AREA, distance, np.inf), axis=-1)
    return {name: nearest == index for index, name in enumerate(names) if name in COLOURS}, even


def _describe(blob: _Blob, *, others: Sequence[_Blob]) -> FoundObject:
    rows, columns = np.nonzero(blob.mask)
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    near = [
        other.filled
        for other in others
        if (_grown(other.mask, by=REACH) & blob.filled).any()
        and _share(blob.mask, of=other.filled) < LEAST_WITHIN  # what lies behind it hides nothing
    ]
    silent = _grown(np.logical_or.reduce(near), by=REACH) & ~blob.mask if near else blob.mask & False
    fits = [
        (_overlap(blob.mask, drawn=drawn, silent=silent), shape, drawn)
        for shape in TRAINED_SHAPES
        for drawn in _drawings(shape, box=box, is_hidden=_is_beside(near, blob=blob))
    ]
    overlap, shape, outline = max(fits, key=lambda fit: fit[0])
    return FoundObject(
        colour=blob.colour,
        shape=shape if overlap >= LEAST_OVERLAP else None,
        texture=blob.texture,
        overlap=overlap,
        centre=((box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0),
        mask=blob.mask,
        outline=outline,
    )


def _is_beside(near: Sequence[Mask], *, blob: _Blob) -> bool:
    """Whether something may hide a side of it, rather than lie in its middle."""
    return any(_share(mask, of=blob.filled) < 0.5 for mask in near)


def _drawings(shape: str, *, box: Box, is_hidden: bool) -> Iterator[Mask]:
    """The shape drawn upright in the box; where a side may be hidden, also in boxes that reach further."""
    left, top, right, bottom = extent(shape)
    across, down = (box[2] - box[0]) / (right - left), (box[3] - box[1]) / (bottom - top)
    middle = (box[0] + box[2]) / 2.0 - (left + right) / 2.0 * across
    centre = (box[1] + box[3]) / 2.0 - (top + bottom) / 2.0 * down
    yield _drawn(
        shape,
        centre=(
            (box[0] + box[2]) / 2.0 - (across + down) / 2.0 * (left + right) / 2.0,
            (box[1] + box[3]) / 2.0 - (across + down) / 2.0 * (top + bottom) / 2.0,
        ),
        radius=(across + down) / 2.0,
    )
    if is_hidden and down > across:  # as high as it looks, and wider
        yield _drawn(shape, centre=(box[0] - left * down, centre), radius=down)
        yield _drawn(shape, centre=(box[2] - right * down, centre), radius=down)
    if is_hidden and across > down:  # as wide as it looks, and higher
        yield _drawn(shape, centre=(middle, box[1] - top * across), radius=across)
        yield _drawn(shape, centre=(middle, box[3] - bottom * across), radius=across)


def _drawn(shape: str, *, centre: tuple[float, float], radius: float) -> Mask:
    return coverage(shape, centre=centre, radius=radius) > 0.5


def _overlap(mask: Mask, *, drawn: Mask, silent: Mask) -> float:
    """Intersection over union, without the pixels that say nothing."""
    union = int(np.count_nonzero((drawn | mask) & ~silent))
    return int(np.count_nonzero(drawn & mask & ~silent)) / max(1, union)


def _share(mask: Mask, *, of: Mask) -> float:
    """The share of the mask's pixels that lie in the other."""
    return int(np.count_nonzero(mask & of)) / max(1, int(np.count_nonzero(mask)))


def _grown(mask: Mask, *, by: int) -> Mask:
    return np.asarray(ndimage.binary_dilation(mask, structure=_EIGHT_NEIGHBOURS, iterations=by))
