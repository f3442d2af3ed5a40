"""Uploaded files that wait outside the database, by owner and by the hash of their bytes.

The same file twice is one; nobody finds another owner's by its hash.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final, Self

from common import whole_files

CONTENT: Final = "content"
NAME: Final = "name.txt"


@dataclass(frozen=True, kw_only=True)
class KeptFile:
    """One uploaded file."""

    digest: str
    name: str
    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Self | None:
        """The file in a folder; None where there is none."""
        try:
            return cls(digest=folder.name, name=(folder / NAME).read_text(), folder=folder)
        except FileNotFoundError:
            return None

    def open(self) -> IO[bytes]:
        """The file's bytes."""
        return (self.folder / CONTENT).open("rb")

    def look(self) -> None:
        """Counts the days that the file is kept from now on."""
        with suppress(FileNotFoundError):
            (self.folder / NAME).touch()


@dataclass(frozen=True)
class Shelf:
    """A folder of kept files; each is thrown away when nobody looked at it for kept_seconds."""

    root: Path
    kept_seconds: float

    def put(self, owner_id: int, *, name: str, content: bytes) -> Path:
        """The folder in which the file now lies. Raises OSError (disk full), and nothing is kept then."""
        self._sweep()
        folder = self.folder(owner_id, sha256(content).hexdigest())
        with kept_whole(folder):
            whole_files.write(folder / CONTENT, content)
            # The name comes last: a file that has it is whole.
            whole_files.write(folder / NAME, name.encode())
        return folder

    def folder(self, owner_id: int, digest: str) -> Path:
        """Where the owner's file with this hash lies, if there is one."""
        return self.root / str(owner_id) / digest

    def folders(self, owner_id: int) -> Iterator[Path]:
        """Where the owner's files lie."""
        return (path.parent for path in self.root.glob(f"{owner_id}/*/{NAME}"))

    def _sweep(self) -> None:
        limit = time.time() - self.kept_seconds
        for name in self.root.glob(f"*/*/{NAME}"):
            with suppress(FileNotFoundError):
                if name.stat().st_mtime < limit:
                    drop(name.parent)


@contextmanager
def kept_whole(folder: Path) -> Iterator[None]:
    """What the block puts in the folder goes where it fails, unless a file was kept there before."""
    was_kept = KeptFile.at(folder) is not None
    try:
        yield
    except OSError:
        if not was_kept:
            drop(folder)
        raise


def drop(folder: Path) -> None:
    """Deletes the file in a folder."""
    shutil.rmtree(folder, ignore_errors=True)
