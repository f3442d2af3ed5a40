"""Hard maps: which pixels a word is responsible for, together with the rule that says so.

On the same maps the two published rules agree with an intersection over union of about one half, so a mask
without its rule means nothing. numpy only.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Norm = Literal["max", "minmax"]
Comparison = Literal[">=", ">"]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {">=": operator.ge, ">": operator.gt}


@dataclass(frozen=True, kw_only=True)
class HardMap:
    """A mask and its rule. mask: (height, width) booleans."""

    mask: NDArray[np.bool_]
    norm: Norm
    tau: float
    op: Comparison


def hard(word_map: NDArray[Any], *, norm: Norm, tau: float, op: Comparison) -> HardMap:
    """The pixels whose attribution, as a share of the map's peak or of its range, reaches tau.

    word_map: (height, width), raw, at the size the mask is wanted at.
    norm: "max" compares with tau times the greatest value; "minmax" first sets the least value to 0.
    tau: in [0, 1].  A map without a peak above 0 (max), or a constant map (minmax), has no hard pixels.
    Source: "max" with ">=" is Tang et al. 2023, eq. 7; "minmax" with ">" at 0.4 is what castorini/daam does.
    """
    if norm not in get_args(Norm) or op not in _COMPARE:
        raise ValueError(
            f"the rule is one of {get_args(Norm)} with one of {tuple(_COMPARE)}, not {norm!r} {op!r}"
        )
    if not 0 <= tau <= 1:
        raise ValueError(f"tau must lie between 0 and 1, not {tau}")
    if word_map.ndim != 2 or word_map.size == 0 or not np.isfinite(word_map).all():
        raise ValueError(f"a word map is a (height, width) array of finite numbers, not {word_map.shape}")
    values = word_map.astype(np.float64)
    floor = values.min() if norm == "minmax" else 0.0
    height = values.max() - floor
    if height <= 0:
        mask = np.zeros(values.shape, dtype=np.bool_)
    else:
        mask = _COMPARE[op](values - floor, tau * height)
    return HardMap(mask=mask, norm=norm, tau=tau, op=op)
