"""Which words are in an image: the two with most votes, the majority, and the model of Dawid and Skene.

The model weighs a rater by how often the rater finds what is there and leaves what is not; it is fitted to
every vote of yes or no, over all words of the checklist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from evaluation.dot_figure import DotRow, dot_figure, percent_axis
from evaluation.kinds.presence_answers import Labels, PresenceAnswers
from evaluation.kinds.presence_judging import asked_codes, decided
from evaluation.kinds.report import (
    Block,
    Columns,
    Field,
    Shown,
    Table,
    decimals,
    interval_cells,
    interval_fields,
    shown_count,
    shown_share,
    shown_text,
    table_figure,
)
from evaluation.metrics.intervals import Interval, undefined, wilson
from evaluation.metrics.label_models import NO_LABEL, DawidSkeneLabels, dawid_skene
from evaluation.metrics.tables import BoolArray, IndexArray, RatingTable

# Votes of yes or no that are held one by one: a page has to come within seconds.
MOST_VOTES: Final = 120_000
MODELS: Final = (
    ("correct", "top_two", "two words with most votes"),
    ("correct_majority", "majority", "words that most raters checked"),
    ("correct_dawid_skene", "dawid_skene", "Dawid and Skene's model"),
)
SENSITIVITY: Final = Field(
    "sensitivity", "Chance that the rater checks a word that is there (Dawid and Skene); empty unless fitted."
)
SPECIFICITY: Final = Field(
    "specificity", "Chance that the rater leaves a word that is not there; empty unless fitted."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Votes:
    """Every vote of yes (1) or no (0) of the raters who count.

    unit: (votes,), image * words + word.  rater, said: (votes,).
    """

    unit: IndexArray
    rater: IndexArray
    said: IndexArray
    n_images: int
    n_words: int

    def table(self, rater_ids: tuple[str, ...]) -> RatingTable:
        """The votes as a table of scores; an item is a word of an image that somebody judged."""
        judged, item = np.unique(self.unit, return_inverse=True)
        n = self.unit.size
        return RatingTable(
            item_ids=tuple(map(str, judged.tolist())), rater_ids=rater_ids, groups=("",),
            group_index=np.zeros(judged.size, dtype=np.int64), item_index=item, rater_index=self.rater,
            score=self.said.astype(np.float64), opt_out=np.zeros(n, dtype=np.int8),
            seconds=np.full(n, np.nan), scale=(0.0, 1.0),
        )  # fmt: skip


def n_votes(found: PresenceAnswers, *, rows: BoolArray) -> int:
    """Votes of yes or no in these answers: every word of the checklist in each."""
    return int(rows.sum()) * len(found.vocabulary)


def votes_of(found: PresenceAnswers, *, image: IndexArray, rows: BoolArray, n_images: int) -> Votes | None:
    """The votes of these answers one by one; None where they are too many. image: (answers,)."""
    n_words = len(found.vocabulary)
    if not 0 < n_votes(found, rows=rows) <= MOST_VOTES:
        return None
    places = np.cumsum(rows) - 1
    said = np.zeros((int(rows.sum()), n_words), dtype=np.int64)
    kept = rows[found.answer]
    said[places[found.answer[kept]], found.word[kept]] = 1
    return Votes(
        unit=(image[rows][:, None] * n_words + np.arange(n_words)).ravel(),
        rater=np.repeat(found.answers.rater[rows], n_words),
        said=said.ravel(),
        n_images=n_images,
        n_words=n_words,
    )


def fitted(votes: Votes | None, *, n_raters: int, n: int) -> DawidSkeneLabels:
    """The model of these votes. n: how many there are, also where they are not held."""
    none = np.zeros(0, dtype=np.int64)
    if votes is None:
        model = dawid_skene(none, rater_index=none, label=none, n_items=0, n_raters=n_raters, n_labels=2)
        too_many = f"{n} votes are more than the {MOST_VOTES} it is fitted to"
        return replace(model, reason=too_many) if n else model
    return dawid_skene(
        votes.unit, rater_index=votes.rater, label=votes.said, n_items=votes.n_images * votes.n_words,
        n_raters=n_raters, n_labels=2,
    )  # fmt: skip


def with_models(
    lines: Columns, *, labels: Labels, model: DawidSkeneLabels, vocabulary: tuple[str, ...]
) -> Columns:
    """images.csv with the outcomes of the majority and of the model."""
    asked = asked_codes(lines, vocabulary=vocabulary)
    known, _ = decided(lines, "correct")
    n_words = max(len(vocabulary), 1)
    counts = np.zeros(len(lines) * n_words, dtype=np.int64)
    counts[labels.item * n_words + labels.of_word] = labels.n_votes
    unit = np.arange(len(lines))[:, None] * n_words + np.maximum(asked, 0)
    # Twice the votes against the raters: above a half is yes, below no, equal undecided.
    majority = np.sign(2 * counts[unit] - labels.n_raters[:, None])
    by_model = np.zeros_like(majority)
    if not model.reason:
        by_model = np.choose(model.label[unit] - NO_LABEL, [0, -1, 1])
    return lines.and_also(
        {
            "correct_majority": _both(majority, known=known),
            "correct_dawid_skene": _both(by_model, known=known & (not model.reason)),
        }
    )


def block(lines: Columns, *, model: DawidSkeneLabels, confidence: float) -> Block:
    """Images with both objects by each way of making labels."""
    title = "Images with both objects, by how labels are made"
    usual = decided(lines, "correct")
    rows: list[dict[str, Any]] = []
    for column, name, words in MODELS:
        known, hits = decided(lines, column)
        share = _share(int(hits.sum()), int(known.sum()), model=model, name=name, confidence=confidence)
        rows.append(
            {
                "model": name, "words": words, "n_images": int(known.sum()), "n_correct": int(hits.sum()),
                "n_undecided": int((usual[0] & ~known).sum()),
                "n_other": int((known & usual[0] & (hits != usual[1])).sum()), "share": share,
            }
        )  # fmt: skip
    drawing = dot_figure(
        [
            DotRow(label=row["words"], value=row["share"], detail=f"{row['n_correct']} of {row['n_images']}")
            for row in rows
        ],
        axis=percent_axis("images with both objects"),
        figure_id="label-models",
        title=title,
        confidence=confidence,
    )
    figure = table_figure(
        "label_models", title, drawing, header=("model", "share", "low", "high", "n_correct", "n_images"),
        rows=[(row["model"], row["share"].estimate, row["share"].low, row["share"].high, row["n_correct"],
               row["n_images"]) for row in rows],
    )  # fmt: skip
    return Block(
        title="Other ways to make labels",
        figure=figure if usual[0].any() else None,
        tables=(_table(rows),),
        note=_note(model),
    )


def rater_columns(
    model: DawidSkeneLabels, *, n_raters: int
) -> tuple[list[tuple[Field, Sequence[Any]]], tuple[Shown, ...]]:
    """The model's two chances of each rater, for raters.csv and the page."""
    if model.reason:
        empty = [float("nan")] * n_raters
        return [(SENSITIVITY, empty), (SPECIFICITY, empty)], ()
    found: list[tuple[Field, Sequence[Any]]] = [
        (SENSITIVITY, model.confusion[:, 1, 1].tolist()),
        (SPECIFICITY, model.confusion[:, 0, 0].tolist()),
    ]
    return found, (
        Shown("Finds what is there", lambda line: decimals(line["sensitivity"]) or "–"),
        Shown("Leaves what is not", lambda line: decimals(line["specificity"]) or "–"),
    )


