"""What is in a picture: objects with their colour, outline and mask, found without knowing the prompt.

Every pixel takes the nearest colour of those that fill an area; connected pixels of one colour are an object;
its outline is the one whose drawing, fitted to the same box, overlaps it best.  How often this is right is
itself measured on real scenes and on scenes that went through the autoencoder: see benchmarks.demo_model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from training.demo_model.scenes import TRAINED_SHAPES
from training.demo_model.shapes import BACKGROUNDS, COLOURS, IMAGE_SIZE, coverage, extent

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

SMALLEST_AREA = 30
# A pixel is inside an even area where no channel changes by this much among its eight neighbours.
LARGEST_STEP = 70
SMALLEST_EVEN_AREA = 6
# Below this overlap no outline fits; the object is then there, but of no known shape.
LEAST_OVERLAP = 0.72
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundObject:
    """One object in a picture.

    shape: None where no outline fits.  overlap: of the best outline, in [0, 1].  centre: (x, y) in pixels.
    mask: (height, width).
    """

    colour: str
    shape: str | None
    overlap: float
    centre: tuple[float, float]
    mask: Mask


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a caption asks for; None stands for any."""

    colour: str | None
    shape: str | None


def find_objects(picture: Picture) -> tuple[FoundObject, ...]:
    """The objects in the picture, largest first.

    picture: (height, width, 3), 0 to 255, of the size that scenes are drawn in.
    Raises ValueError for another size: outlines are compared pixel by pixel.
    """
    if picture.shape != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise ValueError(f"The judge reads {IMAGE_SIZE} x {IMAGE_SIZE} pictures, not {picture.shape}.")
    found = []
    layers, even = _colour_layers(picture)
    for colour, pixels in layers.items():
        labels, count = ndimage.label(pixels, structure=_EIGHT_NEIGHBOURS)
        for number in range(1, count + 1):
            mask = labels == number
            if mask.sum() >= SMALLEST_AREA and (mask & even).sum() >= SMALLEST_EVEN_AREA:
                found.append(_describe(mask, colour=colour))
    return tuple(sorted(found, key=lambda thing: -int(thing.mask.sum())))


def background_of(picture: Picture) -> str:
    """The background colour that lies nearest to the most frequent colour along the border."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]).astype(np.float64)
    middle = np.median(border, axis=0)
    return min(BACKGROUNDS, key=lambda name: float(np.sum((middle - BACKGROUNDS[name]) ** 2)))


def matches(found: FoundObject, *, wanted: Wanted) -> bool:
    """Whether the object is what was asked for."""
    return wanted.colour in (None, found.colour) and wanted.shape in (None, found.shape)


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
    """Whether the first lies left of, right of, above or below the second, by their centres."""
    across, down = first.centre[0] - second.centre[0], first.centre[1] - second.centre[1]
    along = {"left of": -across, "right of": across, "above": -down, "below": down}[relation]
    other = abs(down) if relation in ("left of", "right of") else abs(across)
    return along > other


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
    nearest = np.argmin(np.where(count >= SMALLEST_EVEN_AREA, distance, np.inf), axis=-1)
    return {name: nearest == index for index, name in enumerate(names) if name in COLOURS}, even


def _describe(mask: Mask, *, colour: str) -> FoundObject:
    rows, columns = np.nonzero(mask)
    box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    overlaps = {shape: _overlap(mask, shape=shape, box=box) for shape in TRAINED_SHAPES}
    best = max(overlaps, key=overlaps.__getitem__)
    return FoundObject(
        colour=colour,
        shape=best if overlaps[best] >= LEAST_OVERLAP else None,
        overlap=overlaps[best],
        centre=((box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0),
        mask=mask,
    )


def _overlap(mask: Mask, *, shape: str, box: tuple[float, float, float, float]) -> float:
    """Intersection over union with the shape drawn upright at the size and place of the box."""
    left, top, right, bottom = extent(shape)
    radius = ((box[2] - box[0]) / (right - left) + (box[3] - box[1]) / (bottom - top)) / 2.0
    centre = (
        (box[0] + box[2]) / 2.0 - radius * (left + right) / 2.0,
        (box[1] + box[3]) / 2.0 - radius * (top + bottom) / 2.0,
    )
    drawn = coverage(shape, centre=centre, radius=radius) > 0.5
    union = np.count_nonzero(drawn | mask)
    return float(np.count_nonzero(drawn & mask) / union)
