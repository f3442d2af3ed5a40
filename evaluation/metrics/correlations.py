"""Does a score predict what an intervention changes? Correlations of images and of pixels.

Image level: one score and one change per image, Pearson's r with Fisher's interval. Pixel level: r within
each image, averaged over images, with a bootstrap of whole images (pixels of one image are not independent).
Two scores on the same images are compared by a paired bootstrap of the difference.
Source: Kong et al. 2024, sec. 3.3 and table 4; Fisher 1921; Efron and Tibshirani 1993, ch. 13.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evaluation.metrics.bootstrap import bootstrap_items
from evaluation.metrics.intervals import (
    NAN,
    NO_SPREAD,
    Interval,
    check_confidence,
    check_size,
    real_numbers,
    undefined,
)
from evaluation.metrics.tables import FloatArray

RESAMPLES_AT_ONCE = 2_000_000


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Pearson's r with its interval and the two-sided p-value of r = 0 (t with n - 2 degrees of freedom).

    n: images that have both numbers.  p_value: NaN where the interval's reason says why.
    """

    interval: Interval
    p_value: float
    n: int


@dataclass(frozen=True, kw_only=True)
class CorrelationDifference:
    """r of the first score less r of the second, with the same target; difference carries the interval."""

    first: Correlation
    second: Correlation
    difference: Interval


def pearson(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> Correlation:
    """Correlation of two numbers per image; images with a NaN are left out.

    Interval: tanh(atanh r +- z / sqrt(n - 3)). Undefined below four images, where a side is constant, and
    where the points lie on a line. Validated against scipy.stats.pearsonr and pingouin.
    """
    check_confidence(confidence)
    method = "fisher_z"
    a, b = _paired(first, second)
    n = int(a.size)
    r = float(_rows_pearson(a[None], b[None])[0]) if n > 1 else NAN
    reason = _problem(a, b)
    if reason:
        interval = undefined(reason, method=method, confidence=confidence)
        return Correlation(interval=interval, p_value=NAN, n=n)
    if n < 4 or 1 - abs(r) < 1e-12:
        reason = "fewer than four images" if n < 4 else "the points lie on a line"
        interval = undefined(reason, method=method, confidence=confidence, estimate=r)
        return Correlation(interval=interval, p_value=NAN, n=n)
    half = float(special.ndtri(0.5 + confidence / 2)) / math.sqrt(n - 3)
    t = r * math.sqrt((n - 2) / (1 - r * r))
    interval = Interval(
        estimate=r,
        low=math.tanh(math.atanh(r) - half),
        high=math.tanh(math.atanh(r) + half),
        method=method,
        confidence=confidence,
    )
    return Correlation(interval=interval, p_value=2 * float(special.stdtr(n - 2, -abs(t))), n=n)


def pixel_correlations(scores: Sequence[FloatArray], changes: Sequence[FloatArray]) -> FloatArray:
    """(images,): Pearson's r over the pixels of each image; NaN where a map is constant.

    scores, changes: one (height, width) map per image. ValueError for unequal shapes or infinities.
    """
    if len(scores) != len(changes):
        raise ValueError(f"{len(scores)} score maps for {len(changes)} change maps")
    r = np.full(len(scores), NAN)
    for image, (score, change) in enumerate(zip(scores, changes, strict=True)):
        if score.shape != change.shape:
            raise ValueError(f"image {image}: maps of {score.shape} and {change.shape}; resize first")
        a, b = _paired(score.ravel(), change.ravel())
        if not _problem(a, b):
            r[image] = _rows_pearson(a[None], b[None])[0]
    return r


def mean_correlation(
    of_image: FloatArray, *, rng: np.random.Generator, n_resamples: int = 10_000, confidence: float = 0.95
) -> Interval:
    """Mean of the images' pixel correlations with a bootstrap of whole images. NaN images are left out."""
    interval = bootstrap_items(of_image, rng=rng, n_resamples=n_resamples, confidence=confidence)
    return replace(
        interval, method="bootstrap_images", reason=_about_images(interval.reason)
    )  # fmt: skip


def mean_correlation_difference(
    first: FloatArray,
    second: FloatArray,
    *,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
) -> Interval:
    """Difference of two mean pixel correlations, bootstrapped over the images that have both."""
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"one correlation per image and score: {first.shape}, {second.shape}")
    interval = bootstrap_items(first - second, rng=rng, n_resamples=n_resamples, confidence=confidence)
    return replace(
        interval, method="paired_bootstrap_images", reason=_about_images(interval.reason)
    )  # fmt: skip


