"""The doorbell between web and worker: which broker, and how to make it ready.

BROKER_URL names one (RabbitMQ in docker-compose). Without it messages go through pgmq, tables and functions
in plain SQL, in the database that is there anyway. Messages carry row numbers only; losing them all loses
nothing, because the worker also looks into its job table.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
from django.conf import settings

from config import databases, embedded, env

SCHEMES: Final = ("amqp", "amqps", "pgmq", "memory")
REMEDY: Final = "Write BROKER_URL=amqp://user:password@host:5672//, or leave it out to use the database."
# Any number does as long as nobody else locks it; two workers may install at once.
INSTALL_LOCK: Final = 0x70676D71
# Who publishes is answering a request: one more try at once. Without this, Celery keeps trying for the two
# seconds of its connection timeout.
GIVE_UP_SOON: Final = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


@dataclass(frozen=True, kw_only=True)
class Broker:
    """What Celery needs to reach its broker."""

    url: str
    transport_options: dict[str, Any]


def broker(database: dict[str, Any]) -> Broker:
    """The broker that BROKER_URL names, else pgmq in the given database. Connects to nothing."""
    url = env.text("BROKER_URL", default="")
    if not url:
        return Broker(url="pgmq://", transport_options=_pgmq_options(databases.conninfo(database)))
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise env.SettingError(f"BROKER_URL does not begin with one of {', '.join(SCHEMES)}. {REMEDY}")
    return Broker(url=url, transport_options=dict(GIVE_UP_SOON))


@cache
def prepare() -> None:
    """The broker can take messages when this returns; asked again, it does nothing. Raises psycopg.Error."""
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    if "conn_string" not in options:
        return
    if settings.DATABASES["default"]["ENGINE"] == "config.database":
        embedded.attach(embedded.place(Path(settings.PERCEPT_VAR)))
    with psycopg.connect(options["conn_string"]) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [INSTALL_LOCK])
        if connection.execute("SELECT to_regclass('pgmq.meta')").fetchone() == (None,):
            from pgmq.install import get_embedded_install_sql

            connection.execute(get_embedded_install_sql())


def _pgmq_options(conninfo: str) -> dict[str, Any]:
    return GIVE_UP_SOON | {
        "conn_string": conninfo,
        # The extension is not on most servers; `prepare` installs the same thing in plain SQL.
        "init_extension": False,
        "polling_interval": 0.5,
        # Polling on the server would keep a connection in a transaction for its whole length.
        "wait_time_seconds": 0,
        "pool_size": 2,
        "pool_timeout": 3,
    }
