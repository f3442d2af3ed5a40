"""Word maps as segmentations of the named objects (Tang et al. 2023, sec. 3.1, table 1).

One pair is (image, word): the truth is the union of the word's instances, the prediction is the binarised
map. Truth masks are never resized; a map is resized *before* its threshold, by the caller and on purpose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from evaluation.metrics import overlap
from evaluation.metrics.intervals import NAN, Interval, t_items
from evaluation.metrics.overlap import OverlapStatus
from evaluation.metrics.tables import BoolArray, FloatArray


class MissingRule(StrEnum):
    """A pair without a prediction: COUNT scores it 0, SKIP leaves it out (as the published code does)."""

    COUNT = "count_as_zero"
    SKIP = "skip"


class Baseline(StrEnum):
    """Predictions that know nothing."""

    WHOLE_IMAGE = "whole_image"
    RANDOM_HALF = "random_half"


@dataclass(frozen=True, kw_only=True)
class SegmentationPair:
    """One (image, word). The ratios are NaN where the status leaves them undefined; a missing prediction has
    IoU and Dice 0 under MissingRule.COUNT."""

    pair: str
    status: OverlapStatus
    iou: float
    dice: float
    pixel_accuracy: float
    inter_over_truth: float
    inter_over_prediction: float


@dataclass(frozen=True, kw_only=True)
class SegmentationSummary:
    """miou: mean over the pairs that count, with a t interval over them.  counts: pairs by status.

    n_pairs: pairs in the mean.  missing_rule: what was done with missing predictions.
    """

    miou: Interval
    mean_dice: float
    n_pairs: int
    counts: dict[OverlapStatus, int]
    missing_rule: MissingRule


@dataclass(frozen=True, kw_only=True)
class ThresholdChoice:
    """A threshold chosen on the data, with the honest value beside the flattering one.

    best_tau, in_sample: chosen and judged on all pairs.  cross_validated: each fold judged at the threshold
    that was best on the other folds.  miou_by_tau: (taus,), in-sample.
    """

    best_tau: float
    in_sample: float
    cross_validated: float
    taus: tuple[float, ...]
    miou_by_tau: tuple[float, ...]
    reason: str = ""


def union_of_instances(instances: Sequence[BoolArray]) -> BoolArray:
    """The truth mask of a word: the union of its instances. ValueError without instances or for unequal
    shapes."""
    if not instances:
        raise ValueError("a word without instances has no truth mask")
    if len({mask.shape for mask in instances}) != 1:
        raise ValueError("instances of one image must have one shape")
    return np.asarray(np.logical_or.reduce(list(instances)), dtype=np.bool_)


def compare(
    pair: str, *, truth: BoolArray, prediction: BoolArray | None, missing: MissingRule = MissingRule.COUNT
) -> SegmentationPair:
    """One pair judged. prediction None = the system gave none."""
    if prediction is None:
        score = 0.0 if missing == MissingRule.COUNT and truth.any() else NAN
        return SegmentationPair(
            pair=pair,
            status=OverlapStatus.MISSING,
            iou=score,
            dice=score,
            pixel_accuracy=NAN,
            inter_over_truth=score,
            inter_over_prediction=NAN,
        )
    counts = overlap.count_pairs(truth, prediction)
    return SegmentationPair(
        pair=pair,
        status=counts.statuses()[0],
        iou=float(counts.iou()[0]),
        dice=float(counts.dice()[0]),
        pixel_accuracy=float(counts.pixel_accuracy()[0]),
        inter_over_truth=float(counts.inter_over_first()[0]),
        inter_over_prediction=float(counts.inter_over_second()[0]),
    )


def summarise(
    pairs: Sequence[SegmentationPair],
    *,
    missing: MissingRule = MissingRule.COUNT,
    confidence: float = 0.95,
) -> SegmentationSummary:
    """mIoU and mean Dice. Pairs without an IoU (both empty, or skipped) are counted by status, not averaged.

    A mIoU80 is the summary of the pairs whose word maps to one of the 80 labels.
    """
    iou = np.array([p.iou for p in pairs], dtype=np.float64)
    dice = np.array([p.dice for p in pairs], dtype=np.float64)
    used = ~np.isnan(iou)
    return SegmentationSummary(
        miou=t_items(iou[used], confidence=confidence),
        mean_dice=float(dice[used].mean()) if used.any() else NAN,
        n_pairs=int(used.sum()),
        counts={status: sum(p.status == status for p in pairs) for status in OverlapStatus},
        missing_rule=missing,
    )


def baseline(shape: tuple[int, int], *, kind: Baseline, rng: np.random.Generator) -> BoolArray:
    """A prediction of shape (height, width) that ignores the image; RANDOM_HALF takes each pixel with chance
    1/2."""
    if kind == Baseline.WHOLE_IMAGE:
        return np.ones(shape, dtype=bool)
    return np.asarray(rng.random(shape) < 0.5)


def iou_by_threshold(word_map: FloatArray, *, truth: BoolArray, taus: Sequence[float]) -> FloatArray:
    """(taus,): IoU of the map binarised at each threshold. Same shape as the truth, which the caller resized
    to.

    One sort of the map serves all thresholds: pixels at or above tau * peak are a tail of the sorted map.
    """
    if word_map.shape != truth.shape:
        raise ValueError(f"map {word_map.shape} and truth {truth.shape} differ; resize the map first")
    if not np.isfinite(word_map).all() or (word_map < 0).any():
        raise ValueError("a word map holds finite numbers from 0 up")
    if any(not 0 < tau <= 1 for tau in taus):
        raise ValueError("thresholds lie in (0, 1]")
    flat, inside = word_map.ravel(), truth.ravel()
    peak = flat.max(initial=0.0)
    every, of_truth = np.sort(flat), np.sort(flat[inside])
    limits = np.array([tau * peak for tau in taus])
    predicted = every.size - np.searchsorted(every, limits, side="left")
    both = of_truth.size - np.searchsorted(of_truth, limits, side="left")
    if not peak > 0:
        predicted, both = np.zeros_like(predicted), np.zeros_like(both)
    union = predicted + of_truth.size - both
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(union > 0, both / union, np.nan)


def choose_threshold(
    ious: FloatArray, *, taus: Sequence[float], rng: np.random.Generator, folds: int = 5
) -> ThresholdChoice:
    """The threshold of the highest mean IoU, with its cross-validated value. Ties: the lowest threshold.

    ious: (pairs, taus), as from iou_by_threshold; pairs without an IoU anywhere are left out.
    """
    usable = ious[~np.isnan(ious).any(axis=1)]
    n = usable.shape[0]
    if n == 0:
        return ThresholdChoice(
            best_tau=NAN, in_sample=NAN, cross_validated=NAN, taus=tuple(taus),
            miou_by_tau=(NAN,) * len(taus), reason="no pair with a truth mask",
        )  # fmt: skip
    means = usable.mean(axis=0)
    best = int(means.argmax())
    held_out, reason = NAN, f"{n} pairs are too few for {folds} folds"
    if n >= folds:
        fold = rng.permutation(n) % folds
        judged = [usable[fold == f, int(usable[fold != f].mean(axis=0).argmax())] for f in range(folds)]
        held_out, reason = float(np.concatenate(judged).mean()), ""
    return ThresholdChoice(
        best_tau=float(taus[best]),
        in_sample=float(means[best]),
        cross_validated=held_out,
        taus=tuple(float(tau) for tau in taus),
        miou_by_tau=tuple(float(m) for m in means),
        reason=reason if math.isnan(held_out) else "",
    )
