"""Mean of values that come in clusters (pairs of one image), with the cluster-robust t interval.

    SE^2 = G/(G-1) sum_g (sum_{i in g} (x_i - mean))^2 / n^2,   t(G - 1)

Source: Liang and Zeger 1986, with the finite-sample factor G/(G-1). Validated against statsmodels' OLS.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import (
    TOO_SMALL,
    Interval,
    check_confidence,
    check_size,
    t_interval,
    undefined,
)
from evaluation.metrics.tables import FloatArray, IndexArray

# What taking a mean off leaves of nothing, as a share of the values.
ROUNDING = 1e-15


def cluster_codes(names: Iterable[Any], *, what: str = "clusters") -> IndexArray:
    """(names,): equal names as equal numbers from 0 up, in order of first appearance.

    ValueError for a missing name (None, NaN), which would make one cluster of all that have none, and for
    texts beside other names: 1 and "1" may be one or two.
    """
    listed = names.ravel().tolist() if isinstance(names, np.ndarray) else list(names)
    missing = [place for place, name in enumerate(listed) if _is_missing(name)]
    if missing:
        raise ValueError(
            f"{what}: {len(missing)} of {len(listed)} names are missing, the first at {missing[0]}"
            f" ({listed[missing[0]]!r}): name each, or leave its value out"
        )
    if len({isinstance(name, str) for name in listed}) > 1:
        raise ValueError(f"{what}: some names are texts and some are not: make all texts, e.g. by str()")
    places: dict[Any, int] = {}
    return np.fromiter((places.setdefault(name, len(places)) for name in listed), np.int64, len(listed))


def t_clustered(
    values: FloatArray, *, clusters: Sequence[Any] | None = None, confidence: float = 0.95
) -> Interval:
    """Mean with its interval; NaN values are left out. Without clusters every value is its own.

    ValueError for infinities and for clusters of another length.
    """
    check_confidence(confidence)
    method = "t_items" if clusters is None else "t_clustered"
    check_size(values)
    if clusters is not None and len(clusters) != values.size:
        raise ValueError(f"{len(clusters)} clusters for {values.size} values")
    kept = np.flatnonzero(~np.isnan(values))
    numbers, group = values[kept], np.arange(kept.size)
    if clusters is not None:
        group = cluster_codes([clusters[place] for place in kept.tolist()])
    n, n_groups = int(numbers.size), int(group.max(initial=-1)) + 1
    if n == 0:
        return undefined("no value", method=method, confidence=confidence)
    mean = float(numbers.mean())
    if n_groups < 2:
        reason = "one value: no spread to estimate" if n == 1 else "one cluster: no spread to estimate"
        return undefined(reason, method=method, confidence=confidence, estimate=mean)
    if np.ptp(numbers) == 0:
        reason = f"all {n} values are equal"
        return undefined(reason, method=method, confidence=confidence, estimate=float(numbers[0]))
    error = clustered_error(numbers - mean, group=group, n_groups=n_groups)
    if not error > ROUNDING * float(np.abs(numbers).max()):
        reason = "no spread between clusters" if n_groups < n else TOO_SMALL.format(n=n, what="values")
        return undefined(reason, method=method, confidence=confidence, estimate=mean)
    return t_interval(mean, error=error, degrees=n_groups - 1.0, method=method, confidence=confidence)


def clustered_error(deviations: FloatArray, *, group: IndexArray, n_groups: int) -> float:
    """Standard error of the mean that the values deviate from: the formula of this module's docstring.

    In shares of the largest deviation, whose squares no number is too small for.
    """
    largest = float(np.abs(deviations).max(initial=0.0))
    if not largest:
        return 0.0
    sums = sums_at(group, weights=deviations / largest, n=n_groups)
    return largest * math.sqrt(n_groups / (n_groups - 1) * float(sums @ sums)) / deviations.size


def _is_missing(name: object) -> bool:
    if isinstance(name, (float, np.floating)):
        return math.isnan(name)
    # pandas' marks of what is missing: each is unequal even to itself, or to nothing at all.
    return name is None or type(name).__name__ in ("NAType", "NaTType")
