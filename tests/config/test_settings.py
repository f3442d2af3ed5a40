"""The settings as a process meets them: started with an environment and nothing else."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHOW = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name, None) for name in sys.argv[1:]}, default=str))
"""


def run(*arguments: str, var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in a clean environment."""
    base = {"PATH": os.environ["PATH"], "PERCEPT_VAR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY, env=base | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def show(*names: str, var: Path, **environment: str) -> dict[str, Any]:
    """The values of settings under an environment."""
    done = run("-c", SHOW, *names, var=var, **environment)
    assert done.returncode == 0, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def test_nothing_starts_without_a_secret(tmp_path: Path) -> None:
    """Control: a default SECRET_KEY in settings."""
    done = run("manage.py", "check", var=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("Percept cannot start: SECRET_KEY is not set.")
    assert "Traceback" not in done.stderr


def test_a_web_server_without_a_secret_does_not_serve(tmp_path: Path) -> None:
    done = run("-c", "import config.wsgi", var=tmp_path)

    assert done.returncode == 1
    assert "SECRET_KEY is not set" in done.stderr


def test_debug_makes_one_secret_and_keeps_it_to_its_owner(tmp_path: Path) -> None:
    """Control: a new secret at every start, which ends sessions and raters' links."""
    first = show("SECRET_KEY", var=tmp_path, DEBUG="1")
    second = show("SECRET_KEY", var=tmp_path, DEBUG="1")

    assert first == second
    assert len(first["SECRET_KEY"]) >= 50
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "ture"),
        ("DATABASE_URL", "mysql://u:hunter2@db/percept"),
        ("DATABASE_URL", "postgresql://u:hunter2@db:port/percept"),
        ("DATABASE_URL", "postgresql://u:hunter2@db/percept?prepared_statements=maybe"),
        ("BROKER_URL", "redis://u:hunter2@mq"),
        ("PERCEPT_VAR", str(REPOSITORY / "manage.py")),
    ],
)
def test_an_unreadable_setting_is_named_without_its_value(tmp_path: Path, name: str, value: str) -> None:
    done = run("manage.py", "check", **{"var": tmp_path, "SECRET_KEY": "x" * 50, name: value})  # type: ignore[arg-type]

    assert done.returncode == 1
    assert re.match(f"Percept cannot start: {name} ", done.stderr)
    assert "hunter2" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_of_ones_own_is_used_as_written(tmp_path: Path) -> None:
    url = "postgresql://us%40er:p%2Fw@db.example.org:6543/study?sslmode=require"
    shown = show("DATABASES", "CELERY_BROKER_URL", "CELERY_BROKER_TRANSPORT_OPTIONS", var=tmp_path,
                 SECRET_KEY="x" * 50, DATABASE_URL=url)  # fmt: skip

    database = shown["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert (database["USER"], database["PASSWORD"]) == ("us@er", "p/w")
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example.org", "6543", "study")
    assert database["OPTIONS"]["sslmode"] == "require"
    # Messages go through the same database until BROKER_URL names something else.
    assert shown["CELERY_BROKER_URL"] == "pgmq://"
    assert "host=db.example.org" in shown["CELERY_BROKER_TRANSPORT_OPTIONS"]["conn_string"]


def test_a_dead_connection_is_replaced(tmp_path: Path) -> None:
    """Control: CONN_HEALTH_CHECKS off, with which a restarted database costs a page per connection."""
    shown = show("DATABASES", var=tmp_path, DEBUG="1")

    assert shown["DATABASES"]["default"]["CONN_HEALTH_CHECKS"] is True


def test_behind_https_nothing_travels_in_the_open(tmp_path: Path) -> None:
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS")
    shown = show(*names, var=tmp_path, SECRET_KEY="x" * 50, BEHIND_HTTPS="1")

    assert shown == dict(zip(names, (True, True, True, 365 * 24 * 3600), strict=True))


def test_no_hsts_while_developing(tmp_path: Path) -> None:
    """Control: HSTS without asking for DEBUG; a browser would refuse plain localhost for a year."""
    assert show("SECURE_HSTS_SECONDS", var=tmp_path, DEBUG="1", BEHIND_HTTPS="1") == {
        "SECURE_HSTS_SECONDS": 0
    }


def test_reading_the_settings_starts_no_server(tmp_path: Path) -> None:
    """Control: attaching to the embedded server in settings.py."""
    assert run("manage.py", "check", var=tmp_path, SECRET_KEY="x" * 50).returncode == 0
    assert not (tmp_path / "postgres").exists()


def test_times_are_utc(tmp_path: Path) -> None:
    assert show("USE_TZ", "TIME_ZONE", var=tmp_path, DEBUG="1") == {"USE_TZ": True, "TIME_ZONE": "UTC"}
