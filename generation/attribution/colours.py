"""A colour ramp for heat maps: dark violet over magenta and orange to light yellow.

Lightness rises all the way, so the order of the colours survives every kind of colour blindness and a grey
print; steps along the ramp look equally large, being equally long in OKLab.
Source of the colour space: B. Ottosson, "A perceptual color space for image processing", 2020.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

# Lightness, chroma and hue (degrees) of the ramp's corner colours.
_CORNERS = np.array(
    [
        (0.16, 0.07, 285.0),
        (0.35, 0.16, 305.0),
        (0.55, 0.19, 355.0),
        (0.72, 0.16, 400.0),
        (0.84, 0.14, 435.0),
        (0.95, 0.12, 462.0),
    ]
)
_OKLAB_TO_LMS = np.array(
    [
        (1.0, 0.3963377774, 0.2158037573),
        (1.0, -0.1055613458, -0.0638541728),
        (1.0, -0.0894841775, -1.2914855480),
    ]
)
_LMS_TO_LINEAR_RGB = np.array(
    [
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.7076147010),
    ]
)


@cache
def ramp() -> NDArray[np.uint8]:
    """(256, 3) sRGB, from the coldest to the hottest."""
    fine = np.linspace(0.0, len(_CORNERS) - 1.0, 4096)
    light, chroma, hue = (np.interp(fine, np.arange(len(_CORNERS)), column) for column in _CORNERS.T)
    lab = np.stack([light, chroma * np.cos(np.radians(hue)), chroma * np.sin(np.radians(hue))], axis=1)
    walked = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(lab, axis=0), axis=1))])
    even = np.linspace(0.0, walked[-1], 256)
    spaced = np.stack([np.interp(even, walked, lab[:, axis]) for axis in range(3)], axis=1)
    table = np.round(oklab_to_srgb(spaced) * 255.0).astype(np.uint8)
    table.setflags(write=False)
    return table


def oklab_to_srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3) OKLab to gamma-encoded sRGB in [0, 1]; colours outside sRGB are clipped."""
    linear = (lab @ _OKLAB_TO_LMS.T) ** 3 @ _LMS_TO_LINEAR_RGB.T
    clipped = np.clip(linear, 0.0, 1.0)
    encoded: NDArray[np.float64] = np.where(
        clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055
    )
    return encoded
