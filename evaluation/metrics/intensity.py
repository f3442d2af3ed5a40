"""How much of an image a word's map covers, and Tukey's boxes of it by part of speech.

Intensity is the share of pixels at or above tau times the map's peak, tau 0.4.
Source: Tang et al. 2022 (first version), sec. 3.2, fig. 5; Tukey 1977, ch. 2 (fences at 1.5 times the hinges'
distance), quartiles as numpy's default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.intervals import NAN, check_size
from evaluation.metrics.overlap import binarise
from evaluation.metrics.tables import FloatArray


@dataclass(frozen=True, kw_only=True)
class TukeyBox:
    """One box. low_whisker, high_whisker: the farthest values within 1.5 interquartile ranges of the box.

    outliers: the values beyond, in order.  n_undefined: values that were NaN.  reason: why all is NaN.
    """

    group: str
    n: int
    median: float
    first_quartile: float
    third_quartile: float
    low_whisker: float
    high_whisker: float
    mean: float
    outliers: tuple[float, ...]
    n_undefined: int
    reason: str = ""


def intensity(word_map: FloatArray, *, tau: float = 0.4) -> float:
    """Share of the pixels that reach a share tau of the peak; NaN for a map without a peak or pixels."""
    drawn = binarise(word_map, tau=tau)
    return float(drawn.mean()) if drawn.any() else NAN


def tukey_box(values: FloatArray, *, group: str = "") -> TukeyBox:
    """Box of the values; NaN values are counted and left out. ValueError for infinities."""
    check_size(values)
    numbers = np.sort(values[~np.isnan(values)])
    n_undefined = int(values.size - numbers.size)
    if numbers.size == 0:
        return TukeyBox(
            group=group, n=0, median=NAN, first_quartile=NAN, third_quartile=NAN, low_whisker=NAN,
            high_whisker=NAN, mean=NAN, outliers=(), n_undefined=n_undefined, reason="no value",
        )  # fmt: skip
    first, median, third = (float(q) for q in np.quantile(numbers, [0.25, 0.5, 0.75]))
    reach = 1.5 * (third - first)
    inside = numbers[(numbers >= first - reach) & (numbers <= third + reach)]
    beyond = numbers[(numbers < first - reach) | (numbers > third + reach)]
    return TukeyBox(
        group=group,
        n=int(numbers.size),
        median=median,
        first_quartile=first,
        third_quartile=third,
        # Quartiles lie between values: a whisker never ends inside its box.
        low_whisker=min(float(inside.min(initial=first)), first),
        high_whisker=max(float(inside.max(initial=third)), third),
        mean=float(numbers.mean()),
        outliers=tuple(float(v) for v in beyond),
        n_undefined=n_undefined,
    )


def boxes_by_group(values: FloatArray, *, groups: Sequence[str]) -> tuple[TukeyBox, ...]:
    """One box per group, in order of first appearance. ValueError for unequal lengths."""
    if values.ndim != 1 or values.size != len(groups):
        raise ValueError(f"{values.size} values for {len(groups)} groups")
    of_value = np.array(groups, dtype=object)
    return tuple(tukey_box(values[of_value == group], group=group) for group in dict.fromkeys(groups))
