"""Rows to arrays. A row that can't be used becomes a fault; nothing is filled in, nothing vanishes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.importing.faults import Faults, Kind
from evaluation.importing.mapping import Duplicates, Empty, Mapping, number
from evaluation.importing.reading import Row
from evaluation.metrics.intervals import MOST_VALUE
from evaluation.metrics.tables import OPT_OUT_BY_NAME, BoolArray, FloatArray, IndexArray

ROWS_PER_REPORT: Final = 50_000
NOT_A_NUMBER: Final = float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """The usable answers in the file's order, each array (answers,).

    row: row of the file.  item, rater, value: codes into items, raters, values (texts of the file); without
    rater ids every row is a rater of its own.  group: (groupings, answers), codes into group_values.
    n_rows: rows with content.  not_asked: rows whose empty score means that the question wasn't put.
    """

    row: IndexArray
    item: IndexArray
    rater: IndexArray
    score: FloatArray
    opt_out: NDArray[np.int8]
    seconds: FloatArray
    value: IndexArray
    group: IndexArray
    items: tuple[str, ...]
    raters: tuple[str, ...]
    values: tuple[str, ...]
    group_values: tuple[tuple[str, ...], ...]
    n_rows: int
    not_asked: int

    def only(self, keep: BoolArray) -> Gathered:
        """The answers marked in keep (answers,)."""
        return replace(
            self, row=self.row[keep], item=self.item[keep], rater=self.rater[keep], score=self.score[keep],
            opt_out=self.opt_out[keep], seconds=self.seconds[keep], value=self.value[keep],
            group=self.group[:, keep],
        )  # fmt: skip


class _Codes(dict[str, int]):
    """Codes of texts in order of first appearance."""

    def __missing__(self, text: str) -> int:
        self[text] = len(self)
        return self[text]


class _Gatherer:
    """Takes rows one by one."""

    def __init__(self, mapping: Mapping, faults: Faults) -> None:
        self._mapping = mapping
        self._faults = faults
        self._items, self._raters, self._values = _Codes(), _Codes(), _Codes()
        self._groups = [_Codes() for _ in mapping.groups]
        # Each text of the file is read once, however often it stands there.
        self._read: dict[str, tuple[float, int] | Kind | None] = {}
        self._row, self._item, self._rater, self._value = array("q"), array("q"), array("q"), array("q")
        self._score, self._seconds, self._opt_out = array("d"), array("d"), array("b")
        self._group = [array("q") for _ in mapping.groups]
        self.n_rows = 0
        self._not_asked = 0

    def take(self, row: Row) -> None:
        """Adds the row's answer, or its fault."""
        self.n_rows += 1
        mapping, faults = self._mapping, self._faults
        if row.cells is None:
            return faults.add(row.kind, row=row.number, column=row.column, value=row.problem)
        cells = iter(row.cells)
        item = next(cells)
        rater = next(cells) if mapping.rater else ""
        text = next(cells)
        groups = [next(cells) for _ in mapping.groups]
        if not item:
            return faults.add(Kind.NO_ITEM, row=row.number, column=mapping.item)
        if mapping.rater and not rater:
            return faults.add(Kind.NO_RATER, row=row.number, column=mapping.rater)
        if text not in self._read:
            self._read[text] = _meaning(text, mapping=mapping)
        found = self._read[text]
        if found is None:
            self._not_asked += 1
            return None
        if isinstance(found, Kind):
            return faults.add(found, row=row.number, column=mapping.score, value=text)
        self._row.append(row.number)
        self._item.append(self._items[item])
        self._rater.append(self._raters[rater] if mapping.rater else len(self._rater))
        self._value.append(self._values[text])
        self._score.append(found[0])
        self._opt_out.append(found[1])
        for column, codes, group in zip(self._group, self._groups, groups, strict=True):
            column.append(codes[group])
        self._seconds.append(self._time(next(cells, ""), row=row.number))
        return None

    def gathered(self) -> Gathered:
        """Everything taken so far."""
        n = len(self._row)
        raters = tuple(self._raters) if self._mapping.rater else tuple(f"row {row}" for row in self._row)
        return Gathered(
            row=_array(self._row),
            item=_array(self._item),
            rater=_array(self._rater),
            score=np.frombuffer(self._score, dtype=np.float64) if n else np.zeros(0),
            opt_out=np.frombuffer(self._opt_out, dtype=np.int8) if n else np.zeros(0, dtype=np.int8),
            seconds=np.frombuffer(self._seconds, dtype=np.float64) if n else np.zeros(0),
            value=_array(self._value),
            group=np.array([_array(column) for column in self._group], dtype=np.int64).reshape(
                len(self._group), n
            ),
            items=tuple(self._items),
            raters=raters,
            values=tuple(self._values),
            group_values=tuple(tuple(codes) for codes in self._groups),
            n_rows=self.n_rows,
            not_asked=self._not_asked,
        )

    def _time(self, text: str, *, row: int) -> float:
        if not text:
            return NOT_A_NUMBER
        seconds = number(text)
        if seconds is None or not 0 <= seconds <= MOST_VALUE:
            self._faults.add(Kind.BAD_TIME, row=row, column=self._mapping.seconds or "", value=text)
            return NOT_A_NUMBER
        return seconds


