"""One label per item from several raters: majority with flagged ties, and the model of Dawid and Skene.

Votes are three equally long arrays: item_index, rater_index, label (all int64 from 0 up).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.metrics.tables import BoolArray, FloatArray, IndexArray

NO_LABEL = -1
# Chance below which an answer counts as impossible for a rater; its logarithm stays finite.
SMALLEST_CHANCE = 1e-10


@dataclass(frozen=True, kw_only=True, eq=False)
class MajorityLabels:
    """label: (items,), NO_LABEL where nobody voted or two labels tie.  tied: (items,).  share: of the votes
    for the most voted label, NaN without votes."""

    label: IndexArray
    tied: BoolArray
    share: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class DawidSkeneLabels:
    """Dawid and Skene's estimates.

    label: (items,), the most probable, NO_LABEL without votes or where the two best are equally probable.
    probability: (items, labels), NaN rows without votes.  confusion: (raters, true label, given label), NaN
    for a rater without votes.  prior: (labels,).
    converged: whether the log-likelihood's relative change fell below the tolerance within the iterations
    allowed; the numbers of a run that did not converge are not to be reported (`reason`).
    """

    label: IndexArray
    probability: FloatArray
    confusion: FloatArray
    prior: FloatArray
    log_likelihood: float
    n_iterations: int
    converged: bool
    reason: str = ""


def majority(item_index: IndexArray, *, label: IndexArray, n_items: int, n_labels: int) -> MajorityLabels:
    """The most voted label of each item. A tie is flagged and gets no label, rather than one by accident."""
    votes = _votes(item_index, label=label, n_items=n_items, n_labels=n_labels)
    if n_labels == 0 or n_items == 0:
        return MajorityLabels(
            label=np.full(n_items, NO_LABEL),
            tied=np.zeros(n_items, dtype=bool),
            share=np.full(n_items, np.nan),
        )
    most = votes.max(axis=1)
    tied = ((votes == most[:, None]).sum(axis=1) > 1) & (most > 0)
    total = votes.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(total > 0, most / total, np.nan)
    return MajorityLabels(
        label=np.where(tied | (most == 0), NO_LABEL, votes.argmax(axis=1)), tied=tied, share=share
    )


def dawid_skene(
    item_index: IndexArray,
    *,
    rater_index: IndexArray,
    label: IndexArray,
    n_items: int,
    n_raters: int,
    n_labels: int,
    tolerance: float = 1e-9,
    max_iterations: int = 1_000,
) -> DawidSkeneLabels:
    """Maximum likelihood by EM from the shares of votes, run until the log-likelihood stands still.

    Source: Dawid and Skene 1979, eq. 2.3-2.5. Validated against crowd-kit. Sums over votes are products with
    one sparse matrix (items x (rater, given label)), so an iteration costs a few passes over the votes.
    """
    from scipy import sparse

    if item_index.size == 0 or n_labels < 2:
        reason = "no votes" if item_index.size == 0 else "one label only: nothing to decide"
        return _nothing(n_items=n_items, n_raters=n_raters, n_labels=n_labels, reason=reason)
    cell = rater_index * n_labels + label
    shape = (n_items, n_raters * n_labels)
    places = (
        (item_index.astype(np.int32), cell.astype(np.int32)) if max(shape) < 2**31 else (item_index, cell)
    )
    given = sparse.csr_array((np.ones(item_index.size), places), shape=shape)
    by_cell = given.T.tocsr()
    votes = _votes(item_index, label=label, n_items=n_items, n_labels=n_labels)
    voted = votes.sum(axis=1) > 0
    # (labels, items) throughout: what is done per label then runs over contiguous memory.
    belief = np.ascontiguousarray(votes.T) / np.maximum(votes.sum(axis=1), 1)
    likelihood, change, iterations = -np.inf, np.inf, 0
    while iterations < max_iterations and change > tolerance:
        iterations += 1
        prior = belief.sum(axis=1) / voted.sum()
        confusion = _confusion(by_cell, belief=belief, n_raters=n_raters)
        belief, new_likelihood = _beliefs(given, confusion=confusion, prior=prior, voted=voted)
        change = abs(new_likelihood - likelihood) / max(abs(new_likelihood), 1.0)
        likelihood = new_likelihood
    best = np.sort(belief, axis=0)
    tied = best[-1] - best[-2] < 1e-9
    has_votes = np.bincount(rater_index, minlength=n_raters) > 0
    return DawidSkeneLabels(
        label=np.where(voted & ~tied, belief.argmax(axis=0), NO_LABEL),
        probability=np.where(voted, belief, np.nan).T,
        confusion=np.where(has_votes[:, None, None], confusion.transpose(1, 0, 2), np.nan),
        prior=prior,
        log_likelihood=likelihood,
        n_iterations=iterations,
        converged=change <= tolerance,
        reason="" if change <= tolerance else f"did not converge in {max_iterations} iterations",
    )


def _votes(item_index: IndexArray, *, label: IndexArray, n_items: int, n_labels: int) -> FloatArray:
    counts = np.bincount(item_index * n_labels + label, minlength=n_items * n_labels)
    return counts.reshape(n_items, n_labels).astype(np.float64)


def _confusion(by_cell: Any, *, belief: FloatArray, n_raters: int) -> FloatArray:
    """(true, raters, given): chance that the rater gives a label when another is true."""
    n_labels = belief.shape[0]
    counts = np.stack([by_cell @ row for row in belief]).reshape(n_labels, n_raters, n_labels)
    total = counts.sum(axis=2, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1e-300), 0.0)


def _beliefs(
    given: Any, *, confusion: FloatArray, prior: FloatArray, voted: BoolArray
) -> tuple[FloatArray, float]:
    """(labels, items) posterior of the true label, 0 without votes, and the log-likelihood of the votes."""
    log_chance = np.log(np.maximum(confusion, SMALLEST_CHANCE)).reshape(prior.size, -1)
    # All labels in one pass over the votes, whose cells lie about at random: five passes miss the cache.
    joint = np.ascontiguousarray((given @ np.ascontiguousarray(log_chance.T)).T)
    joint += np.log(np.maximum(prior, SMALLEST_CHANCE))[:, None]
    peak = joint.max(axis=0)
    joint -= peak
    weight = np.exp(joint, out=joint)
    total = weight.sum(axis=0)
    likelihood = float((np.log(total) + peak) @ voted)
    weight *= voted / total
    return weight, likelihood


def _nothing(*, n_items: int, n_raters: int, n_labels: int, reason: str) -> DawidSkeneLabels:
    return DawidSkeneLabels(
        label=np.full(n_items, NO_LABEL),
        probability=np.full((n_items, n_labels), np.nan),
        confusion=np.full((n_raters, n_labels, n_labels), np.nan),
        prior=np.full(n_labels, np.nan),
        log_likelihood=float("nan"),
        n_iterations=0,
        converged=False,
        reason=reason,
    )
