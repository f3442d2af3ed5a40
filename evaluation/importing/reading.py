"""A file of ratings row by row: CSV with any of three separators, or JSON lines."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import count, islice
from typing import IO, Any, Final

from evaluation.importing.faults import Kind
from evaluation.importing.mapping import ImportRefused
from evaluation.number_words import counted, grouped

SEPARATORS: Final = {",": "comma", ";": "semicolon", "\t": "tab"}
LONGEST_LINE: Final = 1_000_000
QUOTES: Final = "Quote the whole cell, and double a quotation mark that belongs to its text."
JSON_ENDINGS: Final = (".jsonl", ".ndjson", ".json")
# What some spreadsheets write before the header, and no cell of theirs shows.
TOLD_SEPARATOR: Final = re.compile(r'"?sep=([,;\t])"?', re.IGNORECASE)
QUOTED: Final = re.compile(r'"[^"]*("|$)')
PIECE: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row. number: 1 for the file's first.  cells: those asked for, stripped; None where the row is
    unusable.

    problem, kind, column: why it is, and where.
    """

    number: int
    cells: tuple[str, ...] | None
    problem: str = ""
    kind: Kind = Kind.RAGGED
    column: str = ""


class Hashed(io.RawIOBase):
    """A stream that is read once, and hashed while it is: a pipe gives its bytes to nobody twice."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes, as `io.RawIOBase.readinto`."""
        piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        self._digest.update(piece)
        return len(piece)

    def close(self) -> None:
        """Closes the stream too."""
        self._stream.close()
        super().close()

    def buffered(self) -> IO[bytes]:
        """The same bytes in large pieces."""
        return io.BufferedReader(self, PIECE)

    def sha256(self) -> str:
        """SHA-256 of all that was read so far."""
        return self._digest.hexdigest()


def is_json(name: str) -> bool:
    """Whether a file of this name holds JSON lines."""
    return name.lower().endswith(JSON_ENDINGS)


def columns_of(stream: IO[bytes], *, name: str) -> list[str]:
    """The file's columns: the header of CSV, the keys of the first hundred objects of JSON lines."""
    text = _text(stream)
    try:
        return _json_columns(text) if is_json(name) else _header(text)[0]
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error
    finally:
        text.detach()


def read_rows(stream: IO[bytes], *, name: str, columns: Sequence[str]) -> Iterator[Row]:
    """Every row with the cells of these columns. Raises ImportRefused for a file that can't be read at all.

    A row without content gives no Row: nothing stands there. A row with another number of cells than the
    header gives one without cells.
    """
    text = _text(stream)
    try:
        yield from _json_rows(text, columns=columns) if is_json(name) else _csv_rows(text, columns=columns)
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from error


