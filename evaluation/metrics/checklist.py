"""Krippendorff's nominal alpha of checklists: of every word of a list a rater says yes or no, item by item.

    D_o = (1/N) sum_i sum_w 2 c_iw (n_i - c_iw) / (n_i - 1),   D_e = 2 Y (N - Y) / (N (N - 1))

c_iw of n_i raters checked word w of item i; N answers of yes or no, Y of them yes, over items with n_i >= 2.
Three whole numbers say all about an item, so a million checklists of a hundred words need no table of votes.
Source: Krippendorff 2004, ch. 11. Validated against `alpha` on the table of all votes, which is validated
against the package `krippendorff`; the interval against its bootstrap with items as clusters.
"""

from __future__ import annotations

import numpy as np

from evaluation.metrics.intervals import Interval, check_confidence, undefined
from evaluation.metrics.tables import FloatArray, IndexArray

METHOD = "krippendorff_alpha_nominal_bootstrap"


def checklist_alpha(
    n_raters: IndexArray,
    *,
    item: IndexArray,
    votes: IndexArray,
    n_words: int,
    rng: np.random.Generator,
    n_resamples: int = 2_000,
    confidence: float = 0.95,
) -> Interval:
    """Alpha over all (item, word), with a percentile bootstrap that draws whole items.

    n_raters: (items,), who saw the item.  item, votes: how many raters checked a word, one entry per item
    and word that anybody checked.  ValueError for more votes than raters, or a word too many.
    """
    check_confidence(confidence)
    if (votes > n_raters[item]).any() or (np.bincount(item, minlength=1) > n_words).any():
        raise ValueError("an item has more votes than raters, or more words than the list")
    paired = n_raters > 1
    kept = paired[item]
    item, votes = item[kept], votes[kept]
    size = n_raters.size
    differing = np.bincount(item, weights=votes * (n_raters[item] - votes), minlength=size)
    checked = np.bincount(item, weights=votes, minlength=size)
    of_item = np.stack([n_raters, checked, differing], axis=1)[paired].astype(np.int64)
    if not of_item.size or not n_words:
        return undefined("no item has two raters", method=METHOD, confidence=confidence)
    kinds, weight = np.unique(of_item, axis=0, return_counts=True)
    estimate = float(_alphas(kinds, weight[None, :].astype(np.float64), n_words=n_words)[0])
    if np.isnan(estimate):
        reason = "all answers are equal: agreement beyond chance is undefined"
        return undefined(reason, method=METHOD, confidence=confidence)
    drawn = rng.multinomial(len(of_item), weight / len(of_item), size=n_resamples)
    found = _alphas(kinds, drawn.astype(np.float64), n_words=n_words)
    found = found[~np.isnan(found)]
    if not found.size or not np.ptp(found) > 0:
        return undefined("all resamples agree", method=METHOD, confidence=confidence, estimate=estimate)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate=estimate, low=float(low), high=float(high), method=METHOD, confidence=confidence)


def _alphas(kinds: IndexArray, weights: FloatArray, *, n_words: int) -> FloatArray:
    """(resamples,). kinds: (kinds, 3), raters, votes and sum of c (n - c) of an item; weights: how many."""
    raters, checked, differing = (kinds[:, place].astype(np.float64) for place in range(3))
    total, yes = weights @ (n_words * raters), weights @ checked
    observed = weights @ (2 * differing / (raters - 1))
    expected = 2 * yes * (total - yes) / (total - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan))
