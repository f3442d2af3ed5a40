"""How the tables are emptied after a test that commits: row by row, since a test fills few of them.

Django truncates every table, which makes a new file for each of them and each of its indexes, and then writes
all permissions anew: half a second a test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection
from django.test import TransactionTestCase

# Django fills them with the database; no test changes them.
KEPT: Final = frozenset({"django_migrations", "django_content_type", "auth_permission"})
# Who may silence triggers deletes in any order, and from the audit trail too.
DELETE: Final = """
DO $$
DECLARE name text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOREACH name IN ARRAY '{%s}'::text[] LOOP EXECUTE format('DELETE FROM %%I', name); END LOOP;
END
$$
"""


@contextmanager
def row_by_row() -> Iterator[None]:
    """Inside, tests that commit leave empty tables as they do in Django, only sooner."""
    flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]

    def clean(test: Any) -> None:
        asks_for_more = test.available_apps is not None or test.serialized_rollback
        if asks_for_more or not _may_silence_triggers():
            flush(test)
        else:
            delete_rows()

    TransactionTestCase._fixture_teardown = clean  # type: ignore[attr-defined]
    try:
        yield
    finally:
        TransactionTestCase._fixture_teardown = flush  # type: ignore[attr-defined]


def delete_rows() -> None:
    """Deletes every row of every model's table but those of KEPT."""
    names = set(connection.introspection.django_table_names(only_existing=True, include_views=False)) - KEPT
    with connection.cursor() as cursor:
        cursor.execute(DELETE % ",".join(sorted(names)))


def _may_silence_triggers() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        return bool(cursor.fetchone()[0])
