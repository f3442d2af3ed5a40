"""A drawn mask from the bytes that a browser sends: checked before it is decoded, and re-encoded.

What is not exactly a black-and-white picture of the image's size is refused with the reason: grey edges,
transparency, palettes and 16 bits would each have to be guessed at. Pure: no Django.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from annotation import coco_rle
from annotation.bare_png import SIGNATURE, bare_png
from annotation.contents import DrawnMask

LARGEST_FILE: Final = 1_400_000
# Channels of the colour types that are read, and the bit depths of each (PNG specification, table 11.1).
_CHANNELS: Final = {0: 1, 2: 3, 6: 4}
_DEPTHS: Final = {0: (1, 8), 2: (8,), 6: (8,)}
_HEADER: Final = struct.Struct(">II5B")


class MaskRefused(ValueError):  # noqa: N818 (an outcome, not a malfunction)
    """Not a mask of the image. The message says what is wrong and what to send."""


def read_mask(content: bytes, *, height: int, width: int) -> DrawnMask:
    """The mask in a PNG of exactly (height, width) pixels, white inside. Raises MaskRefused.

    Only the header is looked at before its size is known to be right, so that memory stays small.
    """
    inside = read_pixels(content, height=height, width=width)
    if not inside.any():
        raise MaskRefused("Nothing is drawn. Draw the object, or say that it is not in the image.")
    return DrawnMask(
        png=one_bit_png(inside),
        rle=coco_rle.encode(inside),
        height=height,
        width=width,
        area=int(inside.sum()),
    )


def read_pixels(content: bytes, *, height: int, width: int) -> NDArray[np.bool_]:
    """Which pixels are white, (height, width). Raises MaskRefused; an empty drawing is fine here."""
    colour = _check_header(content, height=height, width=width)
    try:
        bare = bare_png(content)
    except ValueError as error:
        raise MaskRefused(f"The file can't be read: {error}. Send it again.") from None
    _check_chunks(bare)
    pixels = _decoded(bare, height=height, width=width, channels=_CHANNELS[colour])
    return _black_and_white(pixels)


def one_bit_png(inside: NDArray[np.bool_]) -> bytes:
    """The mask as a PNG of one bit a pixel, white inside."""
    buffer = io.BytesIO()
    Image.fromarray(inside).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _check_header(content: bytes, *, height: int, width: int) -> int:
    """The colour type of a PNG whose header is as it must be."""
    if len(content) > LARGEST_FILE:
        raise MaskRefused(f"The file is larger than {LARGEST_FILE:,} bytes. Draw it on the page.")
    start = len(SIGNATURE) + 8
    if not content.startswith(SIGNATURE + b"\0\0\0\x0dIHDR") or len(content) < start + _HEADER.size:
        raise MaskRefused("The file is no PNG. Send a PNG of black and white pixels.")
    found_width, found_height, depth, colour, _, _, interlace = _HEADER.unpack_from(content, start)
    if (found_height, found_width) != (height, width):
        raise MaskRefused(
            f"The mask is {found_width} x {found_height} pixels and the image {width} x {height}. "
            "Send one of the image's size."
        )
    if depth not in _DEPTHS.get(colour, ()) or interlace:
        raise MaskRefused(
            "The PNG has a palette, 16 bits, a grey alpha channel or interlacing. "
            "Send black and white, grey or RGB of 8 bits, or 1 bit."
        )
    return int(colour)


def _check_chunks(bare: bytes) -> None:
    """Every kept chunk has its checksum right, and none says that a colour is transparent."""
    place = len(SIGNATURE)
    while place < len(bare):
        length, name = struct.unpack_from(">I4s", bare, place)
        end = place + 8 + length
        (checksum,) = struct.unpack_from(">I", bare, end)
        if zlib.crc32(bare[place + 4 : end]) != checksum:
            raise MaskRefused("The file is damaged: a checksum is wrong. Send it again.")
        if name in (b"tRNS", b"PLTE"):
            raise MaskRefused("The PNG has transparent colours or a palette. Send opaque black and white.")
        place = end + 4


def _decoded(bare: bytes, *, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """The pixels as (height, width, channels) of 0 to 255."""
    try:
        with Image.open(io.BytesIO(bare), formats=["PNG"]) as picture:
            plain = picture.convert("L") if picture.mode == "1" else picture
            pixels = np.asarray(plain, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, zlib.error):
        raise MaskRefused("The file is damaged or cut short. Send it again.") from None
    return pixels.reshape(height, width, channels)


def _black_and_white(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    colours = pixels[..., :3]
    if pixels.shape[2] == 4 and not (pixels[..., 3] == 255).all():
        raise MaskRefused("The mask has transparent pixels. Send opaque black and white.")
    inside: NDArray[np.bool_] = colours[..., 0] == 255
    if not ((colours == 0).all(axis=2) | (colours == 255).all(axis=2)).all():
        raise MaskRefused(
            "The mask has pixels that are neither black (0) nor white (255). Send it without smoothed edges."
        )
    return inside
