"""Comparisons of pairs as columns, from pairs.csv or the database, and what is known of the pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from evaluation.kinds.columns import AnswerColumns, ColumnBuilder, is_check
from evaluation.kinds.report import Columns, Line
from evaluation.metrics.clustered import cluster_codes
from evaluation.metrics.tables import BoolArray, FloatArray, IndexArray

# Of an answer's winner: 1 for the first system, a half for a tie.
VALUE: Final = {"first": 1.0, "": 0.5, "second": 0.0}
ITEM: Final = ("prompt", "word", "first_system", "second_system")


@dataclass(frozen=True, kw_only=True, eq=False)
class PairAnswers:
    """value: (answers,), 1 where the first system won, 0.5 for a tie, 0 for the second.

    left: (answers,), whether the left side was chosen.  items: of each item of the answers, in their order,
    the columns of ITEM and its number as `item`.
    """

    answers: AnswerColumns
    value: FloatArray
    left: BoolArray
    items: Columns

    @cached_property
    def same_thing(self) -> IndexArray:
        """(items,): a prompt whose pictures are drawn from several seeds, or by several systems, is one."""
        shown = zip(self.items.column("word"), self.items.column("prompt"), strict=True)
        return cluster_codes([f"{word}\0{prompt}" for word, prompt in shown])

    def pairings(self) -> tuple[list[tuple[str, str]], IndexArray]:
        """(pairs of systems in order of first appearance, (items,) each item's place among them)."""
        pairs = list(zip(self.items.column("first_system"), self.items.column("second_system"), strict=True))
        place = {pair: number for number, pair in enumerate(dict.fromkeys(pairs))}
        return list(place), np.array([place[pair] for pair in pairs], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """Answers by outcome; each array (groups,)."""

    first: IndexArray
    tie: IndexArray
    second: IndexArray

    @property
    def total(self) -> IndexArray:
        """All answers."""
        return self.first + self.tie + self.second


def outcomes(value: FloatArray, *, group: IndexArray, n: int) -> Outcomes:
    """How many answers of each group have which outcome. value, group: (answers,)."""
    first, tie, second = (np.bincount(group[value == wanted], minlength=n) for wanted in (1.0, 0.5, 0.0))
    return Outcomes(first=first, tie=tie, second=second)


def pairs_from_lines(lines: Iterable[Line]) -> PairAnswers:
    """The answers of pairs.csv."""
    builder = ColumnBuilder()
    value: list[float] = []
    left: list[bool] = []
    items: dict[str, Line] = {}
    for line in lines:
        if is_check(line):
            continue
        builder.add(line)
        value.append(VALUE[line["winner"]])
        left.append(line["choice"] == "left")
        items.setdefault(str(line["item"]), {name: line[name] for name in ITEM})
    answers = builder.columns()
    return PairAnswers(
        answers=answers,
        value=np.array(value, dtype=np.float64),
        left=np.array(left, dtype=bool),
        items=items_of(
            answers.item_ids, columns={name: [line[name] for line in items.values()] for name in ITEM}
        ),
    )


def items_of(item_ids: Sequence[str], *, columns: dict[str, Sequence[Any]]) -> Columns:
    """The columns of these items, with their numbers."""
    return Columns({"item": list(item_ids)} | columns, n=len(item_ids))
