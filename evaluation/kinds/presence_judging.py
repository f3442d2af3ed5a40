"""images.csv: of every image what is known before any answer, and what the answers say of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import numpy as np

from evaluation.kinds.presence_answers import NO_WORD, Labels
from evaluation.kinds.report import Columns, Field
from evaluation.metrics.tables import BoolArray, FloatArray, IndexArray

NO_RELATION: Final = "(no relation)"
GIVEN: Final = (
    Field("item", "Number of the item; joins presence.csv."),
    Field("prompt", "The prompt."),
    Field("seed", "Seed of the image's noise."),
    Field("image_sha256", "SHA-256 of the image file."),
    Field("relation", "Column 'relation' of the prompt's row; may be empty."),
    Field("first_asked", "The word of the checklist that the prompt names first; may be empty."),
    Field("second_asked", "The one that it names second; may be empty."),
    Field("n_asked", "Words of the checklist in the prompt; accuracy needs two."),
    Field("map_iou", "IoU of the two words' maps at tau 0.4; empty where there is none."),
)
RESULTS: Final = (
    Field("status", "ok, no answer, not two words, or filtered out."),
    Field("n_answers", "Answers of the raters who count."),
    Field("n_none", "Of them 'none of these'."),
    Field("first_label", "Word with most votes."),
    Field("second_label", "The next."),
    Field("first_votes", "Votes of the first label."),
    Field("second_votes", "Votes of the second."),
    Field("tied", "1 where the order of submission broke a tie for the second place."),
    Field("correct", "1 where both asked words are the labels; empty unless the status is ok."),
    Field("correct_majority", "1 where most raters checked both asked words; empty where votes tie."),
    Field("correct_dawid_skene", "The same by the model of Dawid and Skene; empty where it has no label."),
)


class Status(StrEnum):
    """Whether an image has an outcome."""

    OK = "ok"
    NO_ANSWER = "no answer"
    NOT_TWO = "not two words"
    FILTERED = "filtered out"


def judged(images: Columns, *, labels: Labels, vocabulary: tuple[str, ...], wanted: BoolArray) -> Columns:
    """The lines of images.csv but for the label models. wanted: (images,), what the filters leave."""
    asked = asked_codes(images, vocabulary=vocabulary)
    two = np.array(images.column("n_asked"), dtype=object) == "2"
    found = (asked[:, :, None] == labels.word[:, None, :]) & (asked[:, :, None] != NO_WORD)
    ok = wanted & (labels.n_raters > 0) & two
    words = np.array([*vocabulary, ""], dtype=object)
    status = np.select(
        [~wanted, labels.n_raters == 0, ~two], [Status.FILTERED, Status.NO_ANSWER, Status.NOT_TWO], Status.OK
    )
    first, second = (labels.votes[:, place] for place in (0, 1))
    return images.and_also(
        {
            "seed": [int(seed) for seed in images.column("seed")],
            "n_asked": [int(n) for n in images.column("n_asked")],
            "map_iou": [float(iou or "nan") for iou in images.column("map_iou")],
            "status": status.tolist(),
            "n_answers": _unless_filtered(labels.n_raters, wanted),
            "n_none": _unless_filtered(labels.n_none, wanted),
            "first_label": np.where(wanted, words[labels.word[:, 0]], "").tolist(),
            "second_label": np.where(wanted, words[labels.word[:, 1]], "").tolist(),
            "first_votes": _or_none(first, known=wanted & (first > 0)),
            "second_votes": _or_none(second, known=wanted & (second > 0)),
            "tied": _or_none(labels.tied, known=wanted),
            "correct": _or_none(found.any(axis=2).all(axis=1), known=ok),
        }
    )


def asked_codes(images: Columns, *, vocabulary: tuple[str, ...]) -> IndexArray:
    """(images, 2): the asked words' places in the checklist, NO_WORD where there is none."""
    code = {word: place for place, word in enumerate(vocabulary)}
    names = ("first_asked", "second_asked")
    found = [[code.get(word, NO_WORD) for word in images.column(name)] for name in names]
    return np.array(found, dtype=np.int64).T.reshape(-1, 2)


def decided(lines: Columns, name: str) -> tuple[BoolArray, BoolArray]:
    """(images with a yes or no in this column, images with a yes)."""
    column = lines.column(name)
    return (
        np.array([value is not None for value in column], dtype=bool),
        np.array([value is True for value in column], dtype=bool),
    )


def map_ious(lines: Columns) -> FloatArray:
    """(images,) overlap of the two words' maps, NaN where there is none."""
    return np.asarray(lines.column("map_iou"), dtype=np.float64)


def _unless_filtered(counts: IndexArray, wanted: BoolArray) -> list[int]:
    return [int(n) for n in np.where(wanted, counts, 0)]


def _or_none(values: Any, *, known: BoolArray) -> list[Any]:
    return [value if here else None for value, here in zip(values.tolist(), known.tolist(), strict=True)]
