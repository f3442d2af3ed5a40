"""Backup and restore: the database at one moment, every file, and a list by which a restore is checked.

A backup is a folder: `percept.dump` (pg_dump's custom format), `media/`, and `manifest.json` with the number
of rows of each table in the dump and the SHA-256 of each file.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from config.postgres_programs import EmbeddedServerError, programs

DUMP: Final = "percept.dump"
MEDIA: Final = "media"
MANIFEST: Final = "manifest.json"


class BackupRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was written or restored, or what was is not whole. The message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """rows: by table.  files: SHA-256 by path below MEDIA_ROOT."""

    rows: dict[str, int]
    files: dict[str, str]


def back_up(folder: Path) -> Manifest:
    """Writes a backup into a new folder, while Percept runs. Raises BackupRefused.

    The database first: rows name files that are written before them. So no row of it lacks its file.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupRefused(f"{folder} is not empty. Name a new folder for each backup.")
    folder.mkdir(parents=True, exist_ok=True)
    rows = _dump(folder / DUMP)
    media = Path(settings.MEDIA_ROOT)
    (folder / MEDIA).mkdir()
    if media.exists():
        shutil.copytree(media, folder / MEDIA, dirs_exist_ok=True)
    manifest = Manifest(rows=rows, files=_hashes(folder / MEDIA))
    # Last: a backup without its manifest was cut off.
    (folder / MANIFEST).write_text(json.dumps(vars(manifest), indent=1, sort_keys=True) + "\n")
    return manifest


def restore(folder: Path) -> Manifest:
    """Fills an empty database and an empty MEDIA_ROOT, and checks every count and every file.

    Raises BackupRefused where they are not empty, and where anything came out different from the manifest.
    """
    manifest = _read_manifest(folder)
    media = Path(settings.MEDIA_ROOT)
    if connection.introspection.table_names():
        raise BackupRefused(
            f"The database {connection.settings_dict['NAME']} has tables. Restore into an empty one."
        )
    if media.exists() and any(media.iterdir()):
        raise BackupRefused(f"{media} is not empty. Restore into an empty MEDIA_ROOT.")
    if lost := _differences(manifest.files, _hashes(folder / MEDIA)):
        raise BackupRefused(f"The backup is damaged, nothing was restored: {_listed(lost)}")
    connection.close()
    _run("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", folder / DUMP)
    shutil.copytree(folder / MEDIA, media, dirs_exist_ok=True)
    lost = _differences(manifest.rows, _counted()) + _differences(manifest.files, _hashes(media))
    if lost:
        raise BackupRefused(f"The restore is not whole: {_listed(lost)}")
    return manifest


def _dump(file: Path) -> dict[str, int]:
    """Dumps the database; returns the rows of each table at the very moment of the dump."""
    connection.close()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        _run("pg_dump", "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={file}")
        return _counted()


def _counted() -> dict[str, int]:
    rows = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
            rows[table] = int(cursor.fetchone()[0])
    return rows


def _run(program: str, *arguments: object) -> None:
    """Runs PostgreSQL's program on our database."""
    to = connection.get_connection_params()
    given = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password"}
    environment = os.environ | {name: str(to[part]) for name, part in given.items() if to.get(part)}
    command = [_program(program), *map(str, arguments), f"--dbname={to['dbname']}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise BackupRefused(f"{program} failed: {done.stderr.strip()[-500:]}")


def _program(name: str) -> str:
    """The installed program, or the embedded server's, of the server's version; else the newer one.

    An older one can't read a newer server, and a newer pg_restore says what an older server does not know.
    """
    connection.ensure_connection()
    wanted = connection.connection.info.server_version // 10_000
    paths = [path for path in (shutil.which(name), _embedded(name)) if path is not None]
    if not paths:
        raise BackupRefused(f"There is no {name} here. Install PostgreSQL {wanted}'s client programs.")
    found = {_version(path): path for path in paths}
    return found.get(wanted) or found[max(found)]


def _embedded(name: str) -> str | None:
    try:
        path = programs() / name
    except EmbeddedServerError:
        return None
    return str(path) if path.exists() else None


def _version(path: str) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    number = re.search(r"\b(\d+)\.", said)
    return int(number[1]) if number else 0


def _read_manifest(folder: Path) -> Manifest:
    try:
        read: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
        return Manifest(**read)
    except (OSError, ValueError, TypeError) as fault:
        raise BackupRefused(
            f"{folder / MANIFEST} can't be read: this is no backup, or it was cut off."
        ) from fault


def _hashes(folder: Path) -> dict[str, str]:
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                files[str(path.relative_to(folder))] = file_digest(file, "sha256").hexdigest()
    return files


def _differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    return [
        f"{name} ({found.get(name, 'missing')} in place of {wanted.get(name, 'nothing')})"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]


def _listed(differences: list[str]) -> str:
    more = f" and {len(differences) - 10} more" if len(differences) > 10 else ""
    return ", ".join(differences[:10]) + more
