"""Answers of a kind as columns: no Python object per answer, whether they come from the database or a file.

What every kind shares is here: who answered which item in what time, whose answers count, the flow of items
and raters, and the listing of raters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from evaluation.kinds.report import Field, Line, Shown, Table, shown_count, shown_number, shown_text
from evaluation.metrics.counting import numbered
from evaluation.metrics.tables import BoolArray, FloatArray, FlowStep, IndexArray, RatingTable

YES: Final = ("1", True)
FAILED, EXCLUDED = "failed checks", "excluded"
EXCLUDE, FILTER, OUTCOME = "exclude raters", "filter", "outcome"
STEP_WORDS: Final = {
    EXCLUDE: "Raters left out", FILTER: "Filtered by group", OUTCOME: "Items with an outcome",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class AnswerColumns:
    """Standing answers to items that are no checks, in order of submission.

    item, rater: (answers,), into item_ids and rater_ids, which are in order of first appearance.
    seconds: (answers,), from showing to answering.  failed, excluded, simulated: (raters,).
    """

    item_ids: tuple[str, ...]
    rater_ids: tuple[str, ...]
    item: IndexArray
    rater: IndexArray
    seconds: FloatArray
    failed: BoolArray
    excluded: BoolArray
    simulated: BoolArray

    @property
    def counts(self) -> BoolArray:
        """(answers,), whether the answer is of a rater who counts."""
        return ~(self.failed | self.excluded)[self.rater]

    @property
    def n(self) -> int:
        """Answers."""
        return int(self.item.size)


class ColumnBuilder:
    """Collects answers one by one; an answer's further lines add nothing."""

    def __init__(self) -> None:
        self._answers: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._raters: dict[str, int] = {}
        self._told: list[tuple[bool, bool, bool]] = []
        self._item: list[int] = []
        self._rater: list[int] = []
        self._seconds: list[float] = []

    def add(self, line: Line) -> tuple[int, bool]:
        """(number of the line's answer, whether it is new)."""
        number = self._answers.setdefault(str(line["answer_id"]), len(self._answers))
        if number < len(self._item):
            return number, False
        rater = self._raters.setdefault(str(line["rater"]), len(self._raters))
        if rater == len(self._told):
            told = tuple(line[name] in YES for name in ("rater_failed_checks", "rater_excluded", "simulated"))
            self._told.append((told[0], told[1], told[2]))
        self._item.append(self._items.setdefault(str(line["item"]), len(self._items)))
        self._rater.append(rater)
        self._seconds.append(float(line["seconds_shown"]))
        return number, True

    def columns(self) -> AnswerColumns:
        """All answers so far."""
        told = np.array(self._told, dtype=bool).reshape(-1, 3)
        return AnswerColumns(
            item_ids=tuple(self._items),
            rater_ids=tuple(self._raters),
            item=np.array(self._item, dtype=np.int64),
            rater=np.array(self._rater, dtype=np.int64),
            seconds=np.array(self._seconds, dtype=np.float64),
            failed=told[:, 0],
            excluded=told[:, 1],
            simulated=told[:, 2],
        )


def columns_of(lines: Iterable[Line]) -> AnswerColumns:
    """The answers that these lines are of; an answer's first line says all."""
    builder = ColumnBuilder()
    for line in lines:
        builder.add(line)
    return builder.columns()


def table_of(
    answers: AnswerColumns, *, rows: BoolArray, scores: FloatArray, scale: tuple[float, float] = (0.0, 1.0)
) -> RatingTable:
    """These answers as a table of scores, of the items that have one. rows, scores: (answers,)."""
    own, index = numbered(answers.item[rows])
    n = int(rows.sum())
    return RatingTable(
        item_ids=tuple([answers.item_ids[item] for item in own.tolist()]), rater_ids=answers.rater_ids,
        groups=("",), group_index=np.zeros(own.size, dtype=np.int64), item_index=index,
        rater_index=answers.rater[rows], score=scores[rows], opt_out=np.zeros(n, dtype=np.int8),
        seconds=answers.seconds[rows], scale=scale,
    )  # fmt: skip


