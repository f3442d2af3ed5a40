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
from evaluation.metrics.clustered import cluster_codes, t_clustered
from evaluation.metrics.coco_labels import coco_label
from evaluation.metrics.intervals import NAN, Interval, IntervalMethod, interval_from_moments
from evaluation.metrics.overlap import OverlapStatus
from evaluation.metrics.tables import BoolArray, FloatArray


class MissingRule(StrEnum):
    """A pair without a prediction: COUNT scores it 0, SKIP leaves it out (as the published code does)."""

    COUNT = "count_as_zero"
    SKIP = "skip"


class BothEmptyRule(StrEnum):
    """A pair whose truth and prediction are both empty: EXCLUDE counts it apart; ZERO averages it as 0, which
    the published code does by adding 1e-8 to an empty union."""

    EXCLUDE = "exclude"
    ZERO = "count_as_zero"


class Baseline(StrEnum):
    """Predictions that know nothing."""

    WHOLE_IMAGE = "whole_image"
    RANDOM_HALF = "random_half"


@dataclass(frozen=True, kw_only=True)
class SegmentationPair:
    """One (image, word). The ratios are NaN where the status leaves them undefined; a missing prediction has
    IoU and Dice 0 under MissingRule.COUNT. image: pairs of one image are not independent."""

    pair: str
    status: OverlapStatus
    iou: float
    dice: float
    pixel_accuracy: float
    inter_over_truth: float
    inter_over_prediction: float
    image: str = ""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What counts, and which interval is drawn: "t" (clustered by image where images are named) or the
    published code's "z1.96_population"."""

    missing: MissingRule = MissingRule.COUNT
    both_empty: BothEmptyRule = BothEmptyRule.EXCLUDE
    interval: str = "t"


OUR_RULES = Rules()
PUBLISHED_CODE = Rules(
    missing=MissingRule.SKIP,
    both_empty=BothEmptyRule.ZERO,
    interval=IntervalMethod.Z_196_POPULATION,
)
"""castorini/daam, daam/evaluate.py: what it can't load it skips; an empty union scores 0; 1.96 numpy.std /
root n.
"""


@dataclass(frozen=True, kw_only=True)
class SegmentationSummary:
    """miou: mean over the pairs that count, with its interval.  counts: pairs by status.

    The other means are over the pairs that have the ratio.  n_pairs: pairs in the mIoU.  rules: how it was
    counted.
    """

    miou: Interval
    mean_dice: float
    mean_pixel_accuracy: float
    mean_inter_over_truth: float
    mean_inter_over_prediction: float
    n_pairs: int
    counts: dict[OverlapStatus, int]
    rules: Rules


@dataclass(frozen=True, kw_only=True)
class VocabularySummary:
    """miou80: words that name one of the 80 COCO labels; miou_all: every word (mIoU-infinity).

    label_of: the label of each word, None where it has none; to be printed beside miou80.
    """

    miou80: SegmentationSummary
    miou_all: SegmentationSummary
    label_of: dict[str, str | None]


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
    pair: str,
    *,
    truth: BoolArray,
    prediction: BoolArray | None,
    missing: MissingRule = MissingRule.COUNT,
    image: str = "",
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
            image=image,
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
        image=image,
    )


def summarise(
    pairs: Sequence[SegmentationPair],
    *,
    missing: MissingRule = MissingRule.COUNT,
    rules: Rules | None = None,
    confidence: float = 0.95,
) -> SegmentationSummary:
    """mIoU and its companions. Pairs without an IoU are counted by status, not averaged.

    rules: all choices at once (OUR_RULES, PUBLISHED_CODE); without them `missing` alone is chosen.
    """
    rules = Rules(missing=missing) if rules is None else rules
    iou = np.array([_counted_iou(pair, rules=rules) for pair in pairs], dtype=np.float64)
    used = ~np.isnan(iou)
    images = [pair.image or f"pair {i}" for i, pair in enumerate(pairs)]
    statuses = [pair.status for pair in pairs]
    return SegmentationSummary(
        miou=_interval(
            iou, images=images if any(p.image for p in pairs) else None, rules=rules, confidence=confidence
        ),
        mean_dice=_mean([pair.dice for pair, counts in zip(pairs, used, strict=True) if counts]),
        mean_pixel_accuracy=_mean([pair.pixel_accuracy for pair in pairs]),
        mean_inter_over_truth=_mean(
            [pair.inter_over_truth for pair, counts in zip(pairs, used, strict=True) if counts]
        ),
        mean_inter_over_prediction=_mean([pair.inter_over_prediction for pair in pairs]),
        n_pairs=int(used.sum()),
        counts={status: statuses.count(status) for status in OverlapStatus},
        rules=rules,
    )


