"""Does overlap of two words' maps go with missing objects? Accuracy by overlap, overlap by correctness.

Source: Tang et al. 2023, sec. 5.1, fig. 6. The exact tests compare low with high overlap within a relation,
with Holm's correction over the relations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.clustered import t_clustered
from evaluation.metrics.intervals import Interval, IntervalMethod, share_interval
from evaluation.metrics.presence import OverlapGroup, overlap_group
from evaluation.metrics.tests import ExactTest, TestResult, compare_shares, holm


@dataclass(frozen=True, kw_only=True)
class JoinedOutcome:
    """One image with the IoU of its two words' maps at tau 0.4; NaN where that is undefined."""

    image: str
    relation: str
    correct: bool
    iou: float


@dataclass(frozen=True, kw_only=True)
class OverlapAccuracy:
    """Accuracy of the images of one relation in one overlap group."""

    relation: str
    group: OverlapGroup
    n_images: int
    n_correct: int
    accuracy: Interval


@dataclass(frozen=True, kw_only=True)
class CorrectnessOverlap:
    """Mean IoU of the correct, or of the incorrect, images of one relation."""

    relation: str
    correct: bool
    n_images: int
    n_undefined: int
    miou: Interval


@dataclass(frozen=True, kw_only=True)
class OverlapEffect:
    """Low against high overlap within a relation; the effect is the difference of their accuracies."""

    relation: str
    test: TestResult
    p_holm: float


def accuracy_by_overlap(
    outcomes: Sequence[JoinedOutcome],
    *,
    method: str = IntervalMethod.WILSON,
    confidence: float = 0.95,
) -> tuple[OverlapAccuracy, ...]:
    """Every relation times low, mid, high; a group without images has a reason instead of an accuracy."""
    rows = []
    for relation in _relations(outcomes):
        for group in OverlapGroup:
            hits = _hits(outcomes, relation=relation, group=group)
            rows.append(
                OverlapAccuracy(
                    relation=relation,
                    group=group,
                    n_images=len(hits),
                    n_correct=sum(hits),
                    accuracy=share_interval(sum(hits), total=len(hits), method=method, confidence=confidence),
                )
            )
    return tuple(rows)


def overlap_by_correctness(
    outcomes: Sequence[JoinedOutcome], *, confidence: float = 0.95
) -> tuple[CorrectnessOverlap, ...]:
    """Every relation times correct and incorrect, with the mean IoU of its images."""
    rows = []
    for relation in _relations(outcomes):
        for correct in (True, False):
            own = [o.iou for o in outcomes if o.relation == relation and o.correct == correct]
            ious = np.array(own, dtype=np.float64)
            rows.append(
                CorrectnessOverlap(
                    relation=relation,
                    correct=correct,
                    n_images=len(own),
                    n_undefined=int(np.isnan(ious).sum()),
                    miou=t_clustered(ious, confidence=confidence),
                )
            )
    return tuple(rows)


def overlap_effects(
    outcomes: Sequence[JoinedOutcome], *, test: ExactTest = ExactTest.FISHER, confidence: float = 0.95
) -> tuple[OverlapEffect, ...]:
    """Low against high overlap, relation by relation."""
    relations = _relations(outcomes)
    results = []
    for relation in relations:
        low, high = (
            _hits(outcomes, relation=relation, group=group) for group in (OverlapGroup.LOW, OverlapGroup.HIGH)
        )
        results.append(
            compare_shares((sum(low), len(low)), (sum(high), len(high)), test=test, confidence=confidence)
        )
    corrected = holm([result.p_value for result in results])
    return tuple(
        OverlapEffect(relation=relation, test=result, p_holm=float(p))
        for relation, result, p in zip(relations, results, corrected, strict=True)
    )


def _relations(outcomes: Sequence[JoinedOutcome]) -> list[str]:
    return list(dict.fromkeys(outcome.relation for outcome in outcomes))


def _hits(outcomes: Sequence[JoinedOutcome], *, relation: str, group: OverlapGroup) -> list[bool]:
    return [o.correct for o in outcomes if o.relation == relation and overlap_group(o.iou) == group]
