"""Where the pictures of questions of information and their maps lie on disk, named by the question's number.

A maps file is an .npz: `picture` (height, width, 3) uint8 as the model saw it, `positions` (n,) of words, and
for each of `attention`, `mi` and `cmi` an array (n, height, width), float32, raw: MI and CMI in nats.
Attention of chosen heads, `heads_most` and `heads_proportion`, comes with the positions of words that have
a concept (`heads_most_positions`, `heads_proportion_positions`); these four are left out where none has.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from common import whole_files
from generation.attribution.chosen_heads import IN_PROPORTION, MOST_RELEVANT

Array = NDArray[np.float32]
KINDS: Final = ("attention", "mi", "cmi")
HEAD_KINDS: Final = {"heads_most": MOST_RELEVANT, "heads_proportion": IN_PROPORTION}
FOLDER: Final = "information"


class PictureMissing(LookupError):  # noqa: N818 (a state of the media folder)
    """A file is not there, or not the one that was stored; says which and what to do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredInformation:
    """picture: (height, width, 3) uint8.  maps: kind -> word position -> (height, width).

    All words have maps of KINDS, those with a concept maps of HEAD_KINDS.
    """

    picture: NDArray[np.uint8]
    maps: dict[str, dict[int, Array]]


def write_picture(number: int, png: bytes) -> str:
    """Stores a question's picture. Returns its SHA-256. Raises OSError (disk full)."""
    whole_files.write(picture_path(number), png)
    return sha256(png).hexdigest()


def read_picture(number: int, *, digest: str) -> bytes:
    """The picture as PNG. Raises PictureMissing."""
    return _read(picture_path(number), digest=digest)


def pack(picture: NDArray[np.uint8], maps: Mapping[str, Mapping[int, NDArray[Any]]]) -> bytes:
    """The maps file. maps: as StoredInformation. Raises ValueError where a value is not finite."""
    positions = sorted(maps[KINDS[0]])
    arrays: dict[str, NDArray[Any]] = {"picture": picture, "positions": np.array(positions, dtype=np.int32)}
    for kind in KINDS:
        arrays[kind] = _stack(maps[kind], positions, kind=kind)
    for kind in HEAD_KINDS:
        if of_some := sorted(maps.get(kind, ())):
            arrays[kind] = _stack(maps[kind], of_some, kind=kind)
            arrays[f"{kind}_positions"] = np.array(of_some, dtype=np.int32)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read(number: int, *, digest: str) -> StoredInformation:
    """What was found. Raises PictureMissing."""
    with np.load(io.BytesIO(_read(maps_path(number), digest=digest)), allow_pickle=False) as arrays:
        positions = arrays["positions"].tolist()
        maps = {kind: dict(zip(positions, arrays[kind], strict=True)) for kind in KINDS}
        for kind in HEAD_KINDS:
            of_some = arrays[f"{kind}_positions"].tolist() if kind in arrays else []
            maps[kind] = dict(zip(of_some, arrays[kind], strict=True)) if of_some else {}
        return StoredInformation(picture=arrays["picture"], maps=maps)


def read_maps_file(number: int, *, digest: str) -> bytes:
    """The maps file itself, to take away. Raises PictureMissing."""
    return _read(maps_path(number), digest=digest)


def delete(number: int) -> None:
    """Both files go, where they are."""
    picture_path(number).unlink(missing_ok=True)
    maps_path(number).unlink(missing_ok=True)


def sweep(*, older_than_seconds: float) -> int:
    """Deletes temporary files left by killed workers. Returns how many."""
    return whole_files.sweep(_root(), older_than_seconds=older_than_seconds)


def picture_path(number: int) -> Path:
    """Where the question's picture lies."""
    return _root() / f"{number}.png"


def maps_path(number: int) -> Path:
    """Where the question's maps lie."""
    return _root() / f"{number}.npz"


def _stack(maps: Mapping[int, NDArray[Any]], positions: list[int], *, kind: str) -> Array:
    stack = [maps[position] for position in positions]
    found = np.stack(stack).astype(np.float32) if stack else np.zeros((0, 1, 1), dtype=np.float32)
    if not np.isfinite(found).all():
        raise ValueError(f"a map of {kind} holds values that are not finite")
    return found


def _read(path: Path, *, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PictureMissing(
            f"{path.name} is missing from the media folder. Restore it from a backup, or ask again."
        ) from None
    if sha256(content).hexdigest() != digest:
        raise PictureMissing(f"{path.name} is not the file that was stored. Ask again.")
    return content


def _root() -> Path:
    return Path(settings.MEDIA_ROOT) / FOLDER
