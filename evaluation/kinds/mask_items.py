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
from evaluation.metrics.average_precision import EncodedMask, mean_heat_inside
from evaluation.metrics.intervals import NAN
from evaluation.metrics.overlap import binarise, count_pairs
from evaluation.metrics.resizing import resize_bicubic
from evaluation.metrics.segmentation import (
    OUR_RULES,
    PUBLISHED_CODE,
    Baseline,
    Rules,
    SegmentationPair,
    baseline,
    compare,
    iou_by_threshold,
)
from evaluation.metrics.tables import BoolArray, FloatArray
from evaluation.settings import Only

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

    FILTERED = "filtered out"
    OK = "ok"
    NO_ANSWER = "no answer"
    NOT_IN_IMAGE = "not in the image"


class Absent(StrEnum):
    """What a mask against nothing drawn is to the raters' agreement: an IoU of 0, or nothing."""

    COUNT = "count"
    SKIP = "skip"


class Counting(StrEnum):
    """How words become an mIoU: ours, or as the published code counts (`segmentation.PUBLISHED_CODE`)."""

    OURS = "ours"
    PUBLISHED = "published_code"

    @property
    def rules(self) -> Rules:
        """The rules of `evaluation.metrics.segmentation`."""
        return OUR_RULES if self == Counting.OURS else PUBLISHED_CODE


@dataclass(frozen=True, kw_only=True)
class MaskSettings:
    """tau: share of the peak at which a map is cut.  seed: of the random baseline, of the folds and of the
    bootstrap of agreement.  only: filters by group."""

    confidence: float = 0.95
    truth: Truth = Truth.MAJORITY
    tau: float = 0.4
    seed: int = 2023
    only: tuple[Only, ...] = ()
    absent: Absent = Absent.COUNT
    counting: Counting = Counting.OURS


@dataclass(frozen=True, kw_only=True)
class MeasuredItem:
    """One item. agreement: mean IoU of all pairs of raters, see `pairwise_iou`; NaN without such a pair.

    pair: the map against the truth.  baselines: predictions that know nothing.  by_tau: (TAUS,) IoU.
    steps, layers: IoU of the map of each, by name; empty where the maps were not taken apart.
    truth, drawn: the region of the raters and of the whole map; None without one.  heat: mean of the map in
    its region, NaN without one.
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
    truth: EncodedMask | None = None
    drawn: EncodedMask | None = None
    heat: float = NAN


_remembered: dict[bytes, MeasuredItem] = {}


def measure(
    given: Mapping[str, Any], *, answers: Sequence[Given], maps: Sequence[Mapping[str, Any]],
    settings: MaskSettings, shape: tuple[int, int],
) -> MeasuredItem:  # fmt: skip
    """The item with its answers that count and the lines of its maps.

    shape: (height, width) of the image, for where nobody drew.
    """
    drawn = [answer["segmentation"] for answer in answers if answer["segmentation"]]
    key = hashlib.sha256(
        repr((given["item"], given["image_sha256"], len(answers), drawn, maps, settings, shape)).encode()
    ).digest()
    if key not in _remembered:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        masks = [coco_rle.decode(rle["counts"], height=rle["size"][0], width=rle["size"][1]) for rle in drawn]
        _remembered[key] = _measured(
            given, masks, n_answers=len(answers), maps=maps, settings=settings, shape=shape
        )
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


def pairwise_iou(masks: Sequence[BoolArray], *, n_absent: int, absent: Absent) -> float:
    """Mean IoU of all pairs of raters of whom one drew; NaN without such a pair.

    n_absent: raters who found nothing to draw. A mask against nothing is 0, or left out (`absent`); two
    raters without a mask agree, but an IoU of nothing with nothing is not defined.
    """
    found = [float(count_pairs(first, second).iou()[0]) for first, second in combinations(masks, 2)]
    if absent == Absent.COUNT:
        found += [0.0] * (len(masks) * n_absent)
    return float(np.mean(found)) if found else NAN


def _measured(
    given: Mapping[str, Any], masks: Sequence[BoolArray], *, n_answers: int,
    maps: Sequence[Mapping[str, Any]], settings: MaskSettings, shape: tuple[int, int],
) -> MeasuredItem:  # fmt: skip
    n_absent = n_answers - len(masks)
    if not n_answers:
        return MeasuredItem(status=ItemStatus.NO_ANSWER)
    agreement = pairwise_iou(masks, n_absent=n_absent, absent=settings.absent)
    truth = consensus(masks, n_raters=n_answers, truth=settings.truth) if masks else np.zeros(shape, bool)
    shape = (truth.shape[0], truth.shape[1])
    is_there = bool(truth.any())
    # Of a word that is not there only the whole map matters: as a false find.
    soft = {
        (line["source"], line["name"]): resize_bicubic(unpacked(line), shape=shape)
        for line in maps
        if is_there or line["source"] == WHOLE
    }
    whole = soft.get((WHOLE, ""))
    drawn = None if whole is None else binarise(whole, tau=settings.tau)
    heat = NAN if whole is None or drawn is None else mean_heat_inside(whole, mask=drawn)
    if not is_there:
        return MeasuredItem(
            status=ItemStatus.NOT_IN_IMAGE, agreement=agreement, n_masks=len(masks), n_absent=n_absent,
            drawn=encoded(drawn), heat=heat,
        )  # fmt: skip
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
            prediction=drawn,
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
        truth=encoded(truth),
        drawn=encoded(drawn),
        heat=heat,
    )


def encoded(mask: BoolArray | None) -> EncodedMask | None:
    """The mask in few bytes; None for None."""
    if mask is None:
        return None
    height, width = mask.shape
    return EncodedMask(
        counts=coco_rle.encode(mask), height=int(height), width=int(width), area=int(mask.sum())
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
