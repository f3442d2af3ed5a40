"""Intervals where the scores at hand show no spread, or too few of them to tell: never of width zero.

Three equal ratings say little about the fourth. Two ways to say how little:

    SOS         the spread that items of this score have elsewhere in the study:
                SOS^2(m) = a (m - lo)(hi - m),   m +- t sqrt(SOS^2(m) / n)
    bounded     the widest spread that a scale lo..hi allows around m: with p = (m - lo)/(hi - lo) the
                variance of one score is at most (hi - lo)^2 p (1 - p), that of a yes or no; hence Wilson's
                bounds for the share p of n, carried back to the scale

SOS needs a fitted `a` and vanishes at the ends of the scale; there the bounded interval stands in.
Source: Hossfeld, Schatz and Egger 2011, eq. 5 (SOS hypothesis); Bhatia and Davis 2000 (bound of a variance).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from scipy import special

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import (
    NAN,
    NO_SPREAD,
    Interval,
    IntervalMethod,
    check_confidence,
    t_interval,
    undefined,
    wilson_bounds,
)
from evaluation.metrics.tables import FloatArray, IndexArray, OptOut, RatingTable

MOST_SCALE = 1e150
ITEM_METHODS = (IntervalMethod.SOS, IntervalMethod.BINOMIAL_BOUNDED)


class ZeroWidth(StrEnum):
    """What stands in where all item scores of a group are equal; EMPTY leaves the interval undefined."""

    BOUNDED = "binomial_bounded"
    POOLED = "pooled"
    EMPTY = "empty"


@dataclass(frozen=True, kw_only=True, eq=False)
class SosModel:
    """How the spread of ratings depends on their mean.

    a: the study's SOS parameter with a jackknife interval over items; 0 = no disagreement, 0.5 = as if five
    points were drawn blindly, 1 = as much as the scale allows.
    mean, deviation: (items,), of the ratings of each item; deviation with n-1, NaN below two ratings.
    degrees: ratings less items among the items with two or more.
    """

    a: Interval
    mean: FloatArray
    deviation: FloatArray
    scale: tuple[float, float]
    n_items: int
    degrees: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemIntervals:
    """Bounds for the mean rating of each item, (items,); NaN without a rating.

    bounded: where the binomial bound stood in for the SOS interval; to be marked wherever it is drawn.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray
    bounded: np.ndarray
    method: str
    confidence: float


def sos_model(table: RatingTable, *, confidence: float = 0.95) -> SosModel:
    """The SOS parameter by least squares of the items' variances on (m - lo)(hi - m).

    a = sum_i v_i q_i / sum_i q_i^2, over the items with two ratings or more. Undefined below two such items,
    and where all of them lie at the ends of the scale. Validated against numpy's least squares.
    """
    check_confidence(confidence)
    rows = table.opt_out == OptOut.NONE
    score, item = table.score[rows], table.item_index[rows]
    low, high = _checked_scale(table.scale)
    count, mean, variance = _moments(score, item_index=item, n_items=table.n_items)
    used = count > 1
    v, q = variance[used], (mean[used] - low) * (high - mean[used])
    n = int(used.sum())
    return SosModel(
        a=_a(v, q=q, confidence=confidence, width=high - low),
        mean=mean,
        deviation=np.sqrt(variance),
        scale=(low, high),
        n_items=n,
        degrees=int(count[used].sum()) - n,
    )


def sos_interval(mean: float, *, n: int, model: SosModel, confidence: float = 0.95) -> Interval:
    """Interval of a mean of n ratings whose spread is the model's; the bounded one where that is none.

    t with the model's pooled degrees of freedom, cut at the ends of the scale.
    """
    check_confidence(confidence)
    method = IntervalMethod.SOS
    low, high = model.scale
    if n < 1 or not low <= mean <= high:
        reason = "no ratings" if n < 1 else f"the mean {mean:g} is not on the scale"
        return undefined(reason, method=method, confidence=confidence)
    spread = model.a.estimate * (mean - low) * (high - mean)
    if not spread > NO_SPREAD * (high - low) ** 2:
        return binomial_bounded(mean, n=n, scale=model.scale, confidence=confidence)
    interval = t_interval(
        mean, error=math.sqrt(spread / n), degrees=float(model.degrees), method=method, confidence=confidence
    )
    return replace(
        interval,
        low=max(interval.low, low),
        high=min(interval.high, high),
        flag="the spread is that of ratings elsewhere in the study",
    )