def words_table(
    lines: Columns, *, labels: Labels, model: DawidSkeneLabels, vocabulary: tuple[str, ...]
) -> Table:
    """word_labels.csv: every word of an image that anybody checked, with the probability that it is there."""
    items = np.array(lines.column("item"), dtype=object)
    wanted = np.array([status != "filtered out" for status in lines.column("status")], dtype=bool)
    kept = wanted[labels.item] if labels.item.size else np.zeros(0, dtype=bool)
    item, word, votes = labels.item[kept], labels.of_word[kept], labels.n_votes[kept]
    unit = item * max(len(vocabulary), 1) + word
    total = labels.n_raters[item]
    probability = np.full(unit.size, np.nan) if model.reason else model.probability[unit, 1]
    columns: dict[str, Sequence[Any]] = {
        "item": items[item].tolist(),
        "word": np.array([*vocabulary, ""], dtype=object)[word].tolist(),
        "n_checked": votes.tolist(),
        "n_answers": total.tolist(),
        "majority": [None if sign == 0 else sign > 0 for sign in np.sign(2 * votes - total).tolist()],
        "probability": probability.tolist(),
    }
    return Table(
        file="word_labels.csv",
        caption="Words of the images",
        fields=(
            Field("item", "Number of the item."),
            Field("word", "A word that at least one rater who counts checked."),
            Field("n_checked", "Raters who count and checked it."),
            Field("n_answers", "Answers of the raters who count."),
            Field("majority", "1 where most of them checked it, 0 where fewer; empty for a tie."),
            Field("probability", "Probability that it is there (Dawid and Skene); empty unless fitted."),
        ),
        lines=Columns(columns, n=int(unit.size)),
    )


def _both(signs: np.ndarray, *, known: BoolArray) -> list[bool | None]:
    """Yes where both are above 0, no where one is below, None where neither can be said."""
    yes, no = np.asarray((signs > 0).all(axis=1)), np.asarray((signs < 0).any(axis=1))
    return [
        value if here else None
        for value, here in zip(yes.tolist(), (known & (yes | no)).tolist(), strict=True)
    ]  # fmt: skip


def _share(hits: int, total: int, *, model: DawidSkeneLabels, name: str, confidence: float) -> Interval:
    if name == "dawid_skene" and model.reason:
        return undefined(model.reason, method="wilson", confidence=confidence)
    found = wilson(hits, total=total, confidence=confidence)
    return found if total else replace(found, reason="no image with an outcome")


def _note(model: DawidSkeneLabels) -> str:
    words = "The protocol's labels are the first line; the others show how far they decide the result."
    if model.reason:
        return f"{words} Dawid and Skene's model is not fitted: {model.reason}."
    return (
        f"{words} Dawid and Skene's model converged in {model.n_iterations} steps; it takes a rater's chances"
        " to be the same for all words. What it says of each rater is in the table of raters, of each word in"
        " word_labels.csv."
    )


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    return Table(
        file="label_models.csv",
        caption="The figure in numbers",
        fields=(
            Field("model", "top_two, majority, or dawid_skene."),
            *interval_fields("share", "Share of images with both objects (Wilson)"),
            Field("n_images", "Images with a yes or no."),
            Field("n_correct", "Of them with both objects."),
            Field("n_undecided", "Images with an outcome where votes tie."),
            Field("n_other", "Images with another outcome than by the top two."),
        ),
        lines=tuple(
            {name: value for name, value in row.items() if name != "share"}
            | interval_cells("share", row["share"])
            for row in rows
        ),
        shown=(
            shown_text("Labels", "words"),
            *shown_share("Both objects", "share"),
            shown_count("Images", "n_images"),
            shown_count("Undecided", "n_undecided"),
            shown_count("Other than the first", "n_other"),
        ),
    )
