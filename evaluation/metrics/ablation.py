"""What each step or layer adds: one value per pair and setting, and the paired difference from a reference.

The curves of Tang et al. 2023, app. A.1, with intervals: all settings are judged on the same pairs, so that
the difference from the reference has a much smaller error than the two means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.clustered import t_clustered
from evaluation.metrics.intervals import NAN, Interval
from evaluation.metrics.tables import FloatArray
from evaluation.metrics.tests import TestResult, holm, paired_t


@dataclass(frozen=True, kw_only=True)
class AblationPoint:
    """One setting. mean: over the pairs that have a value under every setting.  difference: from the
    reference; a reason instead of numbers for the reference itself.  p_holm: over the other settings."""

    setting: str
    mean: Interval
    difference: TestResult
    p_holm: float
    n_pairs: int


def ablation_curve(
    values: FloatArray,
    *,
    settings: Sequence[str],
    reference: str,
    clusters: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> tuple[AblationPoint, ...]:
    """One point per setting, in the order given. values: (pairs, settings), NaN = no value.

    clusters: one name per pair (the image). ValueError for a reference that is no setting, or for shapes that
    don't fit.
    """
    if values.ndim != 2 or values.shape[1] != len(settings):
        raise ValueError(f"values of shape {values.shape} for {len(settings)} settings")
    if len(set(settings)) != len(settings) or reference not in settings:
        raise ValueError(f"settings must differ and hold the reference {reference!r}")
    if clusters is not None and len(clusters) != values.shape[0]:
        raise ValueError(f"{len(clusters)} clusters for {values.shape[0]} pairs")
    complete = np.atleast_1d(~np.isnan(values).any(axis=1))
    used = values[complete]
    names = None if clusters is None else [c for c, keep in zip(clusters, complete, strict=True) if keep]
    against = used[:, list(settings).index(reference)]
    tests = [
        paired_t(used[:, s], against, clusters=names, confidence=confidence) for s in range(len(settings))
    ]
    p_values = [
        NAN if name == reference else test.p_value for name, test in zip(settings, tests, strict=True)
    ]
    return tuple(
        AblationPoint(
            setting=name,
            mean=t_clustered(used[:, s], clusters=names, confidence=confidence),
            difference=tests[s],
            p_holm=float(p),
            n_pairs=int(complete.sum()),
        )
        for s, (name, p) in enumerate(zip(settings, holm(p_values), strict=True))
    )
