"""Intraclass correlation: two-way where every rater scored every item, one-way where raters differ by item.

    one-way  ICC(1): raters differ from item to item         (MS_r - MS_w) / (MS_r + (k-1) MS_w)
    two-way  ICC(2): agreement, raters are a sample          (MS_r - MS_e) / (MS_r + (k-1) MS_e + k (MS_c -
    MS_e) / n) two-way  ICC(3): consistency, these raters only          (MS_r - MS_e) / (MS_r + (k-1) MS_e)
    average of k raters ICC(., k): the same without (k-1), and without k in front of the rater term

MS_r between the n items, MS_c between the k raters, MS_w within items, MS_e the residual of both.
Source: Shrout and Fleiss 1979, with intervals of McGraw and Wong 1996, table 7. Validated against Shrout and
Fleiss' published example (table 4) and, for the intervals, pingouin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
from scipy import special

from evaluation.metrics.intervals import NAN, Interval, check_confidence, undefined
from evaluation.metrics.tables import FloatArray, IndexArray, OptOut, RatingTable


class IccForm(StrEnum):
    """Which intraclass correlation, in Shrout and Fleiss' notation."""

    ONE_WAY = "icc1"
    AGREEMENT = "icc2"
    CONSISTENCY = "icc3"
    ONE_WAY_AVERAGE = "icc1k"
    AGREEMENT_AVERAGE = "icc2k"
    CONSISTENCY_AVERAGE = "icc3k"


ONE_WAY_FORMS: Final = (IccForm.ONE_WAY, IccForm.ONE_WAY_AVERAGE)


@dataclass(frozen=True, kw_only=True)
class _MeanSquares:
    n: int
    k: int
    items: float
    raters: float
    within: float
    residual: float


@dataclass(frozen=True, kw_only=True, eq=False)
class CompleteScores:
    """The scores that forms of one kind rest on, from `complete_scores`.

    one_way: the kind.  items: (n,), places in the table.  scores: (n, k); in one-way forms a column is one
    of k scores, not a rater.
    """

    one_way: bool
    items: IndexArray
    scores: FloatArray

    @cached_property
    def mean_squares(self) -> _MeanSquares:
        """Of two items or more; worked out once for all forms."""
        return _mean_squares(self.scores)

    @cached_property
    def problem(self) -> str:
        """Why no form has a value; empty where one can."""
        return _problem(self.scores, one_way=self.one_way)


def intraclass_correlation(
    table: RatingTable,
    *,
    form: IccForm = IccForm.AGREEMENT,
    clusters: IndexArray | None = None,
    confidence: float = 0.95,
) -> Interval:
    """The intraclass correlation of the complete items, with its F interval.

    Two-way forms: items that every rater with a score scored. One-way forms: items with the most frequent
    number of scores, whoever gave them. Others are left out; below two such items it is undefined.
    clusters: (items of the table,), items of one number show one thing. The F interval takes every item as
    independent: where two complete items show one thing, the bounds are left out.
    """
    complete = complete_scores(table, one_way=form in ONE_WAY_FORMS)
    return correlation_of(complete, form=form, clusters=clusters, confidence=confidence)


def correlation_of(
    complete: CompleteScores, *, form: IccForm, clusters: IndexArray | None = None, confidence: float = 0.95
) -> Interval:
    """As `intraclass_correlation`, of scores in hand: one look for them serves every form of their kind.

    Raises ValueError for a form of the other kind.
    """
    check_confidence(confidence)
    if complete.one_way != (form in ONE_WAY_FORMS):
        wanted = form in ONE_WAY_FORMS
        raise ValueError(f"{form} rests on other scores: ask complete_scores for one_way={wanted}")
    if complete.problem:
        return undefined(complete.problem, method=form, confidence=confidence)
    items, squares = complete.items, complete.mean_squares
    estimate = _single(squares, form=form)
    low, high = _bounds(squares, form=form, confidence=confidence)
    if form.endswith("k"):
        estimate, low, high = (_average(value, k=squares.k) for value in (estimate, low, high))
    if math.isnan(estimate):
        return undefined("no spread between items", method=form, confidence=confidence)
    n_things = items.size if clusters is None else np.unique(clusters[items]).size
    if n_things < items.size:
        reason = (
            f"{items.size} items show {n_things} thing{'s' if n_things > 1 else ''}, and the F interval takes"
            " every item as independent; see Krippendorff's alpha"
        )
        return undefined(reason, method=form, confidence=confidence, estimate=estimate)
    if not low < high:
        return undefined("no residual spread", method=form, confidence=confidence, estimate=estimate)
    return Interval(estimate=estimate, low=low, high=high, method=form, confidence=confidence)