def place_of(answers: AnswerColumns, *, items: Sequence[str]) -> IndexArray:
    """(answers,), where each answer's item stands in this list. Raises KeyError for one that is not in it."""
    place = {item: number for number, item in enumerate(items)}
    own = np.array([place[item] for item in answers.item_ids], dtype=np.int64)
    return own[answers.item] if answers.n else np.zeros(0, dtype=np.int64)


def is_check(line: Line) -> bool:
    """Whether a line of a file of answers belongs to an attention check: it judges a rater, not an item."""
    return line.get("is_attention_check", "0") in YES


def flow(
    answers: AnswerColumns, *, filters: Sequence[tuple[str, BoolArray]], outcome: BoolArray | None = None,
    words: str = "",
) -> tuple[FlowStep, ...]:  # fmt: skip
    """Filters by group in order, then a step for each reason to leave raters out, then items with an outcome.

    filters: (in words, (answers,) what passes).  outcome: (answers,), of items with one; words: what that is.
    """
    steps: list[FlowStep] = []
    left = np.ones(answers.n, dtype=bool)
    wanted = [(FILTER, detail, passes) for detail, passes in filters]
    wanted += [
        (EXCLUDE, FAILED, ~answers.failed[answers.rater]),
        (EXCLUDE, EXCLUDED, ~answers.excluded[answers.rater]),
    ]
    if outcome is not None:
        wanted.append((OUTCOME, words, outcome))
    for name, detail, passes in wanted:
        stay = left & passes
        before, after = _sizes(answers, left), _sizes(answers, stay)
        steps.append(
            FlowStep(
                name=name, detail=detail, items_before=before[0], items_after=after[0],
                raters_before=before[1], raters_after=after[1], answers_before=before[2],
                answers_after=after[2],
            )
        )  # fmt: skip
        left = stay
    return tuple(steps)


def raters_table(
    answers: AnswerColumns, *, more: Sequence[tuple[Field, Sequence[Any]]] = (), shown: Sequence[Shown] = ()
) -> Table:
    """raters.csv: who answered how often and how fast. more: further columns, a value per rater.

    shown: further columns of the page.
    """
    n = len(answers.rater_ids)
    counts = np.bincount(answers.rater, minlength=n).tolist()
    medians, fastest = (column.tolist() for column in _times(answers))
    verdicts = np.where(answers.excluded, EXCLUDED, np.where(answers.failed, FAILED, "kept")).tolist()
    rows = zip(answers.rater_ids, verdicts, counts, medians, fastest, strict=True)
    names = ("rater", "verdict", "n_answers", "median_seconds", "fastest_seconds")
    return Table(
        file="raters.csv",
        caption="Raters by pseudonym",
        fields=(
            Field("rater", "Pseudonym of the rater in this campaign."),
            Field("verdict", "kept, failed checks, or excluded (by a researcher)."),
            Field("n_answers", "Answers."),
            Field("median_seconds", "Median time per answer."),
            Field("fastest_seconds", "Shortest time of an answer."),
            *(field for field, _ in more),
        ),
        lines=tuple(
            dict(zip(names, row, strict=True)) | {field.name: values[place] for field, values in more}
            for place, row in enumerate(rows)
        ),
        shown=(
            shown_text("Rater", "rater"),
            shown_text("Analysis", "verdict"),
            shown_count("Answers", "n_answers"),
            shown_number("Median time, s", "median_seconds", digits=1),
            *shown,
        ),
    )


def _sizes(answers: AnswerColumns, rows: BoolArray) -> tuple[int, int, int]:
    """Items, raters and answers among these rows."""
    items = np.bincount(answers.item[rows], minlength=len(answers.item_ids))
    raters = np.bincount(answers.rater[rows], minlength=len(answers.rater_ids))
    return int((items > 0).sum()), int((raters > 0).sum()), int(rows.sum())


def _times(answers: AnswerColumns) -> tuple[FloatArray, FloatArray]:
    """(median, fastest) time of each rater."""
    order = np.lexsort((answers.seconds, answers.rater))
    ranked = answers.seconds[order]
    counts = np.bincount(answers.rater, minlength=len(answers.rater_ids))
    start = np.cumsum(counts) - counts
    middle = (ranked[start + (counts - 1) // 2] + ranked[start + counts // 2]) / 2
    return middle, ranked[start]
