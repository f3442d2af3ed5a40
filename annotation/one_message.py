"""One row of PostgreSQL in one message: what a table's columns are strung together into.

A row for each of a million answers costs server and client more than the query that gives them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.db import connection

# COPY's binary format: 19 bytes of header, the number of fields, and before each field its length.
HEADER: Final = 19 + 2
LENGTH: Final = 4
NULL: Final = -1


def strung(
    statement: str, parameters: tuple[Any, ...], *, fields: Mapping[str, str], columns: list[str], slices: int
) -> Iterator[list[memoryview | None]]:
    """The rows of a SELECT, in no order, as strings of columns: one list of them for each slice of the rows.

    columns: what the statement gives, named in its order; the first, a number, says into which slice a row
    falls.  fields: by column wanted, the expression that strings it together.  None: no row.
    """
    wanted = ", ".join(fields.values())
    for number in range(slices):
        yield one_row(
            f"SELECT {wanted} FROM ({statement}) AS given ({', '.join(columns)})"  # noqa: S608
            f" WHERE mod({columns[0]}, {slices}) = {number}",
            parameters,
            fields=len(fields),
        )


def one_row(statement: str, parameters: tuple[Any, ...], *, fields: int) -> list[memoryview | None]:
    """The row's fields as PostgreSQL's binary format has them; None for NULL.

    statement: a SELECT of that many fields, of exactly one row.  No field may exceed a gigabyte.
    """
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        # Django's own wrapper takes no parameters for COPY while it logs queries (DEBUG).
        cursor.cursor.copy(f"COPY ({statement}) TO STDOUT (FORMAT BINARY)", parameters) as copy,
    ):
        message = memoryview(b"".join(copy))
    found: list[memoryview | None] = []
    at = HEADER
    for _ in range(fields):
        length = int.from_bytes(message[at : at + LENGTH], signed=True)
        at += LENGTH
        found.append(None if length == NULL else message[at : at + length])
        at += max(length, 0)
    return found
