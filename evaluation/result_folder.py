"""A folder of results that the next run replaces as a whole, without touching what anybody else put there.

Every file that was written is listed with its checksum in percept-files.sha256, which `sha256sum -c` reads.
A listed file that still has its checksum is ours; everything else is somebody's.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from common import whole_files

MANIFEST: Final = "percept-files.sha256"
STAGING: Final = ".percept-part-"
MOST_NAMED: Final = 3
PIECE: Final = 1024 * 1024
_LINE: Final = re.compile(r"([0-9a-f]{64})  (\S.*)")


class FolderRefused(ValueError):  # noqa: N818 (an outcome, not a malfunction)
    """The folder holds what a new run must not replace; the message says what, and what to do."""


def check(folder: Path) -> None:
    """Raises FolderRefused unless the folder is missing, empty, or an earlier run's and unchanged since."""
    if folder.exists() and not folder.is_dir():
        raise FolderRefused(f"{folder} is a file: name a folder.")
    if not folder.exists() or not _held(folder):
        return
    if not (folder / MANIFEST).is_file():
        raise FolderRefused(
            f"{folder} is not empty, and its files are not from an earlier run ({MANIFEST} is missing)."
            " Name a new or an empty folder."
        )
    listed = _listed(folder)
    ours = _ours(folder, listed)
    changed = [name for name in listed if (folder / name).exists() and name not in ours]
    if changed:
        raise FolderRefused(
            f"{folder} holds files that were changed since they were written: {_some(changed)}. Move them"
            " elsewhere, or name another folder."
        )


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """A folder to write into, whose files take the place of the earlier run's when the block ends well.

    Files that the earlier run wrote and this one does not go; files of others stay. After an error the folder
    is as it was. Raises FolderRefused as `check` does, and where a new file would overwrite somebody's.
    """
    check(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{STAGING}*"):
        shutil.rmtree(left)
    staging = folder / f"{STAGING}{uuid4().hex}"
    staging.mkdir()
    try:
        yield staging
        _publish(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _publish(staging: Path, folder: Path) -> None:
    old = _ours(folder, _listed(folder))
    new = {str(path.relative_to(staging)): _digest(path) for path in _files(staging)}
    taken = [name for name in new if (folder / name).exists() and name not in old]
    if taken:
        raise FolderRefused(
            f"{folder} holds {_some(taken)}, which no earlier run wrote and this one would overwrite. Move"
            " what is there elsewhere, or name another folder."
        )
    # Both lists until every file is in place: a run that is stopped here still knows its own.
    both = [*old.items(), *(pair for pair in new.items() if pair not in old.items())]
    _write_list(folder, both)
    for name in new:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        whole_files.publish(staging / name, folder / name)
    for name in old.keys() - new.keys():
        (folder / name).unlink(missing_ok=True)
    for name in {str(Path(name).parent) for name in old} - {"."}:
        if (folder / name).is_dir() and not any((folder / name).iterdir()):
            (folder / name).rmdir()
    _write_list(folder, list(new.items()))


def _held(folder: Path) -> list[Path]:
    """What stands in the folder, without what a stopped run left."""
    return [path for path in folder.iterdir() if not path.name.startswith(STAGING)]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _listed(folder: Path) -> dict[str, set[str]]:
    """Names in the list with their checksums; a name has two where a run was stopped. Names that lead out of
    the folder are not ours."""
    try:
        lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return {}
    found: dict[str, set[str]] = {}
    for match in filter(None, map(_LINE.fullmatch, lines)):
        digest, name = match.groups()
        if not Path(name).is_absolute() and ".." not in Path(name).parts:
            found.setdefault(name, set()).add(digest)
    return found


def _ours(folder: Path, listed: dict[str, set[str]]) -> dict[str, str]:
    """Names with checksums of the listed files that are as they were written."""
    digests = {name: _digest(folder / name) for name in listed if (folder / name).is_file()}
    return {name: digest for name, digest in digests.items() if digest in listed[name]}


def _write_list(folder: Path, files: list[tuple[str, str]]) -> None:
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(files))
    whole_files.write(folder / MANIFEST, text.encode())


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
