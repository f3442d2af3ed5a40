"""Masks in COCO's two forms, run lengths and polygons, as a file or a specification gives them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw

from annotation import coco_rle

MOST_POLYGONS: Final = 100
MOST_NUMBERS: Final = 2_000
LONGEST_COUNTS: Final = 200_000
LARGEST_SIDE: Final = 16_384
RULE: Final = (
    'write a mask as COCO does: {"size": [height, width], "counts": "…"}, or polygons: [[x, y, x, y, x, y]]'
)


class SegmentationRefused(ValueError):  # noqa: N818 (an outcome, not a malfunction)
    """No mask can be read from this. The message is the rule that it breaks."""


@dataclass(frozen=True, kw_only=True)
class RunLengths:
    """A mask as compressed counts."""

    height: int
    width: int
    counts: str


@dataclass(frozen=True, kw_only=True)
class Polygons:
    """A mask as outlines: x and y by turns, in pixels from the top left corner."""

    outlines: tuple[tuple[float, ...], ...]


Segmentation = RunLengths | Polygons


def read(value: Any) -> Segmentation:
    """The mask in COCO's form, or in its JSON text. Raises SegmentationRefused."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise SegmentationRefused(RULE) from None
    if isinstance(value, Mapping):
        return _run_lengths(value)
    if isinstance(value, list):
        return _polygons(value)
    raise SegmentationRefused(RULE)


def plain(segmentation: Segmentation) -> Any:
    """The mask in COCO's form, as JSON has it; `read` gives the same mask again."""
    if isinstance(segmentation, Polygons):
        return [list(outline) for outline in segmentation.outlines]
    return {"size": [segmentation.height, segmentation.width], "counts": segmentation.counts}


def counts(segmentation: Segmentation, *, height: int, width: int) -> str:
    """The mask's compressed counts on an image of (height, width). Raises SegmentationRefused.

    A mask of another size and a mask without a pixel are refused.
    """
    if isinstance(segmentation, RunLengths):
        if (segmentation.height, segmentation.width) != (height, width):
            found = f"{segmentation.width} x {segmentation.height}"
            raise SegmentationRefused(f"the mask is of {found} pixels and the image of {width} x {height}")
        inside = coco_rle.decode(segmentation.counts, height=height, width=width)
    else:
        inside = _drawn(segmentation, height=height, width=width)
    if not inside.any():
        raise SegmentationRefused("the mask has no pixel inside the image")
    return coco_rle.encode(inside)


def _run_lengths(value: Mapping[str, Any]) -> RunLengths:
    size, found = value.get("size"), value.get("counts")
    if set(value) != {"size", "counts"} or not isinstance(size, list) or len(size) != 2:
        raise SegmentationRefused(RULE)
    if not all(type(side) is int and 1 <= side <= LARGEST_SIDE for side in size):
        raise SegmentationRefused(RULE)
    if isinstance(found, list) and all(type(run) is int and run >= 0 for run in found):
        found = coco_rle.compress(found)
    if not isinstance(found, str) or len(found) > LONGEST_COUNTS:
        raise SegmentationRefused(RULE)
    height, width = size
    try:
        coco_rle.decode(found, height=height, width=width)
    except ValueError as error:
        raise SegmentationRefused(str(error)) from None
    return RunLengths(height=height, width=width, counts=found)


def _polygons(value: list[Any]) -> Polygons:
    if not 1 <= len(value) <= MOST_POLYGONS or not all(_is_outline(outline) for outline in value):
        raise SegmentationRefused(RULE)
    return Polygons(outlines=tuple(tuple(outline) for outline in value))


def _is_outline(value: Any) -> bool:
    """Whether these are three corners or more, as finite numbers."""
    if not isinstance(value, list) or len(value) % 2 or not 6 <= len(value) <= MOST_NUMBERS:
        return False
    return all(type(number) in (int, float) and abs(number) <= LARGEST_SIDE for number in value)


def _drawn(polygons: Polygons, *, height: int, width: int) -> np.ndarray:
    picture = Image.new("1", (width, height))
    for outline in polygons.outlines:
        ImageDraw.Draw(picture).polygon(list(outline), fill=1)
    return np.asarray(picture, dtype=bool)
