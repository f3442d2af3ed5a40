"""How the maps of a head and its dependent overlap, relation by relation.

    mIoU = mean |A and B| / |A or B|,  mIoD = mean |A and B| / |B|,  mIoH = mean |A and B| / |A|

A is the head's map, B the dependent's. mIoD > mIoH: the head's map contains the dependent's. The difference
is tested by a paired t clustered by image, Holm's correction over the relations, Wilcoxon's test beside it.
Source: Tang et al. 2023, sec. 4, table 2, app. B.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.metrics.clustered import t_clustered
from evaluation.metrics.intervals import NAN, Interval
from evaluation.metrics.overlap import OverlapStatus, PairCounts
from evaluation.metrics.tests import TestResult, holm, paired_t, wilcoxon

ALL_PAIRS = "(all head-dependent pairs)"
UNRELATED, COREFERENT = "unrelated", "coreferent"


@dataclass(frozen=True, kw_only=True)
class RelationOverlap:
    """One relation. counts: pairs by status, the head being the first map (EMPTY_TRUTH: the head's is empty).

    miou: over the pairs with an IoU.  miod, mioh, difference, wilcoxon: over the pairs where both maps have
    pixels.  difference: IoD - IoH.  p_holm: NaN for a baseline, which is outside the family of tests.
    verdict: in words.
    """

    relation: str
    is_baseline: bool
    n_pairs: int
    n_images: int
    counts: dict[OverlapStatus, int]
    miou: Interval
    miod: Interval
    mioh: Interval
    difference: TestResult
    wilcoxon: TestResult
    p_holm: float
    verdict: str


def overlap_by_relation(
    counts: PairCounts,
    *,
    relations: Sequence[str],
    images: Sequence[str],
    baselines: Collection[str] = (UNRELATED, COREFERENT),
    alpha: float = 0.01,
    confidence: float = 0.95,
) -> tuple[RelationOverlap, ...]:
    """One row per relation in order of first appearance, then one for all pairs that are no baseline.

    counts: one entry per pair, head first. ValueError where relations or images have another length.
    """
    n = counts.both.size
    if len(relations) != n or len(images) != n:
        raise ValueError(f"{len(relations)} relations and {len(images)} images for {n} pairs")
    of_pair = np.array(relations, dtype=object)
    drafts = [
        _row(
            relation,
            counts=counts,
            rows=np.flatnonzero(of_pair == relation),
            images=images,
            is_baseline=relation in baselines,
            confidence=confidence,
        )
        for relation in dict.fromkeys(relations)
    ]
    family = [i for i, draft in enumerate(drafts) if not draft.is_baseline]
    corrected = holm([drafts[i].difference.p_value for i in family])
    for i, p in zip(family, corrected, strict=True):
        drafts[i] = replace(
            drafts[i], p_holm=float(p), verdict=_verdict(drafts[i], p_value=float(p), alpha=alpha)
        )
    together = np.flatnonzero([relation not in baselines for relation in relations])
    if together.size:
        drafts.append(
            _row(
                ALL_PAIRS,
                counts=counts,
                rows=together,
                images=images,
                is_baseline=True,
                confidence=confidence,
            )
        )
    return tuple(drafts)


def _row(
    relation: str,
    *,
    counts: PairCounts,
    rows: np.ndarray,
    images: Sequence[str],
    is_baseline: bool,
    confidence: float,
) -> RelationOverlap:
    own = PairCounts(
        both=counts.both[rows], first=counts.first[rows], second=counts.second[rows], pixels=counts.pixels
    )
    image = [images[i] for i in rows]
    statuses = own.statuses()
    both_drawn = np.array([status == OverlapStatus.OK for status in statuses], dtype=bool)
    iod = np.where(both_drawn, own.inter_over_second(), NAN)
    ioh = np.where(both_drawn, own.inter_over_first(), NAN)
    draft = RelationOverlap(
        relation=relation,
        is_baseline=is_baseline,
        n_pairs=int(rows.size),
        n_images=len(set(image)),
        counts={status: statuses.count(status) for status in OverlapStatus},
        miou=t_clustered(own.iou(), clusters=image, confidence=confidence),
        miod=t_clustered(iod, clusters=image, confidence=confidence),
        mioh=t_clustered(ioh, clusters=image, confidence=confidence),
        difference=paired_t(iod, ioh, clusters=image, confidence=confidence),
        wilcoxon=wilcoxon(iod, ioh),
        p_holm=NAN,
        verdict="",
    )
    return replace(draft, verdict="baseline, not tested") if is_baseline else draft


def _verdict(row: RelationOverlap, *, p_value: float, alpha: float) -> str:
    if row.difference.reason:
        return f"can't be told: {row.difference.reason}"
    if not p_value < alpha:
        return "neither map is seen to contain the other"
    if row.difference.effect.estimate > 0:
        return "the head's map contains the dependent's"
    return "the dependent's map contains the head's"
