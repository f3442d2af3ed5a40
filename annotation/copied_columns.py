"""Rows of a queryset as columns of CSV cells, by PostgreSQL's COPY: no Python value is made of a field.

PostgreSQL's texts of numbers, times and UUIDs are nearly those of our files. What differs is rewritten once
for every distinct text. At a million rows this takes seconds where a cursor's tuples take minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any, Final

from django.db import connection, models
from django.db.models import QuerySet

from annotation.one_message import strung
from common.csv_stream import cell_text, guard

ROWS_AT_ONCE: Final = 20_000
# Distinct texts of a column that are remembered: a bound for columns in which all differ.
MOST_REMEMBERED: Final = 100_000
NULL: Final = "\\N"
# Rows whose texts are strung together; of a column they may take a gigabyte.
ROWS_OF_A_MESSAGE: Final = 400_000
# No text of PostgreSQL's holds it.
BETWEEN: Final = "\0"
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_UTC_ENDING: Final = "+00"


def copied(rows: QuerySet[Any], *, paths: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """The rows in blocks of columns, a column per path, cells as `common.csv_stream.cell_text` writes them.

    rows: ordered, if the order matters.  paths: of fields or annotations, from the row.
    Raises TypeError for a field whose cells have no rule here.
    """
    cells = [_cells_of(*_field(rows, path), unwrap=_unescaped) for path in paths]
    lines = _lines(rows, paths)
    while block := b"".join(islice(lines, ROWS_AT_ONCE)):
        # One split for all rows, whose line ends are the only other white space that COPY leaves bare.
        every = block.decode()[:-1].replace("\n", "\t").split("\t")
        columns = (every[place :: len(cells)] for place in range(len(cells)))
        yield [
            column if known is None else list(map(known.__getitem__, column))
            for column, known in zip(columns, cells, strict=True)
        ]


def copied_at_once(rows: QuerySet[Any], *, paths: Sequence[str]) -> list[Sequence[str]]:
    """All of the rows, in no order, as a column per path; else as `copied`, in half of its time.

    rows: with numbers for primary keys.  All texts are in memory at once.
    """
    names = {path: f"f{place}" for place, path in enumerate(dict.fromkeys(["pk", *paths]))}
    cells = {path: _cells_of(*_field(rows, path), unwrap=str) for path in paths}
    statement, parameters = rows.order_by().values_list(*names).query.sql_with_params()
    strings = {
        path: f"string_agg(textsend(coalesce({names[path]}::text, '')), '\\000'::bytea)" for path in cells
    }
    slices = 1 + rows.count() // ROWS_OF_A_MESSAGE
    found: dict[str, list[str]] = {path: [] for path in cells}
    for message in strung(statement, parameters, fields=strings, columns=list(names.values()), slices=slices):
        for (path, known), field in zip(cells.items(), message, strict=True):
            texts = [] if field is None else str(field, "utf-8").split(BETWEEN)
            found[path].extend(texts if known is None else map(known.__getitem__, texts))
    return [found[path] for path in paths]


def _lines(rows: QuerySet[Any], paths: Sequence[str]) -> Iterator[bytes]:
    """COPY's lines, each with its line end."""
    statement, parameters = rows.values_list(*paths).query.sql_with_params()
    # Django's own wrapper of the cursor takes no parameters for COPY while it logs queries (DEBUG).
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.cursor.copy(f"COPY ({statement}) TO STDOUT", parameters) as copy,
    ):
        for line in copy:
            yield bytes(line)


def _field(rows: QuerySet[Any], path: str) -> tuple[models.Field[Any, Any], bool]:
    """The field at the end of a path, or the type of an annotation; and whether it can be null."""
    if path in rows.query.annotations:
        found: models.Field[Any, Any] = rows.query.annotations[path].output_field
        return found, found.null
    model: Any = rows.model
    may_be_null = False
    for name in path.split("__"):
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        model = field.related_model
        # Behind a key that may be null every field may be.
        may_be_null = may_be_null or field.null
    ended: models.Field[Any, Any] = field
    return ended, may_be_null


class _Cells(dict[str, str]):
    """From PostgreSQL's text of a field to the cell; every distinct text is rewritten once."""

    def __init__(self, write: Callable[[str], str]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, text: str) -> str:
        if len(self) >= MOST_REMEMBERED:
            self.clear()
        cell = self._write(text)
        self[text] = cell
        return cell


def _cells_of(
    field: models.Field[Any, Any], may_be_null: bool, *, unwrap: Callable[[str], str]
) -> _Cells | None:
    """The rule for a field; None where PostgreSQL's text is the cell already. unwrap: gives that text."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    for types, write in _RULES:
        if isinstance(field, types):
            if write is str and (unwrap is str or not may_be_null):
                return None
            return _Cells(partial(_cell, write=write, unwrap=unwrap))
    raise TypeError(f"{type(field).__name__} has no rule for COPY")


def _cell(text: str, *, write: Callable[[str], str], unwrap: Callable[[str], str]) -> str:
    given = unwrap(text)
    return write(given) if given else ""


def _unescaped(text: str) -> str:
    """The text without COPY's escapes; empty for NULL."""
    if text == NULL or "\\" not in text:
        return "" if text == NULL else text
    first, *rest = text.split("\\")
    found = [first]
    pieces = iter(rest)
    for piece in pieces:
        # An empty piece stands between the two backslashes that mean one.
        found.append(_ESCAPES.get(piece[0], piece[0]) + piece[1:] if piece else "\\" + next(pieces, ""))
    return "".join(found)


def _moment(text: str) -> str:
    """As `cell_text` of the datetime: microseconds always, Z for UTC."""
    if not text.endswith(_UTC_ENDING) or text[10:11] != " ":
        return cell_text(datetime.fromisoformat(text).astimezone(UTC))
    return f"{text[:10]}T{text[11:19]}.{text[20:-3]:0<6}Z"


def _json(text: str) -> str:
    return cell_text(json.loads(text))


_RULES: Final[tuple[tuple[tuple[type, ...], Callable[[str], str]], ...]] = (
    ((models.BooleanField,), lambda text: "1" if text.startswith("t") else "0"),
    ((models.IntegerField, models.UUIDField), str),
    ((models.FloatField,), lambda text: cell_text(float(text))),
    ((models.DateTimeField,), _moment),
    ((models.JSONField,), _json),
    ((models.CharField, models.TextField), guard),
)
