"""Files that are whole or absent: written beside their place, flushed to disk, then renamed into it.

Standard library only. A reader sees the old file or the new one, never half of one, whatever kills the
writer.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

TEMPORARY_PREFIX: Final = ".part-"


def stage(path: Path, content: bytes) -> Path:
    """Writes the content to a new temporary file beside path, flushed to disk. Returns the temporary path.

    The folder is made where it is missing. A failed write (disk full) leaves nothing behind and raises
    OSError.
    """
    return stage_pieces(path, [content])


def stage_pieces(path: Path, pieces: Iterable[bytes]) -> Path:
    """As `stage`, piece by piece; whatever the pieces raise leaves nothing behind either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid4().hex}-{path.name}")
    try:
        with temporary.open("xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def publish(temporary: Path, path: Path) -> None:
    """Renames a staged file into its place, over any older one, and flushes the folder's entry."""
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write(path: Path, content: bytes) -> None:
    """Puts a whole file in place in one step, over any older one."""
    publish(stage(path, content), path)


def sweep(folder: Path, *, older_than_seconds: float) -> int:
    """Deletes temporary files that no living writer can still want. Returns how many went."""
    limit = time.time() - older_than_seconds
    swept = 0
    for path in folder.rglob(f"{TEMPORARY_PREFIX}*"):
        with suppress(FileNotFoundError):  # another worker sweeps the same folder
            if path.is_file() and path.stat().st_mtime < limit:
                path.unlink()
                swept += 1
    return swept
