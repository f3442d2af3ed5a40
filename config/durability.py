"""Refuses a database that may forget a committed rating."""

from collections.abc import Sequence
from typing import Any, Final

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# Each loses commits in a crash when it is off.
GUARDS: Final = ("fsync", "full_page_writes", "synchronous_commit")
REMEDY = "Turn it on in the server's configuration; a rating that was acknowledged must survive a power cut."


def faults(connection: BaseDatabaseWrapper) -> list[str]:
    """One sentence per setting under which the connected server may lose a commit; none when durable."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [list(GUARDS)])
        return [f"PostgreSQL runs with {name}=off." for name, value in cursor.fetchall() if value == "off"]


def check_databases(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The system check of `manage.py check --database default` and `migrate`."""
    found = [fault for alias in databases or () for fault in faults(connections[alias])]
    return [Error(fault, hint=REMEDY, id="config.E001") for fault in found]


def refuse_forgetful_server(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Raises ImproperlyConfigured on a new connection to a server that may lose a commit.

    Servers run no system checks when they start, and a database may be replaced under them, so each
    connection asks.
    """
    if connection.vendor == "postgresql" and (found := faults(connection)):
        connection.close()
        raise ImproperlyConfigured(f"{' '.join(found)} {REMEDY}")
