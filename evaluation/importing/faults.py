"""What was wrong with a file, row by row: counted in full, kept up to a limit, said with a remedy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Final

from common.csv_stream import Column, lines
from evaluation.number_words import counted, grouped

MOST_KEPT: Final = 200_000
LONGEST_SHOWN: Final = 200


class Kind(StrEnum):
    """The kinds of faults. Rows with one of them are left out, unless its words say otherwise."""

    RAGGED = "wrong number of cells"
    NOT_AN_OBJECT = "not a JSON object"
    QUOTES = "quotation marks that don't enclose a cell"
    NESTED = "a list or an object where a value belongs"
    NO_ITEM = "no item"
    NO_RATER = "no rater id"
    NO_SCORE = "no score"
    UNKNOWN_VALUE = "unknown value"
    OFF_SCALE = "off the scale"
    REPEATED = "repeated answer"
    CONTRADICTION = "contradicting answers"
    BAD_TIME = "time not read (row kept)"


REMEDIES: Final = {
    Kind.RAGGED: "Give the row as many cells as the header, or quote cells that hold the separator.",
    Kind.NOT_AN_OBJECT: 'Make every line an object with each name once, such as {"item": "a", "score": 4}.',
    Kind.QUOTES: "Quote the whole cell, and double a quotation mark that belongs to its text.",
    Kind.NESTED: "Give every column that is read one text or one number.",
    Kind.NO_ITEM: "Fill in which item was rated.",
    Kind.NO_RATER: "Fill in who answered, or say that raters are unknown (--no-rater-ids).",
    Kind.NO_SCORE: "Fill in the score, or say what empty means (--empty not-asked, --values =OPT_OUT).",
    Kind.UNKNOWN_VALUE: "Say what the value means (--values TEXT=SCORE); a number takes 0-9 and a point.",
    Kind.OFF_SCALE: "Correct the score, or name the scale (--scale LOW HIGH).",
    Kind.REPEATED: "The same answer stands in an earlier row, which is used. Nothing to do.",
    Kind.CONTRADICTION: "Delete the wrong row, or say which one counts (--duplicates first or last).",
    Kind.BAD_TIME: "Give the time in seconds. The answer is used without a time.",
}
KEPT_ROWS: Final = frozenset({Kind.BAD_TIME})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. row: 1 is the first row of the file, the header's in CSV."""

    row: int
    kind: Kind
    column: str
    value: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return REMEDIES[self.kind]


COLUMNS: Final[tuple[Column[Fault], ...]] = (
    Column("row", "Row of the file; 1 is its first, the header's in CSV.", attrgetter("row")),
    Column("fault", "What was wrong.", lambda fault: fault.kind.value),
    Column("column", "Column with the fault; empty where it is the row's.", attrgetter("column")),
    Column("value", "What stood there, shortened to 200 characters.", attrgetter("value")),
    Column("remedy", "What to do about it.", attrgetter("remedy")),
)


class Faults:
    """All faults of a file."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.kept: list[Fault] = []
        self.unknown: Counter[str] = Counter()

    def add(self, kind: Kind, *, row: int, column: str = "", value: str = "") -> None:
        """Notes a fault; beyond a limit it is counted only."""
        self.counts[kind] += 1
        shown = value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"
        if kind in (Kind.UNKNOWN_VALUE, Kind.OFF_SCALE):
            self.unknown[shown] += 1
        if len(self.kept) < MOST_KEPT:
            self.kept.append(Fault(row, kind, column, shown))

    @property
    def rows_left_out(self) -> int:
        """Rows that are not used. No row has two faults that leave it out."""
        return sum(n for kind, n in self.counts.items() if kind not in KEPT_ROWS)

    def in_order(self) -> list[Fault]:
        """The kept faults by row."""
        return sorted(self.kept, key=lambda fault: fault.row)

    def csv(self) -> Iterator[str]:
        """faults.csv."""
        return lines(self.in_order(), columns=COLUMNS)

    def summary(self) -> list[str]:
        """One line per kind with its count and first rows, in the order of the kinds."""
        return [self._line(kind) for kind in Kind if self.counts[kind]]

    def _line(self, kind: Kind) -> str:
        n = self.counts[kind]
        rows = [fault.row for fault in self.in_order() if fault.kind == kind][:5]
        where = ", ".join(map(str, rows)) + (", …" if n > len(rows) else "")
        shown = f"{counted(n, 'row')}: {kind.value} (row{'' if n == 1 else 's'} {where})."
        if kind == Kind.UNKNOWN_VALUE:
            shown += f" Most frequent: {frequent(self.unknown)}."
        return f"{shown} {REMEDIES[kind]}"


def frequent(counts: Counter[str], *, most: int = 5) -> str:
    """The most frequent values with their counts."""
    return ", ".join(f"{value!r} ({grouped(n)})" for value, n in counts.most_common(most))