def summarise_by_vocabulary(
    pairs: Sequence[SegmentationPair],
    *,
    words: Sequence[str],
    lemmas: Sequence[str] | None = None,
    rules: Rules = OUR_RULES,
    confidence: float = 0.95,
) -> VocabularySummary:
    """mIoU80 and mIoU-infinity. words: one per pair; lemmas: their base forms, where a parser gave them."""
    forms = words if lemmas is None else lemmas
    if len(words) != len(pairs) or len(forms) != len(pairs):
        raise ValueError(f"{len(words)} words and {len(forms)} lemmas for {len(pairs)} pairs")
    labels = [coco_label(word, lemma=lemma) for word, lemma in zip(words, forms, strict=True)]
    of_coco = [pair for pair, label in zip(pairs, labels, strict=True) if label]
    return VocabularySummary(
        miou80=summarise(of_coco, rules=rules, confidence=confidence),
        miou_all=summarise(pairs, rules=rules, confidence=confidence),
        label_of=dict(zip(words, labels, strict=True)),
    )


def summarise_baseline(
    truths: Sequence[BoolArray],
    *,
    kind: Baseline,
    rng: np.random.Generator,
    images: Sequence[str] | None = None,
    rules: Rules = OUR_RULES,
) -> SegmentationSummary:
    """What a prediction that knows nothing scores on the same truth masks."""
    names = [""] * len(truths) if images is None else images
    if len(names) != len(truths):
        raise ValueError(f"{len(names)} images for {len(truths)} truth masks")
    return summarise(
        [
            compare(
                str(i),
                truth=truth,
                prediction=baseline((truth.shape[0], truth.shape[1]), kind=kind, rng=rng),
                image=image,
            )
            for i, (truth, image) in enumerate(zip(truths, names, strict=True))
        ],
        rules=rules,
    )


def _counted_iou(pair: SegmentationPair, *, rules: Rules) -> float:
    if pair.status == OverlapStatus.MISSING and rules.missing == MissingRule.SKIP:
        return NAN
    if pair.status == OverlapStatus.BOTH_EMPTY and rules.both_empty == BothEmptyRule.ZERO:
        return 0.0
    return pair.iou


def _interval(iou: FloatArray, *, images: Sequence[str] | None, rules: Rules, confidence: float) -> Interval:
    if rules.interval == "t":
        return t_clustered(iou, clusters=images, confidence=confidence)
    known = iou[~np.isnan(iou)]
    return interval_from_moments(
        float(known.mean()) if known.size else NAN,
        standard_deviation=float(known.std(ddof=1)) if known.size > 1 else NAN,
        n=int(known.size),
        method=rules.interval,
        confidence=confidence,
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else NAN


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
    ious: FloatArray,
    *,
    taus: Sequence[float],
    rng: np.random.Generator,
    folds: int = 5,
    images: Sequence[str] | None = None,
) -> ThresholdChoice:
    """The threshold of the highest mean IoU, with its cross-validated value. Ties: the lowest threshold.

    ious: (pairs, taus), as from iou_by_threshold; pairs without an IoU anywhere are left out.
    images: one name per pair; pairs of one image stay in one fold, so that none is judged at a threshold
    that its own image helped to choose.
    """
    if folds < 2:
        raise ValueError(f"cross-validation needs two folds or more, got {folds}")
    known = ~np.isnan(ious).any(axis=1)
    usable = ious[known]
    n = usable.shape[0]
    unit = np.arange(ious.shape[0]) if images is None else cluster_codes(images)
    if unit.size != ious.shape[0]:
        raise ValueError(f"{unit.size} images for {ious.shape[0]} pairs")
    unit = np.unique(unit[known], return_inverse=True)[1]
    n_units = int(unit.max(initial=-1)) + 1
    if n == 0:
        return ThresholdChoice(
            best_tau=NAN, in_sample=NAN, cross_validated=NAN, taus=tuple(taus),
            miou_by_tau=(NAN,) * len(taus), reason="no pair with a truth mask",
        )  # fmt: skip
    means = usable.mean(axis=0)
    best = int(means.argmax())
    what = "pairs" if images is None else "images"
    held_out, reason = NAN, f"{n_units} {what} are too few for {folds} folds"
    if n_units >= folds:
        fold = (rng.permutation(n_units) % folds)[unit]
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
