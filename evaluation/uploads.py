"""Files of ratings that somebody uploaded to be analysed, by owner and by the hash of their bytes.

Nothing of them enters the database. A file stays until its owner deletes it or has not looked at it for a
month.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from django.conf import settings

from common import whole_files

KEPT_SECONDS: Final = 30 * 24 * 3600
CONTENT: Final = "content"
NAME: Final = "name.txt"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One uploaded file."""

    digest: str
    name: str
    folder: Path

    def open(self) -> IO[bytes]:
        """The file's bytes."""
        return (self.folder / CONTENT).open("rb")


def keep(owner_id: int, *, name: str, content: bytes) -> Upload:
    """Keeps a file; the same file twice is one."""
    _sweep()
    digest = sha256(content).hexdigest()
    folder = _folder(owner_id, digest)
    whole_files.write(folder / CONTENT, content)
    whole_files.write(folder / NAME, name.encode())
    return Upload(digest=digest, name=name, folder=folder)


def find(owner_id: int, digest: str) -> Upload | None:
    """The owner's file with this hash, nobody else's. Looking at it keeps it another month."""
    folder = _folder(owner_id, digest)
    try:
        name = (folder / NAME).read_text()
        (folder / NAME).touch()
    except FileNotFoundError:
        return None
    return Upload(digest=digest, name=name, folder=folder)


def of_owner(owner_id: int) -> Iterator[Upload]:
    """The owner's files, by name."""
    found = ((path.read_text(), path.parent) for path in _root().glob(f"{owner_id}/*/{NAME}"))
    for name, folder in sorted(found):
        yield Upload(digest=folder.name, name=name, folder=folder)


def drop(upload: Upload) -> None:
    """Deletes a file."""
    shutil.rmtree(upload.folder, ignore_errors=True)


def _sweep() -> None:
    limit = time.time() - KEPT_SECONDS
    for name in _root().glob(f"*/*/{NAME}"):
        with suppress(FileNotFoundError):
            if name.stat().st_mtime < limit:
                shutil.rmtree(name.parent, ignore_errors=True)


def _folder(owner_id: int, digest: str) -> Path:
    return _root() / str(owner_id) / digest


def _root() -> Path:
    return Path(settings.MEDIA_ROOT) / "analyses"
