"""Masks are read exactly or refused with the reason: the bad-input matrix of mask uploads, no database."""

import io
import random
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image as Picture
from pycocotools import mask as coco

from annotation import coco_rle
from annotation.bare_png import SIGNATURE
from annotation.mask_files import MaskRefused, read_mask, read_pixels

SIDE = 32


def saved(picture: Picture.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """A picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, format=file_format, **options)
    return buffer.getvalue()


def box(mode: str, white: Any, *, size: tuple[int, int] = (SIDE, SIDE), black: Any = 0) -> Picture.Image:
    """A picture with a white box from (4, 2) to (20, 10)."""
    picture = Picture.new(mode, size, black)
    picture.paste(white, (4, 2, 20, 10))
    return picture


def chunk(name: bytes, content: bytes) -> bytes:
    """One chunk of a PNG file."""
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", zlib.crc32(name + content))


def header(width: int, height: int, *, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    """The start of a PNG file."""
    return SIGNATURE + chunk(b"IHDR", struct.pack(">II5B", width, height, depth, colour, 0, 0, interlace))


GOOD = saved(box("1", 1))


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        saved(box("L", 255)),
        saved(box("RGB", (255, 255, 255))),
        saved(box("RGBA", (255, 255, 255, 255), black=(0, 0, 0, 255))),
    ],
    ids=["1 bit", "grey", "RGB", "RGBA, opaque"],
)
def test_black_and_white_is_read_exactly(content: bytes) -> None:
    mask = read_mask(content, height=SIDE, width=SIDE)
    assert mask.area == 16 * 8
    inside = np.asarray(Picture.open(io.BytesIO(mask.png)))
    assert inside[2:10, 4:20].all()
    assert inside.sum() == mask.area


BAD = {
    "empty": b"",
    "wrong size": saved(box("1", 1, size=(SIDE, SIDE + 1))),
    "swapped sides": saved(box("1", 1, size=(24, 40))),
    "16 bit": saved(Picture.new("I;16", (SIDE, SIDE), 65535)),
    "palette": saved(box("1", 1).convert("P")),
    "grey with alpha": saved(box("LA", (255, 255))),
    "transparent": saved(box("RGBA", (255, 255, 255, 255), black=(0, 0, 0, 0))),
    "a transparent colour": saved(box("L", 255), transparency=0),
    "smoothed edges": saved(
        box("L", 255).resize((SIDE, SIDE), Picture.Resampling.BICUBIC, box=(1, 1, 30, 30))
    ),
    "value 1": saved(box("L", 1)),
    "coloured": saved(box("RGB", (255, 255, 254))),
    "cut short": GOOD[:-20],
    "header only": GOOD[:33],
    "damaged checksum": GOOD[:-16] + bytes([GOOD[-16] ^ 1]) + GOOD[-15:],
    "damaged pixels": header(SIDE, SIDE) + chunk(b"IDAT", b"no zlib") + chunk(b"IEND", b""),
    "too few pixels": header(SIDE, SIDE) + chunk(b"IDAT", zlib.compress(b"\0" * 40)) + chunk(b"IEND", b""),
    "interlaced": header(SIDE, SIDE, interlace=1) + chunk(b"IEND", b""),
    "unknown colour type": header(SIDE, SIDE, colour=7) + chunk(b"IEND", b""),
    "nothing drawn": saved(Picture.new("1", (SIDE, SIDE))),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' width='32' height='32'/>",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n",
    "ZIP": b"PK\x03\x04" + b"\0" * 60,
    "GIF": saved(box("1", 1), "GIF"),
    "JPEG": saved(box("L", 255), "JPEG"),
    "too large": GOOD + b"\0" * 1_400_000,
}


@pytest.mark.parametrize("name", BAD)
def test_everything_else_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(MaskRefused, match=r"\. \w"):
        read_mask(BAD[name], height=SIDE, width=SIDE)


def test_what_is_after_the_picture_is_not_kept() -> None:
    """A file that is a PNG and something else besides."""
    mask = read_mask(GOOD + b"PK\x03\x04<script>", height=SIDE, width=SIDE)
    assert b"script" not in mask.png


def test_texts_and_orientation_are_neither_read_nor_kept() -> None:
    """Control: handing the file to Pillow as it came expands the text."""
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 50_000_000))
    rotated = chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0")
    tracemalloc.start()
    mask = read_mask(GOOD[:33] + bomb + rotated + GOOD[33:], height=SIDE, width=SIDE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert mask == read_mask(GOOD, height=SIDE, width=SIDE)
    assert peak < 10_000_000


@pytest.mark.parametrize("side", [20_000, 2**31 - 1])
def test_a_flood_of_pixels_is_refused_from_the_header(side: int) -> None:
    """Control: decoding before the size is compared takes 400 MB."""
    flood = header(side, side, depth=1) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    tracemalloc.start()
    with pytest.raises(MaskRefused, match="pixels and the image 32 x 32"):
        read_mask(flood, height=SIDE, width=SIDE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_more_pixels_than_the_header_says_are_not_decoded() -> None:
    flood = zlib.compress(b"\0" * 200_000_000, 9)
    lie = header(SIDE, SIDE, depth=1) + chunk(b"IDAT", flood) + chunk(b"IEND", b"")
    tracemalloc.start()
    assert not read_pixels(lie, height=SIDE, width=SIDE).any()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_any_damage_to_a_file_is_refused_or_harmless() -> None:
    """Every error is a MaskRefused, whatever bytes are changed, cut out or put in."""
    generator = random.Random(7)
    for _ in range(500):
        content = bytearray(GOOD)
        place = generator.randrange(len(content))
        for _ in range(generator.randrange(1, 4)):
            content[generator.randrange(len(content))] = generator.randrange(256)
        damaged = bytes(content[:place] + content[place + generator.randrange(3) :])
        try:
            read_mask(damaged, height=SIDE, width=SIDE)
        except MaskRefused:
            continue


@given(arrays(dtype=bool, shape=array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_counts_are_those_of_pycocotools_and_decode_to_the_mask(mask: np.ndarray[Any, Any]) -> None:
    """Control: row order in place of column order."""
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    assert coco_rle.encode(mask) == theirs
    assert (coco_rle.decode(theirs, height=mask.shape[0], width=mask.shape[1]) == mask).all()


@given(st.text(max_size=20))
def test_counts_that_are_none_are_refused(text: str) -> None:
    try:
        assert coco_rle.decode(text, height=5, width=5).shape == (5, 5)
    except ValueError:
        return
