"""COCO's run-length encoding of masks: column by column, run by run, each run in characters of six bits.

Format: the counts of the COCO API (Lin et al. 2014); validated against pycocotools. Pure, numpy only.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_FIRST_CHARACTER: Final = 48


def counts(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs, the first one outside the mask (0 where the first pixel is inside).

    mask: (height, width).  The lengths add up to height * width.
    """
    flat = np.asarray(mask, dtype=bool).ravel(order="F")
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate(([0], edges, [flat.size])))
    found: list[int] = runs.tolist()
    return [0, *found] if flat.size and flat[0] else found


def compress(runs: list[int]) -> str:
    """The counts as COCO writes them: from the fourth on as the difference to the one two before."""
    characters = []
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            bits = value & 0x1F
            value >>= 5
            # The sixth bit says that more follows; the fifth of the last character is the sign.
            more = value != (-1 if bits & 0x10 else 0)
            characters.append(chr(_FIRST_CHARACTER + (bits | (0x20 if more else 0))))
    return "".join(characters)


def encode(mask: NDArray[np.bool_]) -> str:
    """The compressed counts of a mask (height, width)."""
    return compress(counts(mask))


def decode(text: str, *, height: int, width: int) -> NDArray[np.bool_]:
    """The mask of compressed counts. Raises ValueError where they don't fill height * width pixels."""
    runs = _decompress(text)
    if sum(runs) != height * width or any(run < 0 for run in runs):
        raise ValueError(f"The counts make {sum(runs)} pixels and not {height} x {width}.")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape((height, width), order="F")


def iou(one: str, other: str) -> float:
    """Intersection over union of two masks of one size, in [0, 1]; 1 where both are empty.

    Raises ValueError where their pixels are not equally many.
    """
    first, second = _flat(one), _flat(other)
    if first.size != second.size:
        raise ValueError(f"One mask has {first.size} pixels and the other {second.size}.")
    union = np.count_nonzero(first | second)
    return float(np.count_nonzero(first & second) / union) if union else 1.0


def _flat(text: str) -> NDArray[np.bool_]:
    """The pixels of compressed counts, column by column."""
    runs = _decompress(text)
    if any(run < 0 for run in runs):
        raise ValueError("The counts hold a negative run.")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


def _decompress(text: str) -> list[int]:
    runs: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - _FIRST_CHARACTER
        if not 0 <= bits < 64:
            raise ValueError("The counts hold a character that COCO's encoding does not have.")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("The counts end in the middle of a number.")
    return runs
