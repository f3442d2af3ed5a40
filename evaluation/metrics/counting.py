"""Sums per index: numpy's bincount, with the type that it has when weighted."""

from __future__ import annotations

import numpy as np

from evaluation.metrics.tables import FloatArray, IndexArray


def sums_at(index: IndexArray, *, weights: FloatArray, n: int) -> FloatArray:
    """(n,): the sum of the weights whose index is each of 0 .. n-1."""
    return np.bincount(index, weights=weights, minlength=n).astype(np.float64, copy=False)
