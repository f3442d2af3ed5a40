"""The control of the race tests: ratings handed out by a count that is checked and then written.

It is what most annotation tools do. The tests below require it to go wrong under the very load that the real
service must stand; were it to pass, the load would prove nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def naive_table() -> Iterator[None]:
    """A table of ratings without slots, locks or keys."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE naive_rating (item integer, rater integer, key uuid)")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE naive_rating")


def claim_by_count(rater: int, *, items: int, k: int) -> int | None:
    """The first item with fewer than k ratings that this rater has not rated, now rated; None at the end."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT item FROM generate_series(1, %(items)s) AS item
            WHERE (SELECT count(*) FROM naive_rating r WHERE r.item = item.item) < %(k)s
              AND NOT EXISTS (SELECT FROM naive_rating r WHERE r.item = item.item AND r.rater = %(rater)s)
            ORDER BY item LIMIT 1
            """,
            {"items": items, "k": k, "rater": rater},
        )
        row = cursor.fetchone()
        if row is None:
            return None
        cursor.execute("INSERT INTO naive_rating (item, rater) VALUES (%s, %s)", [row[0], rater])
        return int(row[0])


def rate_up_to(cap: int, *, rater: int, item: int) -> bool:
    """One more rating where the rater has given fewer than cap, counted beforehand."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM naive_rating WHERE rater = %s", [rater])
        if cursor.fetchone()[0] >= cap:
            return False
        cursor.execute("INSERT INTO naive_rating (item, rater) VALUES (%s, %s)", [item, rater])
        return True


def store_unless_there(key: str) -> None:
    """One rating under a key, looked for beforehand."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM naive_rating WHERE key = %s", [key])
        if cursor.fetchone()[0] == 0:
            cursor.execute("INSERT INTO naive_rating (item, rater, key) VALUES (1, 1, %s)", [key])


def count(what: str) -> int:
    """One number from the table; what: a SELECT that gives it."""
    with connection.cursor() as cursor:
        cursor.execute(what)
        return int(cursor.fetchone()[0])
