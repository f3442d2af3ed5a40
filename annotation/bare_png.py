"""PNG files without anything but the picture: raters must not read prompts or model names in them."""

import struct
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# What a browser needs to draw the picture in its right colours (PNG specification, third edition, 11).
PICTURE_CHUNKS: Final = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT")
)


class BrokenPicture(ValueError):  # noqa: N818 (a state of the media folder)
    """The stored file is no whole PNG."""


def bare_png(content: bytes) -> bytes:
    """The same picture without texts, times, EXIF and unknown chunks. Raises BrokenPicture."""
    if not content.startswith(SIGNATURE):
        raise BrokenPicture("not a PNG file")
    kept = [SIGNATURE]
    place = len(SIGNATURE)
    while place < len(content):
        if place + 12 > len(content):
            raise BrokenPicture("the PNG file is cut short")
        length, name = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if end > len(content):
            raise BrokenPicture("the PNG file is cut short")
        if name in PICTURE_CHUNKS:
            kept.append(content[place:end])
        place = end
        if name == b"IEND":
            return b"".join(kept)
    raise BrokenPicture("the PNG file is cut short")