def _text(stream: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _header(text: IO[str]) -> tuple[list[str], str]:
    """The header and the separator: the one that a line before it names, or of three the one that it has
    most of outside quotation marks.
    """
    first = text.readline(LONGEST_LINE)
    told = TOLD_SEPARATOR.fullmatch(first.rstrip("\r\n"))
    if told:
        first = text.readline(LONGEST_LINE)
    if not first.strip():
        raise ImportRefused("The file is empty, or its first line is: the first line names the columns.")
    while first.count('"') % 2 and (more := text.readline(LONGEST_LINE)):
        first += more
    separator = told[1] if told else max(SEPARATORS, key=QUOTED.sub("", first).count)
    try:
        header = [cell.strip() for cell in next(csv.reader([first], delimiter=separator, strict=True))]
    except csv.Error as error:
        raise ImportRefused(f"The header can't be read: {error}. {QUOTES}") from error
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise ImportRefused(f"Two columns are named {twice[0]!r}. Give each a name of its own.")
    return header, separator


def _csv_rows(text: IO[str], *, columns: Sequence[str]) -> Iterator[Row]:
    header, separator = _header(text)
    places = [_place(column, known=header) for column in columns]
    width = len(header)
    lines = _Lines(text)
    rows = csv.reader(lines, delimiter=separator, strict=True)
    for number in count(2):
        before = rows.line_num
        try:
            cells = next(rows, None)
        except csv.Error as error:
            spans = counted(rows.line_num - before, "line")
            if lines.ended:
                raise ImportRefused(
                    f"A quotation mark in row {number} is never closed: {spans} from there on would be one"
                    f" row. {QUOTES}"
                ) from error
            if "limit" in str(error):
                raise ImportRefused(
                    f"Row {number} can't be read: {error}, after {spans}. Perhaps a quotation mark is never"
                    f" closed. {QUOTES}"
                ) from error
            yield Row(number, None, f"text beside a quotation mark, on {spans}", Kind.QUOTES)
            continue
        if cells is None:
            return
        if len(cells) == width:
            yield Row(number, tuple([cells[place].strip() for place in places]))
        elif cells:
            over = rows.line_num - before
            where = f", on {grouped(over)} lines: a quotation mark may be open" if over > 1 else ""
            yield Row(number, None, f"{len(cells)} cells, the header has {width}{where}")


class _Lines:
    """The lines of a text. ended: whether one was asked for after the last: inside a row where a quotation
    mark is open."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._text:
            return line
        self.ended = True
        raise StopIteration


def _json_columns(text: IO[str]) -> list[str]:
    known: dict[str, None] = {}
    for number, line in zip(count(1), islice(text, 100), strict=False):
        found = _object(line, number=number)
        known |= dict.fromkeys(found or ())
    if not known:
        raise ImportRefused("The first hundred lines hold no JSON object with a name in it.")
    return list(known)


def _json_rows(text: IO[str], *, columns: Sequence[str]) -> Iterator[Row]:
    seen: set[str] = set()
    number = 0
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        found = _object(line, number=number)
        if found is None:
            yield Row(number, None, line.strip()[:200], Kind.NOT_AN_OBJECT)
            continue
        seen |= found.keys()
        nested = [column for column in columns if isinstance(found.get(column), (dict, list))]
        if nested:
            shown = json.dumps(found[nested[0]], ensure_ascii=False)
            yield Row(number, None, shown[:200], Kind.NESTED, nested[0])
            continue
        yield Row(number, tuple([_cell(found.get(column)) for column in columns]))
    for column in columns:
        if number and column not in seen:
            _place(column, known=sorted(seen))


def _object(line: str, *, number: int) -> dict[str, Any] | None:
    """None for what is no JSON object, names a key twice, or holds half a character, which no file can.

    Raises ImportRefused for the first line of an array that the file is as a whole.
    """
    if number == 1 and line.lstrip()[:1] == "[":
        _refuse_array(line)
    try:
        found = json.loads(line, object_pairs_hook=_each_key_once)
        if "\\u" in line:
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse_array(line: str) -> None:
    """Raises ImportRefused unless the array ends in its line and holds no object: then it is a mere fault."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = [{}]
    if any(isinstance(part, dict) for part in found):
        raise ImportRefused(
            "The file is one JSON array. Write its objects one a line (JSON lines), as jq -c '.[]' does."
        )


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is named twice")
    return found


def _cell(value: Any) -> str:
    """A JSON value as the text that CSV would hold."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _place(column: str, *, known: Sequence[str]) -> int:
    if column in known:
        return list(known).index(column)
    near = get_close_matches(column, known, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ImportRefused(
        f"There is no column {column!r}.{meant} The file has: {', '.join(map(repr, known)) or 'none'}."
    )


def _not_utf8(error: UnicodeDecodeError) -> ImportRefused:
    bad = error.object[error.start]
    return ImportRefused(
        f"The file is not UTF-8: byte {bad:#04x} can't be read. Save it as UTF-8"
        " (“CSV UTF-8” in spreadsheets)."
    )