def binomial_bounded(
    mean: float, *, n: int, scale: tuple[float, float], confidence: float = 0.95
) -> Interval:
    """Interval of a mean of n values on a scale, whatever their spread: wide on purpose, never of width 0."""
    check_confidence(confidence)
    method = IntervalMethod.BINOMIAL_BOUNDED
    low, high = _checked_scale(scale)
    if n < 1 or not low <= mean <= high:
        reason = "no values" if n < 1 else f"the mean {mean:g} is not on the scale"
        return undefined(reason, method=method, confidence=confidence)
    share = min(max((mean - low) / (high - low), 0.0), 1.0)
    bounds = wilson_bounds(share, total=n, confidence=confidence)
    bottom, top = (low + bound * (high - low) for bound in bounds)
    if not bottom < top:
        reason = "the scale is narrower than a number can hold"
        return undefined(reason, method=method, confidence=confidence, estimate=mean)
    return Interval(
        estimate=mean,
        low=min(bottom, mean),
        high=max(top, mean),
        method=method,
        confidence=confidence,
        flag="the widest spread that the scale allows",
    )


def item_intervals(
    table: RatingTable, *, method: IntervalMethod = IntervalMethod.SOS, confidence: float = 0.95
) -> ItemIntervals:
    """Intervals of every item's mean rating, for drawing items one by one. method: SOS or BINOMIAL_BOUNDED.

    Where the SOS interval has no width (mean at an end of the scale, or no model) the bounded one stands in.
    Raises ValueError for another method.
    """
    if method not in ITEM_METHODS:
        raise ValueError(f"{method} is no interval of single items; choose {' or '.join(ITEM_METHODS)}")
    model = sos_model(table, confidence=confidence)
    low, high = model.scale
    rows = table.opt_out == OptOut.NONE
    count = np.bincount(table.item_index[rows], minlength=table.n_items)
    mean, n = model.mean, np.maximum(count, 1)
    spread = model.a.estimate * (mean - low) * (high - mean)
    with np.errstate(invalid="ignore"):
        by_sos = (spread > NO_SPREAD * (high - low) ** 2) & (method == IntervalMethod.SOS)
    t = float(special.stdtrit(max(model.degrees, 1), 0.5 + confidence / 2))
    half = t * np.sqrt(np.where(by_sos, spread, 0.0) / n)
    share = (mean - low) / (high - low)
    z2 = float(special.ndtri(0.5 + confidence / 2)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    wide = np.sqrt(z2 * np.maximum(share * (1 - share) / n + z2 / (4 * n**2), 0.0)) / (1 + z2 / n)
    lower = np.where(by_sos, mean - half, low + (centre - wide) * (high - low))
    upper = np.where(by_sos, mean + half, low + (centre + wide) * (high - low))
    known = count > 0
    return ItemIntervals(
        mean=mean,
        low=np.where(known, np.minimum(np.maximum(lower, low), mean), NAN),
        high=np.where(known, np.maximum(np.minimum(upper, high), mean), NAN),
        bounded=known & ~by_sos,
        method=method,
        confidence=confidence,
    )


def _moments(
    score: FloatArray, *, item_index: IndexArray, n_items: int
) -> tuple[IndexArray, FloatArray, FloatArray]:
    """(count, mean, variance with n-1) of each item; NaN where they don't exist."""
    count = np.bincount(item_index, minlength=n_items)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums_at(item_index, weights=score, n=n_items) / count
        squares = sums_at(item_index, weights=(score - mean[item_index]) ** 2, n=n_items)
        variance = np.where(count > 1, squares / (count - 1.0), NAN)
    return count, mean, variance


def _a(variance: FloatArray, *, q: FloatArray, confidence: float, width: float) -> Interval:
    method = "sos_jackknife"
    n = int(variance.size)
    top, bottom = float(variance @ q), float(q @ q)
    if n < 2:
        return undefined("fewer than two items with two ratings", method=method, confidence=confidence)
    if not bottom > NO_SPREAD * width**4:
        return undefined("every item lies at an end of the scale", method=method, confidence=confidence)
    estimate = top / bottom
    rest = bottom - q**2
    without = (top - variance * q) / np.where(rest > NO_SPREAD * width**4, rest, NAN)
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    if not error > NO_SPREAD:
        reason = "no spread between items" if error == error else "one item carries the whole estimate"
        return undefined(reason, method=method, confidence=confidence, estimate=estimate)
    return t_interval(estimate, error=error, degrees=n - 1.0, method=method, confidence=confidence)


def _checked_scale(scale: tuple[float, float]) -> tuple[float, float]:
    low, high = scale
    if not -MOST_SCALE < low < high < MOST_SCALE:
        raise ValueError(f"a scale has a finite lowest and a higher highest score, got {low:g} to {high:g}")
    return low, high
