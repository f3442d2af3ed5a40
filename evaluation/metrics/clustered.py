"""Mean of values that come in clusters (pairs of one image), with the cluster-robust t interval.

    SE^2 = G/(G-1) sum_g (sum_{i in g} (x_i - mean))^2 / n^2,   t(G - 1)

Source: Liang and Zeger 1986, with the finite-sample factor G/(G-1). Validated against statsmodels' OLS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import (
    NO_SPREAD,
    Interval,
    check_confidence,
    check_size,
    t_interval,
    undefined,
)
from evaluation.metrics.tables import FloatArray, IndexArray


def cluster_codes(names: Sequence[str]) -> IndexArray:
    """(n,): a number from 0 up for each different name, in order of first appearance."""
    known: dict[str, int] = {}
    return np.fromiter(
        (known.setdefault(str(n), len(known)) for n in names), dtype=np.int64, count=len(names)
    )


def t_clustered(
    values: FloatArray, *, clusters: Sequence[str] | None = None, confidence: float = 0.95
) -> Interval:
    """Mean with its interval; NaN values are left out. Without clusters every value is its own.

    ValueError for infinities and for clusters of another length.
    """
    check_confidence(confidence)
    method = "t_items" if clusters is None else "t_clustered"
    check_size(values)
    code = np.arange(values.size) if clusters is None else cluster_codes(clusters)
    if code.size != values.size:
        raise ValueError(f"{code.size} clusters for {values.size} values")
    kept = ~np.isnan(values)
    numbers, group = values[kept], np.unique(code[kept], return_inverse=True)[1]
    n, n_groups = int(numbers.size), int(group.max(initial=-1)) + 1
    if n == 0:
        return undefined("no value", method=method, confidence=confidence)
    mean = float(numbers.mean())
    if n_groups < 2:
        reason = "one value: no spread to estimate" if n == 1 else "one cluster: no spread to estimate"
        return undefined(reason, method=method, confidence=confidence, estimate=mean)
    sums = sums_at(group, weights=numbers - mean, n=n_groups)
    error = math.sqrt(n_groups / (n_groups - 1) * float(sums @ sums)) / n
    if not error > NO_SPREAD * max(1.0, abs(mean)):
        reason = f"all {n} values are equal" if np.ptp(numbers) == 0 else "no spread between clusters"
        return undefined(reason, method=method, confidence=confidence, estimate=mean)
    return t_interval(mean, error=error, degrees=n_groups - 1.0, method=method, confidence=confidence)
