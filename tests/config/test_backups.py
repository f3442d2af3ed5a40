"""A backup comes back whole or it is said what is missing; an upgrade keeps every row."""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from annotation.choices import TaskKind
from config import backups
from config.postgres_programs import programs
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
STORED: Final = Path(__file__).parent / "database_of_0016.sql.gz"
# Django writes these by itself at every upgrade.
OF_DJANGO: Final = ("django_migrations", "django_content_type", "auth_permission")


@pytest.fixture
def other_database() -> Iterator[str]:
    """The address of an empty database on the tests' server."""
    to = connection.get_connection_params()
    name = f"{to['dbname']}_other"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    yield f"postgresql://{to['user']}@/{name}?host={to['host']}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(*arguments: object, database: str, media: Path) -> subprocess.CompletedProcess[str]:
    """A command as an operator gives it."""
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": database, "MEDIA_ROOT": str(media), "DEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def rows_of(database: str, query: str) -> list[Any]:
    with psycopg.connect(database) as there:
        return there.execute(query).fetchall()


ANSWERS: Final = """
    SELECT id, slot_id, rater_id, consent_id, version_id, score, opt_out, words, choice, mask_id, undone_at
    FROM annotation_answer ORDER BY id
"""


def test_a_backup_comes_back_with_every_row_and_every_file(tmp_path: Path, other_database: str) -> None:
    """Control: copy no media; restore none."""
    campaign = factories.make_campaign_of_kind(TaskKind.MASK, raters_per_item=1)
    factories.rate_all(factories.make_rater(campaign))
    kept = backups.back_up(tmp_path / "backup")
    assert kept.rows["annotation_answer"] == 4
    assert len(kept.files) > 2
    back = tmp_path / "media of the other"
    done = manage("restore", tmp_path / "backup", database=other_database, media=back)
    assert "all there" in done.stdout, done.stderr
    with connection.cursor() as cursor:
        cursor.execute(ANSWERS)
        assert rows_of(other_database, ANSWERS) == cursor.fetchall()
    assert {path: (back / path).read_bytes() for path in kept.files} == {
        path: (Path(settings.MEDIA_ROOT) / path).read_bytes() for path in kept.files
    }
    again = manage("restore", tmp_path / "backup", database=other_database, media=tmp_path / "third")
    assert again.returncode == 1
    assert "has tables" in again.stderr


def test_what_is_written_while_the_dump_is_made_is_neither_in_it_nor_counted(
    tmp_path: Path, other_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: count the rows outside the dump's snapshot: the restore misses one that it never had."""
    factories.make_user("early")
    dump, to = backups._run, connection.get_connection_params()

    def dump_and_somebody_comes(program: str, *arguments: object) -> None:
        dump(program, *arguments)
        with psycopg.connect(host=to["host"], dbname=to["dbname"], user=to["user"]) as other:
            other.execute("INSERT INTO django_session VALUES ('late', '', now())")

    monkeypatch.setattr(backups, "_run", dump_and_somebody_comes)
    kept = backups.back_up(tmp_path / "backup")
    assert (kept.rows["auth_user"], kept.rows["django_session"]) == (1, 0)
    done = manage("restore", tmp_path / "backup", database=other_database, media=tmp_path / "media")
    assert "all there" in done.stdout, done.stderr


def test_a_damaged_backup_is_named_before_anything_is_restored(tmp_path: Path, other_database: str) -> None:
    """Control: leave the hashes of the media out."""
    factories.make_finished_run()
    kept = backups.back_up(tmp_path / "backup")
    file = sorted(kept.files)[0]
    (tmp_path / "backup" / "media" / file).write_bytes(b"flipped")
    done = manage("restore", tmp_path / "backup", database=other_database, media=tmp_path / "new")
    assert done.returncode == 1
    assert file in done.stderr
    assert rows_of(other_database, "SELECT FROM pg_tables WHERE schemaname = 'public'") == []
    (tmp_path / "backup" / "manifest.json").unlink()
    with pytest.raises(backups.BackupRefused, match="cut off"):
        backups.restore(tmp_path / "backup")


def test_an_upgrade_from_an_earlier_version_keeps_every_row(tmp_path: Path, other_database: str) -> None:
    """From a stored database of annotation's migration 0016, with answers of every kind, undone ones, masks,
    exclusions and decisions. Control: a migration that deletes or empties what it changes.
    """
    sql = gzip.decompress(STORED.read_bytes())
    command = [str(programs() / "psql"), "--quiet", "--set=ON_ERROR_STOP=1", other_database]
    subprocess.run(command, input=sql, check=True, stdout=subprocess.DEVNULL)
    tables = [name for (name,) in rows_of(other_database, "SELECT tablename FROM pg_tables "
              "WHERE schemaname = 'public' ORDER BY 1") if name not in OF_DJANGO]  # fmt: skip
    count = " UNION ALL ".join(f"SELECT '{table}', count(*) FROM {table}" for table in tables)  # noqa: S608
    before, answers = sorted(rows_of(other_database, count)), rows_of(other_database, ANSWERS)
    assert len(answers) > 20
    done = manage("migrate", "--verbosity=0", database=other_database, media=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(rows_of(other_database, count)) == before
    assert rows_of(other_database, ANSWERS) == answers
    unchanged = manage("migrate", "--check", database=other_database, media=tmp_path)
    assert unchanged.returncode == 0
