"""ratings.csv: every standing answer with everything it takes to know what was rated, by whom and how.

Its columns are in `annotation.rating_columns`, its lines in `annotation.rating_lines`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection, transaction

from annotation.models import Campaign
from annotation.rating_columns import RATINGS, Row
from annotation.rating_lines import rating_lines
from common.csv_stream import guard

__all__ = ["RATINGS", "ROWS_AT_ONCE", "Row", "ratings_csv", "ratings_csv_in_snapshot", "snapshot"]

ROWS_AT_ONCE: Final = 2_000
# Joins of a million answers stay in memory; PostgreSQL's own default, 4 MB, is meant for small ones.
MEMORY_OF_A_JOIN: Final = "64MB"


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read inside sees the database at one moment, however long it takes, and writes nothing.

    Raises RuntimeError inside another transaction: there the moment would be somebody else's.
    """
    if connection.in_atomic_block:
        raise RuntimeError("A snapshot needs a transaction of its own, and one is open already.")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(
                "SELECT set_config('work_mem', %(enough)s, true)"
                " WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes(%(enough)s)",
                {"enough": MEMORY_OF_A_JOIN},
            )
        yield


def ratings_csv(campaign: Campaign) -> Iterator[bytes]:
    """The file, in pieces, from one snapshot. In memory are the items and one block of answers."""
    with snapshot():
        yield from ratings_csv_in_snapshot(campaign)


def ratings_csv_in_snapshot(campaign: Campaign) -> Iterator[bytes]:
    """As ratings_csv, inside a snapshot that the caller holds."""
    yield (",".join(guard(column.name) for column in RATINGS) + "\r\n").encode()
    for lines in rating_lines(campaign):
        yield ("\r\n".join(lines) + "\r\n").encode()


def ratings_sha256(campaign: Campaign) -> str:
    """SHA-256 of ratings.csv, inside a snapshot that the caller holds."""
    digest = hashlib.sha256()
    for piece in ratings_csv_in_snapshot(campaign):
        digest.update(piece)
    return digest.hexdigest()
