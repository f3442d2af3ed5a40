"""Average precision over IoU thresholds 0.50, 0.55 .. 0.95, through pycocotools only.

One (image, word) pair has at most one truth, the union of the word's instances, and at most one prediction,
the binarised map. Its score is the mean heat inside the mask. pycocotools is loaded when asked for: a web
server does without it.
Source: Lin et al. 2014; Tang et al. 2022 (first version), table 1 (AP80 and AP-infinity).
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from evaluation.metrics.intervals import NAN
from evaluation.metrics.tables import BoolArray, FloatArray

SCORE_RULE = "mean heat inside the mask"
# IoU thresholds and recalls at which the library reads precision.
CURVES = (10, 101)


class Classes(StrEnum):
    """BINARY: every word is the same class, so that any prediction of an image may match any of its truths.

    MULTICLASS: AP of each word on its own, then the mean over words.
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"


class MissingLibraryError(ImportError):
    """pycocotools is not installed; the message says how to get it."""


@dataclass(frozen=True, kw_only=True)
class EncodedMask:
    """A mask in COCO's compressed run-length encoding: many fit into memory. area: its pixels."""

    counts: str
    height: int
    width: int
    area: int


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentedWord:
    """One (image, word). truth: None or without pixels where the word is not in the image.

    prediction: None or without pixels where the system drew nothing.  score: how sure the system is.
    instance: tells a word that stands twice in a prompt apart from itself.
    """

    image: str
    word: str
    truth: BoolArray | EncodedMask | None
    prediction: BoolArray | EncodedMask | None
    score: float
    instance: str = ""


@dataclass(frozen=True, kw_only=True)
class AveragePrecision:
    """ap: over all ten thresholds; ap50, ap75: at one.  by_word: AP of each word that has a truth (under
    BINARY none).  score_rule: how predictions were ranked; AP depends on it.
    precision: (10 thresholds, 101 recalls), the curves behind AP, of several words their mean; NaN without a
    truth."""

    ap: float
    ap50: float
    ap75: float
    by_word: dict[str, float]
    classes: Classes
    score_rule: str
    n_images: int
    n_truths: int
    n_predictions: int
    reason: str = ""
    precision: FloatArray = field(default_factory=lambda: np.full(CURVES, NAN), compare=False, repr=False)


def mean_heat_inside(word_map: FloatArray, *, mask: BoolArray) -> float:
    """Mean of the map over the mask, the rank of a prediction; NaN for a mask without pixels."""
    if word_map.shape != mask.shape:
        raise ValueError(f"map {word_map.shape} and mask {mask.shape} differ; resize the map first")
    return float(word_map[mask].mean()) if mask.any() else NAN


def average_precision(
    words: Sequence[SegmentedWord],
    *,
    classes: Classes = Classes.MULTICLASS,
    score_rule: str = SCORE_RULE,
) -> AveragePrecision:
    """AP of the predictions. MissingLibraryError without pycocotools; ValueError for a pair given twice,
    masks of one image with different shapes, or a prediction without a finite score."""
    shapes = _checked_shapes(words)
    truths = [w for w in words if _area(w.truth)]
    predictions = [w for w in words if _area(w.prediction)]
    labels = list(dict.fromkeys(w.word for w in words)) if classes == Classes.MULTICLASS else [""]
    values = dict.fromkeys(labels, (NAN, NAN, NAN))
    curves = np.full(CURVES, NAN)
    if truths:
        precision = _evaluate(shapes, truths=truths, predictions=predictions, labels=labels)
        values = {label: _means(precision[:, :, k]) for k, label in enumerate(labels)}
        # The library writes -1 where a label has no truth.
        curves = precision[:, :, (precision >= 0).all(axis=(0, 1))].mean(axis=2)
    known = [value for value in values.values() if not np.isnan(value[0])]
    ap, ap50, ap75 = (float(np.mean(column)) for column in zip(*known, strict=True)) if known else (NAN,) * 3
    by_word = {label: value[0] for label, value in values.items() if label and not np.isnan(value[0])}
    return AveragePrecision(
        ap=ap,
        ap50=ap50,
        ap75=ap75,
        by_word=by_word,
        classes=classes,
        score_rule=score_rule,
        n_images=len({w.image for w in words}),
        n_truths=len(truths),
        n_predictions=len(predictions),
        reason="" if truths else "no truth mask",
        precision=curves,
    )


