"""Any picture as everything here reads it: red, green and blue of 8 bits, on white. numpy and Pillow only.

Pillow's own convert() cuts 16 bits off at 255, shares in [0, 1] down to 0, and shows what a transparent pixel
hides. The upload, the questions, the command and the functions all read by in_colour, so they agree.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageOps

# Grey of 16 bits, by the names that versions of the decoder have for it.
SIXTEEN_BITS: Final = ("I;16", "I;16L", "I;16B", "I;16N", "I")
# A photograph with further views of it behind the first, which is what every viewer shows.
_OF_SEVERAL_VIEWS: Final = "MPO"
_MOST: Final = 65535


class AnimatedPicture(ValueError):  # noqa: N818 (what was given, not a malfunction)
    """A file of several frames: which of them is meant is not for us to guess."""

    def __init__(self) -> None:
        super().__init__("It is animated. Give one frame of it.")


def upright(picture: Image.Image) -> Image.Image:
    """As in_colour, turned as its file says it is to be looked at."""
    _refuse_animated(picture)  # what has been turned no longer knows its frames
    return in_colour(ImageOps.exif_transpose(picture))


def in_colour(picture: Image.Image) -> Image.Image:
    """The picture in red, green and blue of 8 bits, what is transparent on white.

    Grey of 16 bits, in [0, 65535], is divided by 257; floating point must lie in [0, 1].
    Raises AnimatedPicture for several frames, and ValueError for other values, NaN included: their scale is
    unknown.
    """
    _refuse_animated(picture)
    scaled = _in_eight_bits(picture)
    if not scaled.has_transparency_data:
        return scaled.convert("RGB")
    on_white = Image.new("RGBA", scaled.size, "white")
    on_white.alpha_composite(scaled.convert("RGBA"))
    return on_white.convert("RGB")


def _refuse_animated(picture: Image.Image) -> None:
    if getattr(picture, "n_frames", 1) != 1 and picture.format != _OF_SEVERAL_VIEWS:
        raise AnimatedPicture


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        shares = np.asarray(picture)
        _refuse_outside(picture, shares, greatest=1)
        return Image.fromarray(np.rint(shares * 255).astype(np.uint8))
    if picture.mode not in SIXTEEN_BITS:
        return picture
    values = np.asarray(picture).astype(np.int64)
    _refuse_outside(picture, values, greatest=_MOST)
    grey = ((values + 128) // 257).astype(np.uint8)
    alpha = np.where(values == picture.info.get("transparency", -1), 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey, alpha], axis=-1))


def _refuse_outside(picture: Image.Image, values: np.ndarray, *, greatest: int) -> None:
    strange = values[~((values >= 0) & (values <= greatest))]
    if strange.size:
        raise ValueError(
            f"a picture of mode {picture.mode!r} holds values from 0 to {greatest}, not {strange[0]}; "
            f"scale it to that range, or give one of 8 bits"
        )
