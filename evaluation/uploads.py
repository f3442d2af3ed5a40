"""Files of ratings that somebody uploaded to be analysed.

Nothing of them enters the database. A file stays until its owner deletes it or has not looked at it for a
month.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from common import kept_files
from common.kept_files import KeptFile, Shelf

KEPT_SECONDS: Final = 30 * 24 * 3600


def keep(owner_id: int, *, name: str, content: bytes) -> KeptFile:
    """Keeps a file; the same file twice is one."""
    folder = _shelf().put(owner_id, name=name, content=content)
    return KeptFile(digest=folder.name, name=name, folder=folder)


def find(owner_id: int, digest: str) -> KeptFile | None:
    """The owner's file with this hash, nobody else's. Looking at it keeps it another month."""
    found = KeptFile.at(_shelf().folder(owner_id, digest))
    if found is not None:
        found.look()
    return found


def of_owner(owner_id: int) -> Iterator[KeptFile]:
    """The owner's files, by name."""
    found = (KeptFile.at(folder) for folder in _shelf().folders(owner_id))
    yield from sorted((file for file in found if file is not None), key=lambda file: (file.name, file.digest))


def drop(file: KeptFile) -> None:
    """Deletes a file."""
    kept_files.drop(file.folder)


def _shelf() -> Shelf:
    return Shelf(Path(settings.MEDIA_ROOT) / "analyses", KEPT_SECONDS)
