"""CSV lines to cells, with the line each record begins in, going on after a line that can't be read."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from generation.prompt_faults import BadLine

# csv's own words, in the order in which they are looked for, and what to do about it.
READER_FAULTS: Final = (
    ("unexpected end of data", "A quotation mark is opened here and never closed. Close or double it."),
    (
        "field larger than field limit",
        "A cell of more than 131,072 characters; perhaps a quotation mark is opened here and never closed.",
    ),
    ("expected after", "Text follows a closing quotation mark. Double the quotation marks inside a cell."),
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row: the line it begins in and its cells."""

    line: int
    cells: tuple[str, ...]


def is_csv(first_line: str, *, column: str) -> bool:
    """Whether the first line is a header with that column, in any case."""
    return column in [cell.strip().lower() for cell in header(first_line)]


def header(first_line: str) -> list[str]:
    """The first line's cells; none where it is no CSV."""
    try:
        return next(csv.reader([first_line], strict=True), [])
    except csv.Error:
        return []


def records(lines: Sequence[str], *, first_line: int) -> tuple[list[Record], list[BadLine]]:
    """All rows that can be read and all lines that can't.

    first_line: the number of lines[0] in the file. After an unreadable record reading goes on in the line
    after the one where it began, so that one open quotation mark does not hide what else is wrong.
    """
    found: list[Record] = []
    faults: list[BadLine] = []
    begin = 0
    while begin < len(lines):
        reader = csv.reader((f"{line}\n" for line in _from(lines, begin)), strict=True)
        here = begin
        try:
            for cells in reader:
                found.append(Record(line=first_line + here, cells=tuple(cells)))
                here = begin + reader.line_num
            break
        except csv.Error as error:
            faults.append(BadLine(line=first_line + here, column="", rule=_rule(error), value=lines[here]))
            begin = here + 1
    return found, faults


def _from(lines: Sequence[str], begin: int) -> Iterator[str]:
    return (lines[index] for index in range(begin, len(lines)))


def _rule(error: csv.Error) -> str:
    return next(
        (rule for words, rule in READER_FAULTS if words in str(error)), f"Can't be read as CSV: {error}."
    )
