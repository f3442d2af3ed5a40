"""What a researcher looks at before excluding a rater: attention, agreement with the others, runs, times.

Nothing here excludes anybody; exclusion is a decision, made with `RatingTable.without_raters`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.intervals import NAN, Interval, clopper_pearson
from evaluation.metrics.tables import BoolArray, FloatArray, OptOut, RatingTable


@dataclass(frozen=True, kw_only=True)
class AttentionAnswer:
    """One answered attention check: whose, and whether the answer was an accepted one."""

    rater: str
    passed: bool


@dataclass(frozen=True, kw_only=True)
class AttentionOutcome:
    """Attention checks of one rater. fail_rate carries Clopper-Pearson bounds."""

    rater: str
    n_served: int
    n_failed: int
    fail_rate: Interval


@dataclass(frozen=True, kw_only=True)
class RaterScreen:
    """One rater in numbers; a number is NaN where `reasons` names it.

    leave_one_out_correlation: Pearson, of the rater's scores with the mean score of the other raters on the
    same items; n_compared items have such a mean.
    longest_run: most answers in a row (in the table's order, opt-outs included) with the same option.
    median_seconds, fastest_seconds: over the answers with a known time.
    """

    rater: str
    n_answers: int
    n_scores: int
    share_of_answers: float
    mean_score: float
    leave_one_out_correlation: float
    n_compared: int
    longest_run: int
    median_seconds: float
    fastest_seconds: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RejectRates:
    """How much one set of exclusions costs, counted three ways (Tang et al. 2023, A.2, reports the first)."""

    by_assignment: Interval
    by_rater: Interval
    by_answer: Interval


def attention_outcomes(answers: Iterable[AttentionAnswer]) -> tuple[AttentionOutcome, ...]:
    """One outcome per rater, in order of first appearance."""
    served: dict[str, int] = {}
    failed: dict[str, int] = {}
    for answer in answers:
        served[answer.rater] = served.get(answer.rater, 0) + 1
        failed[answer.rater] = failed.get(answer.rater, 0) + (not answer.passed)
    return tuple(
        AttentionOutcome(
            rater=rater,
            n_served=n,
            n_failed=failed[rater],
            fail_rate=clopper_pearson(failed[rater], total=n),
        )
        for rater, n in served.items()
    )


def screen_raters(table: RatingTable) -> tuple[RaterScreen, ...]:
    """One row per rater of the table, in the table's order."""
    n = table.n_raters
    counts = np.bincount(table.rater_index, minlength=n)
    scores = table.only_scores()
    n_scores = np.bincount(scores.rater_index, minlength=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_score = np.bincount(scores.rater_index, weights=scores.score, minlength=n) / n_scores
    correlation, n_compared = leave_one_out_correlations(table)
    runs = longest_runs(table)
    median_seconds, fastest_seconds = _times(table)
    return tuple(
        RaterScreen(
            rater=rater,
            n_answers=int(counts[r]),
            n_scores=int(n_scores[r]),
            share_of_answers=float(counts[r] / table.n_answers) if table.n_answers else NAN,
            mean_score=float(mean_score[r]),
            leave_one_out_correlation=float(correlation[r]),
            n_compared=int(n_compared[r]),
            longest_run=int(runs[r]),
            median_seconds=float(median_seconds[r]),
            fastest_seconds=float(fastest_seconds[r]),
            reasons=_reasons(
                int(n_scores[r]),
                n_compared=int(n_compared[r]),
                correlation=correlation[r],
                seconds=median_seconds[r],
            ),
        )
        for r, rater in enumerate(table.rater_ids)
    )


def leave_one_out_correlations(table: RatingTable) -> tuple[FloatArray, np.ndarray]:
    """(correlation, items compared), each (raters,). NaN below three compared items or where a side is
    constant."""
    scores = table.only_scores()
    sums = np.bincount(scores.item_index, weights=scores.score, minlength=table.n_items)
    counts = np.bincount(scores.item_index, minlength=table.n_items)
    has_others = counts[scores.item_index] > 1
    item, rater = scores.item_index[has_others], scores.rater_index[has_others]
    own = scores.score[has_others]
    others = (sums[item] - own) / (counts[item] - 1)
    n = np.bincount(rater, minlength=table.n_raters)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Centred before squaring: sums of raw squares would lose digits on long scales.
        own = own - (np.bincount(rater, weights=own, minlength=table.n_raters) / n)[rater]
        others = others - (np.bincount(rater, weights=others, minlength=table.n_raters) / n)[rater]
        together = np.bincount(rater, weights=own * others, minlength=table.n_raters)
        own_square = np.bincount(rater, weights=own**2, minlength=table.n_raters)
        others_square = np.bincount(rater, weights=others**2, minlength=table.n_raters)
        defined = (n >= 3) & (own_square > 1e-12 * n) & (others_square > 1e-12 * n)
        correlation = np.where(defined, together / np.sqrt(own_square * others_square), NAN)
    return np.clip(correlation, -1.0, 1.0), n


def longest_runs(table: RatingTable) -> np.ndarray:
    """(raters,): most consecutive equal answers of each rater, in the table's order; 0 without an answer."""
    order = np.argsort(table.rater_index, kind="stable")
    rater = table.rater_index[order]
    score = table.score[order]
    opt_out = table.opt_out[order]
    runs = np.zeros(table.n_raters, dtype=np.int64)
    if rater.size == 0:
        return runs
    both_opted_out = (opt_out[1:] == opt_out[:-1]) & (opt_out[1:] != OptOut.NONE)
    same: BoolArray = (rater[1:] == rater[:-1]) & ((score[1:] == score[:-1]) | both_opted_out)
    starts = np.flatnonzero(np.concatenate(([True], ~same)))
    lengths = np.diff(np.append(starts, rater.size))
    np.maximum.at(runs, rater[starts], lengths)
    return runs


def reject_rates(
    table: RatingTable, *, excluded: Iterable[str], assignments: dict[str, int], confidence: float = 0.95
) -> RejectRates:
    """Shares lost to an exclusion, with Clopper-Pearson bounds. assignments: handed in by each rater.

    ValueError when a rater of the table has no count of assignments.
    """
    unknown = [rater for rater in table.rater_ids if rater not in assignments]
    if unknown:
        raise ValueError(
            f"{len(unknown)} raters have no count of assignments, e.g. {unknown[0]!r}: give one for each"
        )
    out = set(excluded)
    answers = np.bincount(table.rater_index, minlength=table.n_raters)
    lost = [r for r, rater in enumerate(table.rater_ids) if rater in out]
    handed_in = [assignments[rater] for rater in table.rater_ids]
    return RejectRates(
        by_assignment=clopper_pearson(
            sum(handed_in[r] for r in lost), total=sum(handed_in), confidence=confidence
        ),
        by_rater=clopper_pearson(len(lost), total=table.n_raters, confidence=confidence),
        by_answer=clopper_pearson(
            int(sum(answers[r] for r in lost)), total=table.n_answers, confidence=confidence
        ),
    )


def _times(table: RatingTable) -> tuple[FloatArray, FloatArray]:
    known = ~np.isnan(table.seconds)
    rater, seconds = table.rater_index[known], table.seconds[known]
    order = np.lexsort((seconds, rater))
    ranked = seconds[order]
    counts = np.bincount(rater, minlength=table.n_raters)
    start = np.cumsum(counts) - counts
    median, fastest = np.full(table.n_raters, NAN), np.full(table.n_raters, NAN)
    present = counts > 0
    k, first = counts[present], start[present]
    median[present] = (ranked[first + (k - 1) // 2] + ranked[first + k // 2]) / 2
    fastest[present] = ranked[first]
    return median, fastest


def _reasons(n_scores: int, *, n_compared: int, correlation: float, seconds: float) -> tuple[str, ...]:
    reasons = []
    if n_scores == 0:
        reasons.append("mean_score: no scores")
    if np.isnan(correlation):
        few = f"only {n_compared} item{'' if n_compared == 1 else 's'} shared with others"
        reasons.append("leave_one_out_correlation: " + (few if n_compared < 3 else "scores do not vary"))
    if np.isnan(seconds):
        reasons.append("seconds: no times known")
    return tuple(reasons)
