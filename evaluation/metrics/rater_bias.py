"""How each rater differs from the others: bias and inconsistency with intervals, and scores without bias.

    d_ir = y_ir - mean of item i,   bias_r = mean_i d_ir,   inconsistency_r = SD_i (d_ir - bias_r), n - 1

Source: ITU-T P.913 (2021) cl. 12.4 (subject bias removal). Validated against sureal's BR_MOS and scipy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import NO_SPREAD, check_confidence
from evaluation.metrics.tables import FloatArray, IndexArray, OptOut, RatingTable


@dataclass(frozen=True, kw_only=True, eq=False)
class RaterBiases:
    """(raters,) arrays in points of the scale; NaN where `reasons` names why.

    bias: mean deviation from the items' means, with a t interval.  inconsistency: standard deviation of the
    deviations about it, with the interval of chi-squared.  n: scores on items that somebody else scored too.
    """

    bias: FloatArray
    bias_low: FloatArray
    bias_high: FloatArray
    inconsistency: FloatArray
    inconsistency_low: FloatArray
    inconsistency_high: FloatArray
    n: IndexArray
    reasons: tuple[str, ...]
    confidence: float


def rater_biases(table: RatingTable, *, confidence: float = 0.95) -> RaterBiases:
    """Bias and inconsistency of every rater, from items with two scores or more (opt-outs are missing)."""
    check_confidence(confidence)
    deviation, rater = _deviations(table)
    n = np.bincount(rater, minlength=table.n_raters)
    with np.errstate(invalid="ignore", divide="ignore"):
        bias = sums_at(rater, weights=deviation, n=table.n_raters) / n
        squares = sums_at(rater, weights=(deviation - bias[rater]) ** 2, n=table.n_raters)
        spread = np.sqrt(squares / (n - 1.0))
    # Deviations that are all equal, or differ by rounding, tell nothing about the width of either interval.
    least = NO_SPREAD * max(map(abs, table.scale))
    spread = np.where((n > 1) & (spread > least), spread, np.nan)
    degrees = np.maximum(n - 1, 1)
    tail = (1 - confidence) / 2
    half = special.stdtrit(degrees, 1 - tail) * spread / np.sqrt(np.maximum(n, 1))
    return RaterBiases(
        bias=bias,
        bias_low=bias - half,
        bias_high=bias + half,
        inconsistency=spread,
        inconsistency_low=spread * np.sqrt(degrees / special.chdtri(degrees, tail)),
        inconsistency_high=spread * np.sqrt(degrees / special.chdtri(degrees, 1 - tail)),
        n=n,
        reasons=tuple(_reason(int(k), spread=float(s)) for k, s in zip(n, spread, strict=True)),
        confidence=confidence,
    )


def without_bias(table: RatingTable) -> RatingTable:
    """The table with each rater's bias taken off each score; the flow gains a step.

    Scores leave the grid of the scale, and may leave its ends; the scale widens to hold them. A rater who
    shares no item keeps the scores as they are.
    """
    deviation, rater = _deviations(table)
    n = np.bincount(rater, minlength=table.n_raters)
    bias = sums_at(rater, weights=deviation, n=table.n_raters) / np.maximum(n, 1)
    score = table.score - bias[table.rater_index]
    known = score[~np.isnan(score)]
    low, high = table.scale
    if known.size:
        low, high = min(low, float(known.min())), max(high, float(known.max()))
    # The filter of nobody writes the step; no answer is lost by a shift.
    shifted = table.without_raters([], reason="subtract each rater's bias (P.913, cl. 12.4)")
    step = replace(shifted.flow[-1], name="subtract bias")
    return replace(shifted, score=score, scale=(low, high), flow=(*table.flow, step))


def _deviations(table: RatingTable) -> tuple[FloatArray, IndexArray]:
    """(score less the mean of its item, rater), of the scores on items with two or more."""
    rows = table.opt_out == OptOut.NONE
    score, item, rater = table.score[rows], table.item_index[rows], table.rater_index[rows]
    count = np.bincount(item, minlength=table.n_items)
    mean = sums_at(item, weights=score, n=table.n_items) / np.maximum(count, 1)
    shared = count[item] > 1
    return (score - mean[item])[shared], rater[shared]


def _reason(n: int, *, spread: float) -> str:
    if n == 0:
        return "no item shared with another rater"
    if n == 1:
        return "one item shared with other raters: no spread to estimate"
    return "" if spread == spread else "the deviations have no spread that can be measured"
