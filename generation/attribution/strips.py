"""Several maps of one word as one picture, for a paper or a talk. numpy and Pillow only."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from generation.attribution.rendering import colour, stretch

_GAP = 6
_LABEL = 18
_INK, _PAPER = (24, 24, 24), (255, 255, 255)


def shared_range(maps: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """Least and greatest value of all maps: on one scale a weak layer looks weak."""
    return float(min(each.min() for each in maps)), float(max(each.max() for each in maps))


def strip_png(
    maps: Sequence[NDArray[Any]],
    *,
    labels: Sequence[str],
    tile_hw: tuple[int, int],
    columns: int,
    value_range: tuple[float, float] | None = None,
) -> bytes:
    """The maps in rows of so many, each with its label above it.

    value_range: what the ramp's ends stand for in every tile; None stretches each tile by itself, as maps of
    different units need. Raises ValueError for unequal numbers of maps and labels.
    """
    if len(maps) != len(labels) or not maps or columns < 1:
        raise ValueError(f"{len(maps)} maps, {len(labels)} labels and {columns} columns make no strip")
    height, width = tile_hw
    rows = -(-len(maps) // columns)
    size = (columns * (width + _GAP) + _GAP, rows * (height + _LABEL + _GAP) + _GAP)
    picture = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=12)
    for place, (word_map, label) in enumerate(zip(maps, labels, strict=True)):
        left = _GAP + (place % columns) * (width + _GAP)
        top = _GAP + (place // columns) * (height + _LABEL + _GAP)
        pen.text((left, top), _shortened(label, width=width, font=font), fill=_INK, font=font)
        tile = colour(stretch(word_map, value_range=value_range), size_hw=tile_hw)
        picture.paste(Image.fromarray(tile), (left, top + _LABEL))
    buffer = BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _shortened(label: str, *, width: int, font: Any) -> str:
    """The label's end where all of it is too wide: module paths differ at the end."""
    if font.getlength(label) <= width:
        return label
    while label and font.getlength("…" + label) > width:
        label = label[1:]
    return "…" + label
