"""Two rules that standards offer for throwing raters or ratings out, and whether they could fire at all.

Among n values none lies further from their mean than sqrt(n - 1) population standard deviations (Samuelson
1968). With three raters an item that is 1.41: a rule that asks for 2 or for 3.29 never fires there, and "0
rejected" would say nothing about the raters. Both results carry how many items could have fired.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.counting import sums_at
from evaluation.metrics.intervals import NO_SPREAD
from evaluation.metrics.tables import BoolArray, FloatArray, IndexArray, OptOut, RatingTable

# What rounding may take from a value that lies exactly on the limit.
DUST = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Bt500Screen:
    """BT.500's rule, rater by rater.

    high, low: (raters,), scores at or beyond the limit above and below.  n: (raters,), scores judged.
    rejected: ids of raters with (high + low)/n > 0.05 and |high - low|/(high + low) < 0.3.
    n_able: items that could fire, of n_items with a score.  note: what to print beside the number of
    rejected.
    """

    high: IndexArray
    low: IndexArray
    n: IndexArray
    rejected: tuple[str, ...]
    n_able: int
    n_items: int
    note: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ZFilter:
    """P.808's filter, rating by rating. outlier: (answers,), rows of the table beyond the limit."""

    outlier: BoolArray
    n_outliers: int
    n_able: int
    n_items: int
    note: str


def bt500_screen(table: RatingTable) -> Bt500Screen:
    """Raters whom ITU-R BT.500 would reject: often far off, and to both sides.

    Limit: 2 standard deviations of the item's scores where their kurtosis lies between 2 and 4, else
    sqrt(20). Items whose scores are all equal judge nobody. Shares are of the rater's own scores, which in a
    complete study is the standard's number of conditions.
    Source: ITU-R BT.500-14, Annex 1, cl. 2.3.1. Validated against sureal's SR_MOS.
    """
    rows, z, kurtosis, count = _standardised(table)
    item, rater = table.item_index[rows], table.rater_index[rows]
    limit = np.where((kurtosis >= 2) & (kurtosis <= 4), 2.0, math.sqrt(20))[item]
    n = np.bincount(rater, minlength=table.n_raters)
    high = np.bincount(rater[z >= limit - DUST], minlength=table.n_raters)
    low = np.bincount(rater[z <= -limit + DUST], minlength=table.n_raters)
    far = high + low
    often = far > 0.05 * n
    balanced = np.abs(high - low) < 0.3 * far
    n_able, n_items, note = _able(count, limit=2.0, strict=False)
    return Bt500Screen(
        high=high,
        low=low,
        n=n,
        rejected=tuple(table.rater_ids[r] for r in np.flatnonzero(often & balanced)),
        n_able=n_able,
        n_items=n_items,
        note=note,
    )


def z_filter(table: RatingTable, *, limit: float = 3.29) -> ZFilter:
    """Ratings more than `limit` population standard deviations from the mean of their item.

    Source: ITU-T P.808 and its published toolkit, |z| > 3.29 (p < 0.001). Validated against
    scipy.stats.zscore.
    """
    if not limit > 0:
        raise ValueError(f"limit must be above 0, got {limit}")
    rows, z, _, count = _standardised(table)
    outlier = np.zeros(table.n_answers, dtype=bool)
    outlier[np.flatnonzero(rows)[np.abs(z) > limit]] = True
    n_able, n_items, note = _able(count, limit=limit, strict=True)
    return ZFilter(outlier=outlier, n_outliers=int(outlier.sum()), n_able=n_able, n_items=n_items, note=note)


def least_votes(limit: float, *, strict: bool) -> int:
    """The fewest scores of an item among which one can lie `limit` deviations off (strict: beyond it)."""
    n = max(2, math.ceil(limit**2 + 1 - DUST))
    return n + 1 if strict and not math.sqrt(n - 1) > limit + DUST else n


def _standardised(table: RatingTable) -> tuple[BoolArray, FloatArray, FloatArray, IndexArray]:
    """(rows with a score, their z, kurtosis by item, scores by item); z is 0 where an item has no spread."""
    rows = table.opt_out == OptOut.NONE
    # In units of a power of two near the scale's length, which rounds nothing: both results have no unit.
    unit = math.ldexp(1.0, math.frexp(table.scale[1] - table.scale[0])[1])
    score, item = table.score[rows] / unit, table.item_index[rows]
    n = table.n_items
    count = np.bincount(item, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = score - (sums_at(item, weights=score, n=n) / count)[item]
        second = sums_at(item, weights=centred**2, n=n) / count
        has_spread = np.sqrt(second) > NO_SPREAD
        kurtosis = np.where(has_spread, sums_at(item, weights=centred**4, n=n) / count / second**2, np.nan)
        z = np.where(has_spread[item], centred / np.sqrt(second)[item], 0.0)
    return rows, z, kurtosis, count


def _able(count: IndexArray, *, limit: float, strict: bool) -> tuple[int, int, str]:
    needed = least_votes(limit, strict=strict)
    n_able, n_items = int((count >= needed).sum()), int((count > 0).sum())
    if n_items == 0:
        return 0, 0, "no scores"
    if n_able == 0:
        return 0, n_items, f"can't fire: it needs {needed} scores on an item, the most here is {count.max()}"
    return (
        n_able,
        n_items,
        f"could fire on {n_able} of {n_items} item{'' if n_items == 1 else 's'}"
        f" (those with {needed} scores or more)",
    )