def correlation_difference(
    target: ArrayLike,
    *,
    first: ArrayLike,
    second: ArrayLike,
    rng: np.random.Generator,
    n_resamples: int = 10_000,
    confidence: float = 0.95,
) -> CorrelationDifference:
    """r(first, target) - r(second, target) with a percentile bootstrap that draws images with all three.

    Resamples in which a correlation is undefined are left out. Validated against scipy.stats.bootstrap.
    """
    check_confidence(confidence)
    method = "paired_bootstrap_correlations"
    columns = [real_numbers(values).ravel() for values in (target, first, second)]
    if len({column.size for column in columns}) != 1:
        raise ValueError(f"one number per image: {[column.size for column in columns]}")
    for column in columns:
        check_size(column)
    known = ~np.isnan(np.stack(columns)).any(axis=0)
    t, a, b = (column[known] for column in columns)
    with_first, with_second = (pearson(side, t, confidence=confidence) for side in (a, b))
    estimate = with_first.interval.estimate - with_second.interval.estimate
    reason = with_first.interval.reason or with_second.interval.reason
    difference = undefined(reason, method=method, confidence=confidence, estimate=estimate)
    if not reason:
        draws = _resampled_differences(t, a, b, rng=rng, n_resamples=n_resamples)
        low, high = (float(q) for q in np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2]))
        difference = Interval(
            estimate=estimate,
            low=low,
            high=high,
            method=method,
            confidence=confidence,
            standard_error=float(draws.std(ddof=1)),
        )
        if not high - low > NO_SPREAD:
            reason = "all resamples agree"
            difference = undefined(reason, method=method, confidence=confidence, estimate=estimate)
    return CorrelationDifference(first=with_first, second=with_second, difference=difference)


def as_percent(interval: Interval) -> Interval:
    """The interval in percent: estimate, bounds and standard error in one unit."""
    return replace(
        interval,
        estimate=100 * interval.estimate,
        low=100 * interval.low,
        high=100 * interval.high,
        standard_error=100 * interval.standard_error,
    )


def _resampled_differences(
    target: FloatArray, first: FloatArray, second: FloatArray, *, rng: np.random.Generator, n_resamples: int
) -> FloatArray:
    n = target.size
    rows = max(1, RESAMPLES_AT_ONCE // n)
    parts = []
    for start in range(0, n_resamples, rows):
        index = rng.integers(0, n, size=(min(rows, n_resamples - start), n))
        drawn = target[index]
        parts.append(_rows_pearson(first[index], drawn) - _rows_pearson(second[index], drawn))
    differences = np.concatenate(parts)
    return differences[~np.isnan(differences)]


def _rows_pearson(a: FloatArray, b: FloatArray) -> FloatArray:
    """(rows,): Pearson's r of each row of a with the same row of b."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(np.where(scale > 0, (a * b).sum(axis=1) / scale, NAN), -1.0, 1.0)


def _paired(first: ArrayLike, second: ArrayLike) -> tuple[FloatArray, FloatArray]:
    a, b = real_numbers(first), real_numbers(second)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"one number per image on both sides: {a.shape}, {b.shape}")
    check_size(a)
    check_size(b)
    known = ~(np.isnan(a) | np.isnan(b))
    return _to_unit(a[known]), _to_unit(b[known])


def _to_unit(values: FloatArray) -> FloatArray:
    """The values divided by the largest: correlations don't change, and squares can't overflow."""
    largest = float(np.abs(values).max(initial=0.0))
    return values / largest if largest > 0 else values


def _problem(a: FloatArray, b: FloatArray) -> str:
    if a.size == 0:
        return "no images"
    if min(float(np.ptp(a)), float(np.ptp(b))) <= NO_SPREAD:
        return "one image" if a.size == 1 else "one side is constant"
    return ""


def _about_images(reason: str) -> str:
    return reason.replace("item scores", "images' numbers").replace("item", "image")
