"""The one database: the server DATABASE_URL names, else the embedded one."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg

from config import embedded, env

SCHEMES = ("postgres", "postgresql")
REMEDY = (
    "Write DATABASE_URL=postgresql://user:password@host:5432/name, or leave it out for the embedded server."
)

# Every rating runs the same dozen statements; planning them anew was most of the database's work. The server
# still plans for the values at hand wherever a plan for all values would look worse.
PREPARED: Final = {"server_side_binding": True, "prepare_threshold": 2}
UNPREPARED: Final = {"prepare_threshold": None}


def default(var: Path) -> dict[str, Any]:
    """Django's settings of the database. Starts nothing.

    CONN_HEALTH_CHECKS lets a process outlive a restart of its server: a dead connection is replaced, not
    used.
    """
    url = env.text("DATABASE_URL", default="")
    place = _from_url(url) if url else _embedded(var)
    return {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, **place}


def conninfo(settings: dict[str, Any]) -> str:
    """The same database as a key=value connection string for clients other than Django."""
    return psycopg.conninfo.make_conninfo(
        host=settings["HOST"] or None,
        port=settings.get("PORT") or None,
        user=settings["USER"] or None,
        password=settings.get("PASSWORD") or None,
        dbname=settings["NAME"],
        **{name: value for name, value in settings.get("OPTIONS", {}).items() if name not in PREPARED},
    )


def _embedded(var: Path) -> dict[str, Any]:
    return {
        "ENGINE": "config.database",
        "NAME": embedded.DATABASE,
        "USER": embedded.USER,
        "HOST": str(embedded.place(var).sockets),
        "OPTIONS": PREPARED,
    }


def _from_url(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in SCHEMES or not name:
        raise env.SettingError(f"DATABASE_URL is not the address of a PostgreSQL database. {REMEDY}")
    try:
        port = parts.port
    except ValueError:
        raise env.SettingError(f"DATABASE_URL has a port that is not a number. {REMEDY}") from None
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    prepared = options.pop("prepared_statements", "on")
    if prepared not in ("on", "off"):
        raise env.SettingError("DATABASE_URL has prepared_statements, which must be on or off.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "OPTIONS": options | (PREPARED if prepared == "on" else UNPREPARED),
    }
