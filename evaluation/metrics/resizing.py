"""Soft maps enlarged to the size of a truth mask, before any threshold. Truth masks are never resized."""

from __future__ import annotations

import numpy as np

from evaluation.metrics.tables import FloatArray

KERNEL_A = -0.75


def resize_bicubic(word_map: FloatArray, *, shape: tuple[int, int]) -> FloatArray:
    """The map at (height, width) = shape, by the bicubic kernel with a = -0.75, kept from 0 up.

    word_map: (height, width), raw, >= 0.  Pixel centres are aligned (corners are not) and edges repeat.
    The kernel undershoots beside steep slopes; attribution has no negative values, so these become 0.
    Source: Keys 1981, eq. 4. Validated against torch.nn.functional.interpolate(mode="bicubic").
    """
    if word_map.ndim != 2 or min(word_map.shape) == 0 or min(shape) < 1:
        raise ValueError(f"can't resize a map of shape {word_map.shape} to {shape}")
    if not np.isfinite(word_map).all() or (word_map < 0).any():
        raise ValueError("a word map holds finite numbers from 0 up")
    rows, columns = (_weights(old, new=new) for old, new in zip(word_map.shape, shape, strict=True))
    return np.maximum(rows @ word_map @ columns.T, 0.0)


def _weights(old: int, *, new: int) -> FloatArray:
    """(new, old): what each old pixel gives to each new one, along one axis."""
    centre = (np.arange(new) + 0.5) * old / new - 0.5
    first = np.floor(centre).astype(np.int64)
    weights = np.zeros((new, old))
    for offset in range(-1, 3):
        pixel = np.clip(first + offset, 0, old - 1)
        np.add.at(weights, (np.arange(new), pixel), _kernel(np.abs(centre - (first + offset))))
    return weights


def _kernel(distance: FloatArray) -> FloatArray:
    a, d = KERNEL_A, distance
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))