def complete_scores(table: RatingTable, *, one_way: bool) -> CompleteScores:
    """The items with a score of every rater who gave any; one_way: those with the most frequent number."""
    rows = np.flatnonzero(table.opt_out == OptOut.NONE)
    item, rater, score = table.item_index[rows], table.rater_index[rows], table.score[rows]
    counts = np.bincount(item, minlength=table.n_items)
    raters, column = np.unique(rater, return_inverse=True)
    k = _most_frequent(counts) if one_way else raters.size
    if k < 2:
        return CompleteScores(one_way=one_way, items=np.zeros(0, dtype=np.int64), scores=np.zeros((0, k)))
    taken = (counts == k)[item]
    item, column, score = item[taken], column[taken], score[taken]
    # A rater scores an item once, so that no two keys are equal.
    order = np.argsort(item * raters.size + column)
    return CompleteScores(one_way=one_way, items=item[order][::k], scores=score[order].reshape(-1, k))


def _most_frequent(counts: IndexArray) -> int:
    """The most frequent number of scores from two up; of equally frequent ones the largest; 0 for none."""
    frequency = np.bincount(counts)
    frequency[:2] = 0
    return int(frequency.size - 1 - frequency[::-1].argmax()) if frequency.any() else 0


def _problem(complete: FloatArray, *, one_way: bool) -> str:
    n, k = complete.shape
    if k < 2:
        return "no item has two scores" if one_way else "fewer than two raters"
    if n < 2:
        own = f"have {k} scores" if one_way else f"were scored by all {k} raters"
        return f"{n} item{'' if n == 1 else 's'} {own}: two are needed"
    centred = complete - complete.mean()
    if not (centred**2).sum() > 1e-20 * max(1.0, float(np.abs(complete).max()) ** 2):
        return "all scores are equal"
    return ""


def _mean_squares(scores: FloatArray) -> _MeanSquares:
    n, k = scores.shape
    centred = scores - scores.mean()
    items, raters = centred.mean(axis=1), centred.mean(axis=0)
    within = float(((centred - items[:, None]) ** 2).sum())
    between_raters = float(n * (raters**2).sum())
    residual = float(((centred - items[:, None] - raters[None, :]) ** 2).sum())
    return _MeanSquares(
        n=n,
        k=k,
        items=float(k * (items**2).sum() / (n - 1)),
        raters=between_raters / (k - 1),
        within=within / (n * (k - 1)),
        residual=residual / ((n - 1) * (k - 1)),
    )


def _single(ms: _MeanSquares, *, form: IccForm) -> float:
    if form in ONE_WAY_FORMS:
        return _ratio(ms.items - ms.within, ms.items + (ms.k - 1) * ms.within)
    raters = 0.0
    if form in (IccForm.AGREEMENT, IccForm.AGREEMENT_AVERAGE):
        raters = ms.k * (ms.raters - ms.residual) / ms.n
    return _ratio(ms.items - ms.residual, ms.items + (ms.k - 1) * ms.residual + raters)


def _ratio(part: float, whole: float) -> float:
    """NaN where the whole is nothing but rounding dust beside the part."""
    return part / whole if whole > 1e-12 * abs(part) else NAN


def _average(value: float, *, k: int) -> float:
    """Spearman-Brown: the reliability of the mean of k raters, which carries bounds over as well."""
    return _ratio(value * k, 1 + value * (k - 1))


def _bounds(ms: _MeanSquares, *, form: IccForm, confidence: float) -> tuple[float, float]:
    """Bounds of the single-rater form."""
    tail = 1 - (1 - confidence) / 2
    n, k = ms.n, ms.k
    if form in (IccForm.AGREEMENT, IccForm.AGREEMENT_AVERAGE):
        return _agreement_bounds(ms, tail=tail)
    one_way = form in ONE_WAY_FORMS
    error, degrees = (ms.within, n * (k - 1)) if one_way else (ms.residual, (n - 1) * (k - 1))
    if not error > 1e-12 * (ms.items + ms.raters):
        return NAN, NAN
    ratio = ms.items / error
    low = ratio / float(special.fdtri(n - 1, degrees, tail))
    high = ratio * float(special.fdtri(degrees, n - 1, tail))
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _agreement_bounds(ms: _MeanSquares, *, tail: float) -> tuple[float, float]:
    n, k = ms.n, ms.k
    icc = _single(ms, form=IccForm.AGREEMENT)
    # Raters who differ by nothing, or by constants alone, leave no error to build an interval from.
    if not icc < 1 or not ms.residual > 1e-12 * (ms.items + ms.raters):
        return NAN, NAN
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    spread = (a * ms.raters) ** 2 / (k - 1) + (b * ms.residual) ** 2 / ((n - 1) * (k - 1))
    degrees = (a * ms.raters + b * ms.residual) ** 2 / spread
    f_low = float(special.fdtri(n - 1, degrees, tail))
    f_high = float(special.fdtri(degrees, n - 1, tail))
    error = k * ms.raters + (k * n - k - n) * ms.residual
    low = n * (ms.items - f_low * ms.residual) / (f_low * error + n * ms.items)
    high = n * (f_high * ms.items - ms.residual) / (error + n * f_high * ms.items)
    return low, high
