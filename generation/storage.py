"""Where images and word maps lie on disk. Names are made from the image's id: a repeat overwrites itself.

A maps file is an .npz of three arrays: `positions` (n,) word positions, `scales` (n,) float32 and `maps`
(n, height, width) float16, each map divided by its scale, its
largest absolute value. Raw values are maps * scales: float16 alone would
overflow above 65504 and lose small values.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from common import whole_files
from generation.models import Image, WordMap

Array = NDArray[np.float32]


class MediaMissing(LookupError):  # noqa: N818 (a state of the media folder)
    """A row names a file that can't be read; the message says which and what to do."""


@dataclass(frozen=True, kw_only=True)
class StagedImage:
    """Both files of an image, written under temporary names; nothing shows until `publish`."""

    name: str
    sha256: str
    maps_name: str
    maps_sha256: str
    temporary: Path
    maps_temporary: Path


def image_path(image: Image) -> Path:
    """The image's PNG file. Raises MediaMissing for an image that is not done."""
    return _path_of(image.file, image)


def has_files(image: Image) -> bool:
    """Whether both files of a done image are where its row says."""
    return all(_path_of(name, image).is_file() for name in (image.file, image.maps_file))


def read_png(image: Image) -> bytes:
    """The image as PNG bytes. Raises MediaMissing."""
    return _read(image_path(image))


def read_word_map(word_map: WordMap) -> Array:
    """The raw map of one word: (height, width) at latent size, float32. Raises MediaMissing."""
    if not word_map.seen_by_model:
        raise MediaMissing(f"'{word_map.word.text}' lies past the model's context window: it has no map.")
    path = _path_of(word_map.image.maps_file, word_map.image)
    with np.load(io.BytesIO(_read(path)), allow_pickle=False) as arrays:
        places = np.flatnonzero(arrays["positions"] == word_map.word.position)
        if len(places) != 1:
            raise MediaMissing(
                f"{path.name} has no map for word {word_map.word.position}. Generate the image again."
            )
        place = int(places[0])
        raw: Array = arrays["maps"][place].astype(np.float32) * arrays["scales"][place]
    return raw


def stage_image(image_id: int, *, run_id: int, png: bytes, word_maps: Mapping[int, Array]) -> StagedImage:
    """Writes both files of an image under temporary names, flushed to disk. Raises OSError (disk full)."""
    name, maps_name = f"runs/{run_id}/{image_id}.png", f"runs/{run_id}/{image_id}.npz"
    packed = pack_word_maps(word_maps)
    temporary = whole_files.stage(_root() / name, png)
    try:
        maps_temporary = whole_files.stage(_root() / maps_name, packed)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return StagedImage(
        name=name,
        sha256=sha256(png).hexdigest(),
        maps_name=maps_name,
        maps_sha256=sha256(packed).hexdigest(),
        temporary=temporary,
        maps_temporary=maps_temporary,
    )


def publish(staged: StagedImage) -> None:
    """Gives both files their final names. To be called while the image's row is locked."""
    whole_files.publish(staged.temporary, _root() / staged.name)
    whole_files.publish(staged.maps_temporary, _root() / staged.maps_name)


def discard(staged: StagedImage) -> None:
    """Deletes what was staged, where it is still there."""
    staged.temporary.unlink(missing_ok=True)
    staged.maps_temporary.unlink(missing_ok=True)


def sweep(*, older_than_seconds: float) -> int:
    """Deletes temporary files left by killed workers. Returns how many."""
    return whole_files.sweep(_root() / "runs", older_than_seconds=older_than_seconds)


def pack_word_maps(word_maps: Mapping[int, Array]) -> bytes:
    """The maps file for maps by word position. Equal maps give equal bytes.

    word_maps: (height, width) each, all of one shape, finite; bicubic enlargement may leave values a little
    below 0. Raises ValueError otherwise.
    """
    positions = sorted(word_maps)
    stack = np.stack([word_maps[position] for position in positions]) if positions else np.zeros((0, 0, 0))
    stack = stack.astype(np.float32)
    if not np.isfinite(stack).all():
        raise ValueError("a word map holds values that are not finite")
    peaks = np.abs(stack).reshape(len(positions), -1).max(axis=1) if positions else np.zeros(0)
    scales = np.where(peaks > 0, peaks, 1).astype(np.float32)
    return _npz(
        positions=np.array(positions, dtype=np.int32),
        scales=scales,
        maps=(stack / scales[:, None, None]).astype(np.float16),
    )


def _npz(**arrays: NDArray[Any]) -> bytes:
    # numpy.savez writes the time of day into the archive, so equal maps would have unequal hashes.
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _path_of(name: str, image: Image) -> Path:
    if not name:
        raise MediaMissing(f"Image {image.pk} is not generated yet.")
    return _root() / name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MediaMissing(
            f"{path.name} is missing from the media folder. Restore it from a backup."
        ) from None


def _root() -> Path:
    return Path(settings.MEDIA_ROOT)