def _checked_shapes(words: Sequence[SegmentedWord]) -> dict[str, tuple[int, ...]]:
    """The shape of each image's masks."""
    pairs = {(w.image, w.word, w.instance) for w in words}
    if len(pairs) != len(words):
        raise ValueError("an (image, word) pair is given twice; merge its instances by union")
    shapes: dict[str, tuple[int, ...]] = {}
    for word in words:
        for mask in (word.truth, word.prediction):
            if mask is None:
                continue
            if isinstance(mask, EncodedMask):
                if shapes.setdefault(word.image, (mask.height, mask.width)) != (mask.height, mask.width):
                    raise ValueError(f"masks of image {word.image!r} differ in shape")
                continue
            if mask.dtype != np.bool_:
                raise ValueError("masks are booleans; binarise maps first")
            if mask.ndim != 2 or shapes.setdefault(word.image, mask.shape) != mask.shape:
                raise ValueError(f"masks of image {word.image!r} differ in shape")
        if _area(word.prediction) and not np.isfinite(word.score):
            raise ValueError(f"the prediction of {word.word!r} in {word.image!r} has no finite score")
    return shapes


def _evaluate(
    shapes: dict[str, tuple[int, ...]],
    *,
    truths: Sequence[SegmentedWord],
    predictions: Sequence[SegmentedWord],
    labels: Sequence[str],
) -> FloatArray:
    """(thresholds, recalls, labels): precision; -1 throughout for a label without a truth."""
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise MissingLibraryError(
            "average precision needs pycocotools; install it with: pip install -r requirements.txt"
        ) from error
    image_of = {image: i + 1 for i, image in enumerate(shapes)}
    images = [{"id": i + 1, "height": h, "width": w} for i, (h, w) in enumerate(shapes.values())]
    label_of = {label: i + 1 for i, label in enumerate(labels)}
    # The library prints its progress.
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for side, of in ((truths, "truth"), (predictions, "prediction")):
            coco = COCO()
            coco.dataset = {
                "images": images,
                "categories": [{"id": i, "name": label} for label, i in label_of.items()],
                "annotations": _annotations(side, of=of, image_of=image_of, label_of=label_of),
            }
            coco.createIndex()
            sides.append(coco)
        run = COCOeval(*sides, iouType="segm")
        run.params.maxDets = [max(len(predictions), 1)]
        run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
        run.evaluate()
        run.accumulate()
    precision: FloatArray = run.eval["precision"][:, :, :, 0, 0]
    return precision


def _area(mask: BoolArray | EncodedMask | None) -> int:
    """Pixels inside."""
    if mask is None:
        return 0
    return mask.area if isinstance(mask, EncodedMask) else int(mask.sum())


def _annotations(
    words: Sequence[SegmentedWord], *, of: str, image_of: dict[str, int], label_of: dict[str, int]
) -> list[dict[str, Any]]:
    from pycocotools import mask as coco_mask

    rows = []
    for number, word in enumerate(words):
        mask = getattr(word, of)
        encoded = (
            {"size": [mask.height, mask.width], "counts": mask.counts.encode()}
            if isinstance(mask, EncodedMask)
            else coco_mask.encode(np.asfortranarray(mask.view(np.uint8)))
        )
        rows.append(
            {
                "id": number + 1,
                "image_id": image_of[word.image],
                "category_id": label_of.get(word.word, 1),
                "segmentation": encoded,
                "area": float(coco_mask.area(encoded)),
                "bbox": coco_mask.toBbox(encoded).tolist(),
                "iscrowd": 0,
                "score": float(word.score),
            }
        )
    return rows


def _means(precision: FloatArray) -> tuple[float, float, float]:
    """Over all thresholds, at 0.50, at 0.75; the library writes -1 where a label has no truth."""
    rows = (precision, precision[0], precision[5])
    ap, ap50, ap75 = (NAN if (part < 0).all() else float(part[part >= 0].mean()) for part in rows)
    return ap, ap50, ap75
