"""One word of one image measured: the raters' masks against each other, and the word's maps against them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import Any, Final

import numpy as np

from annotation import coco_rle
from evaluation.kinds.answers import Given
from evaluation.metrics.intervals import NAN
from evaluation.metrics.overlap import binarise, count_pairs
from evaluation.metrics.resizing import resize_bicubic
from evaluation.metrics.segmentation import (
    Baseline,
    SegmentationPair,
    baseline,
    compare,
    iou_by_threshold,
)
from evaluation.metrics.tables import BoolArray, FloatArray

TAUS: Final = tuple(round(0.05 * step, 2) for step in range(1, 20))
WHOLE, STEP, LAYER = "whole", "step", "layer"
# Results of whole items, by what went in: a page that is opened again measures nothing again.
MOST_REMEMBERED: Final = 20_000


class Truth(StrEnum):
    """Which pixels count as the object: inside the masks of most raters, of any, or of all."""

    MAJORITY = "majority"
    UNION = "union"
    INTERSECTION = "intersection"


class ItemStatus(StrEnum):
    """Whether an item has a truth."""

    OK = "ok"
    NO_ANSWER = "no answer"
    NOT_IN_IMAGE = "not in the image"


@dataclass(frozen=True, kw_only=True)
class MaskSettings:
    """tau: share of the peak at which a map is cut.  seed: of the random baseline and of the folds."""

    confidence: float = 0.95
    truth: Truth = Truth.MAJORITY
    tau: float = 0.4
    seed: int = 2023


@dataclass(frozen=True, kw_only=True)
class MeasuredItem:
    """One item. agreement: mean IoU of all pairs of raters' masks; NaN below two masks.

    pair: the map against the truth.  baselines: predictions that know nothing.  by_tau: (TAUS,) IoU.
    steps, layers: IoU of the map of each, by name; empty where the maps were not taken apart.
    """

    status: ItemStatus
    n_masks: int = 0
    n_absent: int = 0
    agreement: float = NAN
    truth_pixels: int = 0
    pair: SegmentationPair | None = None
    baselines: Mapping[Baseline, SegmentationPair] = field(default_factory=dict)
    by_tau: tuple[float, ...] = ()
    steps: Mapping[str, float] = field(default_factory=dict)
    layers: Mapping[str, float] = field(default_factory=dict)


_remembered: dict[bytes, MeasuredItem] = {}


def measure(
    given: Mapping[str, Any], *, answers: Sequence[Given], maps: Sequence[Mapping[str, Any]],
    settings: MaskSettings,
) -> MeasuredItem:  # fmt: skip
    """The item with its answers that count and the lines of its maps."""
    drawn = [answer["segmentation"] for answer in answers if answer["segmentation"]]
    key = hashlib.sha256(
        repr((given["item"], given["image_sha256"], len(answers), drawn, maps, settings)).encode()
    ).digest()
    if key not in _remembered:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        masks = [coco_rle.decode(rle["counts"], height=rle["size"][0], width=rle["size"][1]) for rle in drawn]
        _remembered[key] = _measured(given, masks, n_answers=len(answers), maps=maps, settings=settings)
    return _remembered[key]


def packed(word_map: FloatArray) -> dict[str, Any]:
    """A raw map (height, width) as a line of word_maps.jsonl holds it: half floats of the largest value."""
    scale = float(np.abs(word_map).max()) or 1.0
    small = (word_map / scale).astype("<f2")
    return {
        "height": int(word_map.shape[0]),
        "width": int(word_map.shape[1]),
        "scale": scale,
        "float16": base64.b64encode(small.tobytes()).decode(),
    }


def unpacked(line: Mapping[str, Any]) -> FloatArray:
    """The raw map of a line, from 0 up: enlarging with a cubic kernel leaves values a little below."""
    small = np.frombuffer(base64.b64decode(line["float16"]), dtype="<f2")
    raw = small.astype(np.float64).reshape(line["height"], line["width"]) * line["scale"]
    return np.asarray(np.maximum(raw, 0.0))


def consensus(masks: Sequence[BoolArray], *, n_raters: int, truth: Truth) -> BoolArray:
    """The pixels that count as the object. A rater who found nothing has an empty mask."""
    inside = np.sum(masks, axis=0, dtype=np.int64)
    least = {Truth.MAJORITY: n_raters // 2 + 1, Truth.UNION: 1, Truth.INTERSECTION: n_raters}[truth]
    return np.asarray(inside >= least)


def pairwise_iou(masks: Sequence[BoolArray]) -> float:
    """Mean IoU of all pairs of masks; NaN below two."""
    pairs = list(combinations(masks, 2))
    if not pairs:
        return NAN
    return float(np.mean([count_pairs(first, second).iou()[0] for first, second in pairs]))


def _measured(
    given: Mapping[str, Any], masks: Sequence[BoolArray], *, n_answers: int,
    maps: Sequence[Mapping[str, Any]], settings: MaskSettings,
) -> MeasuredItem:  # fmt: skip
    n_absent = n_answers - len(masks)
    if not n_answers:
        return MeasuredItem(status=ItemStatus.NO_ANSWER)
    agreement = pairwise_iou(masks)
    truth = consensus(masks, n_raters=n_answers, truth=settings.truth) if masks else np.zeros((1, 1), bool)
    if not truth.any():
        return MeasuredItem(
            status=ItemStatus.NOT_IN_IMAGE, agreement=agreement, n_masks=len(masks), n_absent=n_absent
        )
    shape = (truth.shape[0], truth.shape[1])
    soft = {
        (line["source"], line["name"]): resize_bicubic(unpacked(line), shape=shape) for line in maps
    }  # fmt: skip
    whole = soft.get((WHOLE, ""))
    image = given["image_sha256"]
    rng = np.random.default_rng([settings.seed, int(given["item"])])
    return MeasuredItem(
        status=ItemStatus.OK,
        n_masks=len(masks),
        n_absent=n_absent,
        agreement=agreement,
        truth_pixels=int(truth.sum()),
        pair=compare(
            given["item"],
            truth=truth,
            prediction=None if whole is None else binarise(whole, tau=settings.tau),
            image=image,
        ),
        baselines={
            kind: compare(
                given["item"], truth=truth, prediction=baseline(shape, kind=kind, rng=rng), image=image
            )
            for kind in Baseline
        },
        by_tau=() if whole is None else tuple(iou_by_threshold(whole, truth=truth, taus=TAUS).tolist()),
        steps=_part_ious(soft, STEP, truth=truth, tau=settings.tau),
        layers=_part_ious(soft, LAYER, truth=truth, tau=settings.tau),
    )


def _part_ious(
    soft: Mapping[tuple[str, str], FloatArray], source: str, *, truth: BoolArray, tau: float
) -> dict[str, float]:
    """IoU by the name of a step or layer, and of the whole map beside them."""
    names = [name for kind, name in soft if kind == source]
    if not names:
        return {}
    wanted = {name: soft[source, name] for name in names} | {WHOLE: soft[WHOLE, ""]}
    return {
        name: float(count_pairs(truth, binarise(word_map, tau=tau)).iou()[0])
        for name, word_map in wanted.items()
    }
