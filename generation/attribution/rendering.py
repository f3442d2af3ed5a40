"""Pictures of word maps as PNG bytes. numpy and Pillow only: web processes import this without torch.

Display stretches each map from its least to its greatest value; the stored map stays raw. Hard views take a
mask that was made with its rule (see hard.py), never a threshold of their own.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from generation.attribution.colours import ramp
from generation.attribution.eight_bits import in_colour
from generation.attribution.options import check_size

Pixels = NDArray[np.uint8]
Shares = NDArray[np.float32]


def heat_png(
    word_map: NDArray[Any], *, size_hw: tuple[int, int], value_range: tuple[float, float] | None = None
) -> bytes:
    """The map alone in the colours of the ramp, enlarged bicubically to (height, width).

    word_map: (height, width), raw.  value_range: see stretch.  Raises ValueError as stretch does.
    The file carries the ramp as its palette: a third of the bytes of full colour, a thirtieth of the time.
    """
    heat = enlarge(stretch(word_map, value_range=value_range), size_hw=size_hw)
    picture = Image.fromarray(np.round(heat * 255).astype(np.uint8))
    picture.putpalette(ramp().tobytes())
    buffer = BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def overlay_png(image: Image.Image, word_map: NDArray[Any], *, opacity: float) -> bytes:
    """The image with the map over it: untouched where the map is least, coloured where it is greatest.

    opacity: in [0, 1], of the colour at the map's peak.  Raises ValueError as heat_png does.
    """
    _check_opacity(opacity)
    pixels = np.asarray(in_colour(image), dtype=np.float32)
    size_hw = pixels.shape[0], pixels.shape[1]
    heat = enlarge(stretch(word_map), size_hw=size_hw)
    cover = (opacity * heat)[..., None]
    mixed = pixels * (1 - cover) + colour(heat, size_hw=size_hw) * cover
    return _png(Image.fromarray(np.round(mixed).astype(np.uint8)))


def mask_png(image: Image.Image, mask: NDArray[np.bool_], *, opacity: float) -> bytes:
    """The image with everything outside the mask darkened, and the mask's edge drawn in the hottest colour.

    mask: (height, width); enlarged without smoothing to the image's size.
    opacity: of the darkening, in [0, 1].
    """
    _check_opacity(opacity)
    if mask.ndim != 2 or mask.size == 0 or mask.dtype != np.bool_:
        raise ValueError(f"a mask is a (height, width) array of booleans, not {mask.dtype} {mask.shape}")
    inside = Image.fromarray(mask.astype(np.uint8) * 255).resize(image.size, Image.Resampling.NEAREST)
    edge = np.asarray(inside) != np.asarray(inside.filter(ImageFilter.MinFilter(3)))
    pixels = np.asarray(in_colour(image), dtype=np.float32)
    shade = np.where(np.asarray(inside) > 0, 1.0, 1.0 - opacity)[..., None]
    drawn = np.round(pixels * shade).astype(np.uint8)
    drawn[edge] = ramp()[-1]
    return _png(Image.fromarray(drawn))


def legend_png(*, size_hw: tuple[int, int]) -> bytes:
    """The ramp from left (least) to right (greatest)."""
    return _png(Image.fromarray(colour(np.linspace(0, 1, 256, dtype=np.float32)[None], size_hw=size_hw)))


def stretch(word_map: NDArray[Any], *, value_range: tuple[float, float] | None = None) -> Shares:
    """(height, width) in [0, 1]: 0 at the map's least value, 1 at its greatest; 0 throughout a constant map.

    value_range: (least, greatest) to use instead of the map's own, so that several maps compare.
    Raises ValueError for any other shape, for NaN or infinity in either, and for a range that falls.
    """
    if word_map.ndim != 2 or word_map.size == 0:
        raise ValueError(f"a word map is a (height, width) array, not {word_map.shape}")
    values = word_map.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the word map holds NaN or infinity")
    least, greatest = (values.min(), values.max()) if value_range is None else value_range
    if not -np.inf < least <= greatest < np.inf:
        raise ValueError(f"value_range is (least, greatest), finite and rising, not {value_range}")
    if greatest == least:
        return np.zeros(values.shape, dtype=np.float32)
    stretched: Shares = np.clip((values - least) / (greatest - least), 0, 1).astype(np.float32)
    return stretched


def at_size(word_map: NDArray[Any], *, size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """A raw map enlarged bicubically to (height, width), still raw: what a hard view is cut from."""
    check_size("size_hw", size_hw)
    height, width = size_hw
    raw = Image.fromarray(word_map.astype(np.float32))
    return np.array(raw.resize((width, height), Image.Resampling.BICUBIC))


def enlarge(shares: Shares, *, size_hw: tuple[int, int]) -> Shares:
    """Shares resized bicubically to (height, width), kept within [0, 1]."""
    check_size("size_hw", size_hw)
    height, width = size_hw
    if shares.shape == (height, width):
        return shares
    resized = Image.fromarray(shares).resize((width, height), Image.Resampling.BICUBIC)
    clipped: Shares = np.clip(np.asarray(resized), 0.0, 1.0)
    return clipped


def colour(shares: Shares, *, size_hw: tuple[int, int]) -> Pixels:
    """(height, width, 3) sRGB: shares in [0, 1], enlarged and looked up in the ramp."""
    enlarged = enlarge(shares, size_hw=size_hw)
    return ramp()[np.round(enlarged * 255).astype(np.uint8)]


def _check_opacity(opacity: float) -> None:
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie between 0 and 1, not {opacity}")


def _png(image: Image.Image) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
