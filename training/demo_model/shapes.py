"""The outlines, colours and textures that every scene is made of.

An outline is drawn with Pillow at four times the size and averaged down, which is the anti-aliasing.
A texture keeps to the grid of the picture, not of the object: stripes and dots are as wide as one latent
cell and lie on it, so that the autoencoder keeps them and the denoiser knows beforehand where they run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

Points = tuple[tuple[float, float], ...]
Coverage = npt.NDArray[np.float32]

IMAGE_SIZE = 64
OVERSAMPLING = 4

COLOURS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (222, 36, 36),
        "orange": (250, 146, 20),
        "yellow": (245, 224, 48),
        "green": (38, 156, 62),
        "blue": (40, 82, 220),
        "purple": (136, 48, 170),
        "pink": (248, 150, 196),
        "black": (24, 24, 28),
    }
)

TEXTURES = ("striped", "dotted")
TEXTURE_INK = (255, 255, 255)
# Pixels of one stripe, of the gap to the next, and of half the distance between dots: one latent cell.
TEXTURE_CELL = 4
# Two pixels of rim in every direction but the corners, so that the outline of a striped object is unbroken.
_RIM = np.hypot(*np.mgrid[-2:3, -2:3]) < 2.5

BACKGROUNDS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"white": (255, 255, 255), "gray": (168, 168, 168), "beige": (232, 214, 178)}
)


def coverage(shape: str, *, centre: tuple[float, float], radius: float) -> Coverage:
    """How much of each pixel the shape covers, in [0, 1].

    centre: (x, y) in pixels from the top left corner.  radius: pixels; every outline keeps within it.
    Returns (height, width).  Raises KeyError for a shape that is not in SHAPES.
    """
    canvas = Image.new("L", (IMAGE_SIZE * OVERSAMPLING, IMAGE_SIZE * OVERSAMPLING), 0)
    pen = ImageDraw.Draw(canvas)
    for outline, ink in _outlines(shape):
        pen.polygon([_to_canvas(point, centre=centre, radius=radius) for point in outline], fill=ink)
    return np.asarray(canvas.reduce(OVERSAMPLING), dtype=np.float32) / 255.0


def texture_ink(texture: str, *, covered: Coverage) -> Coverage:
    """How much white lies on each pixel of an object, in [0, 1]; a rim of plain colour stays all around.

    covered: (height, width), what the object covers.  texture: one of TEXTURES.
    """
    inside = ndimage.grey_erosion(covered, footprint=_RIM)
    return np.asarray(inside * _texture(texture), dtype=np.float32)


def extent(shape: str) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the outline for a radius of one around (0, 0); y points down."""
    points = np.asarray(_outlines(shape)[0][0])
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _to_canvas(
    point: tuple[float, float], *, centre: tuple[float, float], radius: float
) -> tuple[float, float]:
    # Pillow fills a pixel when its corner coordinate lies inside; half a fine pixel is below what counts.
    x = (centre[0] + radius * point[0]) * OVERSAMPLING - 0.5
    y = (centre[1] + radius * point[1]) * OVERSAMPLING - 0.5
    return x, y


@cache
def _texture(texture: str) -> Coverage:
    """(height, width): 1 where the whole picture would be white if one object covered it."""
    cells = (np.arange(IMAGE_SIZE) // TEXTURE_CELL) % 2
    if texture == "striped":
        ink = np.repeat(cells[:, None], IMAGE_SIZE, axis=1)
    else:
        ink = cells[:, None] * cells[None, :]
        corner = np.isin(np.arange(IMAGE_SIZE) % TEXTURE_CELL, (0, TEXTURE_CELL - 1))
        ink = np.where(corner[:, None] & corner[None, :], 0, ink)  # dots are round
    return ink.astype(np.float32)


@cache
def _outlines(shape: str) -> tuple[tuple[Points, int], ...]:
    """Polygons with their ink; a later polygon is drawn over an earlier one (the hole of the ring)."""
    return _MAKERS[shape]()


def _regular(*, corners: int, radius: float = 1.0, first_degrees: float = -90.0) -> Points:
    angles = [math.radians(first_degrees + 360.0 * k / corners) for k in range(corners)]
    return tuple((radius * math.cos(a), radius * math.sin(a)) for a in angles)


def _circle() -> tuple[tuple[Points, int], ...]:
    return ((_regular(corners=48, radius=0.96), 255),)


def _ring() -> tuple[tuple[Points, int], ...]:
    return ((_regular(corners=48), 255), (_regular(corners=40, radius=0.52), 0))


def _square() -> tuple[tuple[Points, int], ...]:
    half = 0.84
    return ((((-half, -half), (half, -half), (half, half), (-half, half)), 255),)


def _rectangle() -> tuple[tuple[Points, int], ...]:
    return ((((-1.0, -0.5), (1.0, -0.5), (1.0, 0.5), (-1.0, 0.5)), 255),)


def _ellipse() -> tuple[tuple[Points, int], ...]:
    return ((tuple((x, 0.55 * y) for x, y in _regular(corners=48)), 255),)


def _diamond() -> tuple[tuple[Points, int], ...]:
    return ((((0.0, -1.0), (0.72, 0.0), (0.0, 1.0), (-0.72, 0.0)), 255),)


def _triangle() -> tuple[tuple[Points, int], ...]:
    return ((((0.0, -0.95), (1.0, 0.85), (-1.0, 0.85)), 255),)


def _star() -> tuple[tuple[Points, int], ...]:
    outer, inner = _regular(corners=5), _regular(corners=5, radius=0.42, first_degrees=-54.0)
    return ((tuple(p for pair in zip(outer, inner, strict=True) for p in pair), 255),)


def _cross() -> tuple[tuple[Points, int], ...]:
    arm, end = 0.3, 0.95
    quarter = ((-arm, -end), (arm, -end), (arm, -arm), (end, -arm), (end, arm), (arm, arm))
    rest = tuple((-x, -y) for x, y in quarter)
    return ((quarter + rest, 255),)


def _heart() -> tuple[tuple[Points, int], ...]:
    points = []
    for k in range(48):
        t = 2.0 * math.pi * k / 48
        x = math.sin(t) ** 3
        y = (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16
        points.append((x * 0.98, -0.98 * y - 0.1))
    return ((tuple(points), 255),)


_MAKERS: Mapping[str, Callable[[], tuple[tuple[Points, int], ...]]] = MappingProxyType(
    {
        "circle": _circle,
        "square": _square,
        "triangle": _triangle,
        "star": _star,
        "heart": _heart,
        "cross": _cross,
        "ring": _ring,
        "diamond": _diamond,
        "ellipse": _ellipse,
        "rectangle": _rectangle,
    }
)
SHAPES: tuple[str, ...] = tuple(_MAKERS)