def gather(
    rows: Iterable[Row], *, mapping: Mapping, faults: Faults, progress: Callable[[int], None]
) -> Gathered:
    """The usable answers of the rows, duplicates settled. progress: told now and then how many rows were
    read.
    """
    gatherer = _Gatherer(mapping, faults)
    for row in rows:
        gatherer.take(row)
        if gatherer.n_rows % ROWS_PER_REPORT == 0:
            progress(gatherer.n_rows)
    return _settled(gatherer.gathered(), mapping=mapping, faults=faults)


def units(gathered: Gathered) -> tuple[IndexArray, tuple[int, ...]]:
    """The unit that each answer is about, (answers,), and the groupings that tell units apart.

    A unit is an item; where an item stands in several groups of a grouping, it is the item within its group.
    """
    unit = gathered.item
    telling = tuple(
        place for place in range(len(gathered.group)) if _varies(gathered.item, gathered.group[place])
    )
    for place in telling:
        unit = unit * len(gathered.group_values[place]) + gathered.group[place]
        unit = _in_order_of_appearance(unit)
    return _in_order_of_appearance(unit), telling


def _settled(gathered: Gathered, *, mapping: Mapping, faults: Faults) -> Gathered:
    """One answer per rater and unit. Equal answers: the first. Contradicting ones: as the mapping says."""
    unit, _ = units(gathered)
    key = unit * max(len(gathered.raters), 1) + gathered.rater
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1])) if ranked.size else np.zeros(0, int)
    ends = np.append(starts[1:], ranked.size)
    keep = np.ones(gathered.row.size, dtype=bool)
    for start, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
        same = order[start:end]
        answers_differ = _differ(gathered, same)
        chosen = _chosen(same, differ=answers_differ, duplicates=mapping.duplicates)
        for place in same:
            if place != chosen:
                keep[place] = False
                faults.add(
                    Kind.CONTRADICTION if answers_differ else Kind.REPEATED,
                    row=int(gathered.row[place]),
                    column=mapping.score,
                    value=gathered.values[gathered.value[place]],
                )
    return gathered if keep.all() else gathered.only(keep)


def _differ(gathered: Gathered, same: NDArray[Any]) -> bool:
    """Whether these answers are not all the same score or the same opt-out."""
    score, opt_out = gathered.score[same], gathered.opt_out[same]
    return bool((opt_out != opt_out[0]).any() or (np.nan_to_num(score) != np.nan_to_num(score[0])).any())


def _chosen(same: NDArray[Any], *, differ: bool, duplicates: Duplicates) -> int | None:
    if not differ or duplicates == Duplicates.FIRST:
        return int(same[0])
    return int(same[-1]) if duplicates == Duplicates.LAST else None


def _meaning(text: str, *, mapping: Mapping) -> tuple[float, int] | Kind | None:
    """(score, opt-out) of a text, the kind of its fault, or None for a question that wasn't put."""
    if text in mapping.values:
        meaning = mapping.values[text]
        if meaning in OPT_OUT_BY_NAME:
            return NOT_A_NUMBER, int(OPT_OUT_BY_NAME[meaning])
        return float(meaning), 0
    if not text:
        return None if mapping.empty == Empty.NOT_ASKED else Kind.NO_SCORE
    score = number(text)
    if score is None:
        return Kind.UNKNOWN_VALUE
    low, high = mapping.scale
    return (score, 0) if low <= score <= high else Kind.OFF_SCALE


def _varies(item: IndexArray, group: IndexArray) -> bool:
    """Whether an item stands in two groups."""
    if not item.size:
        return False
    first = np.full(int(item.max()) + 1, -1, dtype=np.int64)
    first[item[::-1]] = group[::-1]
    return bool((first[item] != group).any())


def _in_order_of_appearance(key: IndexArray) -> IndexArray:
    """Codes of the keys, 0 for the one that comes first."""
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(first.size)
    return rank[inverse]


def _array(values: Any) -> IndexArray:
    return np.frombuffer(values, dtype=np.int64) if len(values) else np.zeros(0, dtype=np.int64)
