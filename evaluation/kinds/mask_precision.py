"""Average precision of word maps against raters' masks, as object detectors are judged.

Source: Lin et al. 2014; Tang et al. 2022 (first version), table 1 (AP80 and AP of all words).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from evaluation.kinds.mask_items import MeasuredItem
from evaluation.kinds.report import (
    Block,
    Field,
    Line,
    Table,
    shown_count,
    shown_number,
    shown_text,
    table_figure,
)
from evaluation.metrics.average_precision import (
    AveragePrecision,
    Classes,
    EncodedMask,
    MissingLibraryError,
    SegmentedWord,
    average_precision,
)
from evaluation.metrics.coco_labels import coco_label
from evaluation.precision_figure import PrecisionCurve, precision_figure

Measured = Sequence[tuple[Line, MeasuredItem]]
THRESHOLDS: Final = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
DRAWN: Final = (0.5, 0.75)


def blocks(measured: Measured) -> list[Block]:
    """The section; none without a truth. measured: all words, also those that are not in their image."""
    words = _segmented(measured)
    if not any(word.truth for word in words):
        return []
    coco = [
        (word, label)
        for word, (given, _) in zip(words, _kept(measured), strict=True)
        if (label := coco_label(given["word"], lemma=given["lemma"]))
    ]
    named = [_named(word, label) for word, label in coco]
    asked = (
        ("all words, one class", words, Classes.BINARY),
        ("all words, each its own class", words, Classes.MULTICLASS),
        ("COCO's 80 objects, one class", named, Classes.BINARY),
        ("COCO's 80 objects, each its own class", named, Classes.MULTICLASS),
    )
    try:
        found = [(name, average_precision(own, classes=classes)) for name, own, classes in asked]
    except MissingLibraryError as error:
        return [Block(title="Average precision", note=f"Not computed: {error}")]
    return [_block(found)]


def _kept(measured: Measured) -> list[tuple[Line, MeasuredItem]]:
    return [(given, item) for given, item in measured if item.truth is not None or item.drawn is not None]


def _segmented(measured: Measured) -> list[SegmentedWord]:
    """A word that is not in its image has a map and no truth: a false find."""
    kept = _kept(measured)
    shapes: dict[str, tuple[int, int]] = {}
    for given, item in kept:
        if item.truth is not None:
            shapes.setdefault(given["image_sha256"], _shape(item.truth))
    return [
        SegmentedWord(
            image=given["image_sha256"],
            word=str(given["lemma"] or given["word"]).casefold(),
            truth=_of_shape(item.truth, shapes.get(given["image_sha256"])),
            prediction=_of_shape(item.drawn, shapes.get(given["image_sha256"])),
            score=item.heat,
            instance=str(given["item"]),
        )
        for given, item in kept
    ]


def _shape(mask: EncodedMask) -> tuple[int, int]:
    return mask.height, mask.width


def _of_shape(mask: EncodedMask | None, shape: tuple[int, int] | None) -> EncodedMask | None:
    """The mask unless it is of another size than its image's others, as where nobody drew on an upload."""
    return mask if mask is None or shape is None or _shape(mask) == shape else None


def _named(word: SegmentedWord, label: str) -> SegmentedWord:
    return SegmentedWord(
        image=word.image, word=label, truth=word.truth, prediction=word.prediction, score=word.score,
        instance=word.instance,
    )  # fmt: skip


def _block(found: Sequence[tuple[str, AveragePrecision]]) -> Block:
    title = "Precision and recall of the word maps"
    together = found[0][1]
    curves = [
        PrecisionCurve(
            label=f"IoU from {at:.2f}",
            precision=together.precision[THRESHOLDS.index(at)],
            area=float(together.precision[THRESHOLDS.index(at)].mean()),
        )
        for at in DRAWN
    ]
    curves.append(
        PrecisionCurve(
            label="mean over IoU from 0.50 to 0.95", precision=together.precision.mean(axis=0),
            area=together.ap,
        )
    )  # fmt: skip
    figure = table_figure(
        "precision_recall", title, precision_figure(curves, figure_id="precision-recall", title=title),
        header=("recall", *(f"precision_at_{at:g}" for at in THRESHOLDS)),
        rows=[
            (float(recall), *(float(value) for value in together.precision[:, place]))
            for place, recall in enumerate(np.linspace(0, 1, together.precision.shape[1]))
        ],
    )  # fmt: skip
    return Block(
        title="Average precision",
        figure=figure,
        tables=(_table(found),),
        note=f"Maps are ranked by {together.score_rule}. A find is right when it overlaps what the raters"
        " drew by the IoU that is asked for; words that the raters don't find in their image are false finds."
        " AP is the mean of ten thresholds from 0.50 to 0.95, by pycocotools; it defines no interval.",
    )


def _table(found: Sequence[tuple[str, AveragePrecision]]) -> Table:
    lines: list[dict[str, Any]] = [
        {
            "words": name, "classes": own.classes.value, "ap": own.ap, "ap50": own.ap50, "ap75": own.ap75,
            "score_rule": own.score_rule, "n_images": own.n_images, "n_truths": own.n_truths,
            "n_predictions": own.n_predictions, "undefined_because": own.reason,
        }
        for name, own in found
    ]  # fmt: skip
    return Table(
        file="average_precision.csv",
        caption="Average precision",
        fields=(
            Field("words", "Which words, and as how many classes."),
            Field("classes", "binary: all are one class; multiclass: the mean over words."),
            Field("ap", "Mean over ten IoU thresholds, 0.50 to 0.95. Empty where it is not defined."),
            Field("ap50", "At IoU 0.50."),
            Field("ap75", "At IoU 0.75."),
            Field("score_rule", "How maps were ranked; AP depends on it."),
            Field("n_images", "Images."),
            Field("n_truths", "Words with a region of the raters."),
            Field("n_predictions", "Words with a region of the map."),
            Field("undefined_because", "Why there is none; else empty."),
        ),
        lines=tuple(lines),
        shown=(
            shown_text("Words", "words"),
            shown_number("AP", "ap", digits=3),
            shown_number("AP50", "ap50", digits=3),
            shown_number("AP75", "ap75", digits=3),
            shown_count("Drawn by raters", "n_truths"),
            shown_count("Maps", "n_predictions"),
        ),
    )
