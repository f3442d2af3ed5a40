"""Where images and word maps lie on disk. Names are made from the image's id: a repeat overwrites itself.

A maps file is an .npz of three arrays: `positions` (n,) word positions, `scales` (n,) float32 and `maps`
(n, height, width) float16, each map divided by its scale, its
largest absolute value. Raw values are maps * scales: float16 alone would
overflow above 65504 and lose small values.

An explored image has a third file, .explored.npz: `positions`, `layers` and `methods` (names), `drift`, and
for each of `steps`, `by_layer` and `by_method` an array (n, maps, height, width) with its scales (n, maps);
`has_method` (n, methods) says which methods a word has, `concepts` and `notes` (n,) whose heads spoke or why
none did.
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

_EXPLORED = ("steps", "by_layer", "by_method")


class MediaMissing(LookupError):  # noqa: N818 (a state of the media folder)
    """A row names a file that is not there or not the one that was stored; says which and what to do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredExploration:
    """Raw maps of one word, (maps, height, width) each: of every step, layer and method.

    drift: largest difference of a pixel's value, 0 to 255, between the image drawn again and the stored one.
    concept: whose heads the maps of chosen heads are; empty where there are none, and note says why.
    """

    layers: tuple[str, ...]
    methods: tuple[str, ...]
    drift: int
    steps: Array
    by_layer: Array
    by_method: Array
    concept: str = ""
    note: str = ""


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
    return _read(image_path(image), digest=image.file_sha256)


def read_word_map(word_map: WordMap) -> Array:
    """The raw map of one word: (height, width) at latent size, float32. Raises MediaMissing."""
    if not word_map.seen_by_model:
        raise MediaMissing(f"'{word_map.word.text}' lies past the model's context window: it has no map.")
    path = _path_of(word_map.image.maps_file, word_map.image)
    content = _read(path, digest=word_map.image.maps_sha256)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        places = np.flatnonzero(arrays["positions"] == word_map.word.position)
        if len(places) != 1:
            raise MediaMissing(
                f"{path.name} has no map for word {word_map.word.position}. Generate the image again."
            )
        place = int(places[0])
        raw: Array = arrays["maps"][place].astype(np.float32) * arrays["scales"][place]
    return raw


def read_word_maps(image: Image) -> dict[int, Array]:
    """The raw maps of all words by word position, the file read once. Raises MediaMissing."""
    content = _read(_path_of(image.maps_file, image), digest=image.maps_sha256)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        maps, scales = arrays["maps"], arrays["scales"]
        return {
            int(position): maps[place].astype(np.float32) * scales[place]
            for place, position in enumerate(arrays["positions"])
        }


def read_exploration(word_map: WordMap) -> StoredExploration:
    """The word's maps of every step, layer and method. Raises MediaMissing."""
    path = _exploration_path(word_map.image)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MediaMissing(f"The maps of image {word_map.image_id} were not taken apart.") from None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        places = np.flatnonzero(arrays["positions"] == word_map.word.position)
        if len(places) != 1:
            raise MediaMissing(f"{path.name} has no maps for word {word_map.word.position}.")
        place = int(places[0])
        steps, by_layer, by_method = (
            arrays[name][place].astype(np.float32) * arrays[f"{name}_scales"][place][:, None, None]
            for name in _EXPLORED
        )
        # Files of before chosen heads lack the last three arrays.
        has = arrays["has_method"][place] if "has_method" in arrays else np.ones(len(by_method), dtype=bool)
        return StoredExploration(
            layers=tuple(arrays["layers"].tolist()),
            methods=tuple(arrays["methods"][has].tolist()),
            drift=int(arrays["drift"]),
            steps=steps,
            by_layer=by_layer,
            by_method=by_method[has],
            concept=str(arrays["concepts"][place]) if "concepts" in arrays else "",
            note=str(arrays["notes"][place]) if "notes" in arrays else "",
        )


def explored_methods(image: Image) -> dict[int, tuple[str, ...]]:
    """By word position, the methods by which the word's map was taken apart; empty where none was.

    Words without a concept have no maps of chosen heads: nobody is shown a word's zeros for a map.
    """
    path = _exploration_path(image)
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as arrays:
        positions, methods = arrays["positions"].tolist(), arrays["methods"]
        every = np.ones((len(positions), len(methods)), dtype=bool)
        has_method = arrays.get("has_method", every)
        return {
            position: tuple(methods[has].tolist())
            for position, has in zip(positions, has_method, strict=True)
        }


def read_method_map(word_map: WordMap, *, method: str) -> Array:
    """The word's raw map by one method, (height, width) float32. Raises MediaMissing."""
    path = _exploration_path(word_map.image)
    if not path.is_file():
        raise MediaMissing(f"The maps of image {word_map.image_id} were not taken apart.")
    # Opened by its path: of the arrays only those that are asked for are read.
    with np.load(path, allow_pickle=False) as arrays:
        places = np.flatnonzero(arrays["positions"] == word_map.word.position)
        methods = arrays["methods"].tolist()
        is_there = len(places) == 1 and method in methods
        if is_there and "has_method" in arrays:
            is_there = bool(arrays["has_method"][int(places[0]), methods.index(method)])
        if not is_there:
            raise MediaMissing(
                f"{path.name} has no map by {method!r} for word {word_map.word.position}. "
                "Take the maps apart again on the image's page, or choose a method that the word has."
            )
        where = int(places[0]), methods.index(method)
        raw: Array = arrays["by_method"][where].astype(np.float32) * arrays["by_method_scales"][where]
    return raw


def write_exploration(image: Image, words: Mapping[int, StoredExploration]) -> None:
    """Writes the maps of all words, by word position; whole or not at all. Raises ValueError for none."""
    if not words:
        raise ValueError("no word of this prompt is read by the model: there is nothing to explore")
    positions = sorted(words)
    listed = [words[position] for position in positions]
    # The fullest word names them all, in their order.
    methods = max((each.methods for each in listed), key=len)
    packed: dict[str, NDArray[Any]] = {}
    for name in _EXPLORED:
        parts = [_spread(each, methods) if name == "by_method" else getattr(each, name) for each in listed]
        stack = np.stack(parts).astype(np.float32)
        peaks = np.abs(stack).max(axis=(2, 3))
        scales = np.where(peaks > 0, peaks, 1).astype(np.float32)
        packed[name] = (stack / scales[:, :, None, None]).astype(np.float16)
        packed[f"{name}_scales"] = scales
    content = _npz(
        positions=np.array(positions, dtype=np.int32),
        layers=np.array(listed[0].layers),
        methods=np.array(methods),
        has_method=np.array([[name in each.methods for name in methods] for each in listed]),
        concepts=np.array([each.concept for each in listed], dtype=np.str_),
        notes=np.array([each.note for each in listed], dtype=np.str_),
        drift=np.array(listed[0].drift),
        **packed,
    )
    path = _exploration_path(image)
    whole_files.publish(whole_files.stage(path, content), path)


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


def _spread(word: StoredExploration, methods: tuple[str, ...]) -> Array:
    """Its maps at the places of these methods; zeros at those that it lacks."""
    own = dict(zip(word.methods, word.by_method, strict=True))
    nothing = np.zeros(word.steps.shape[1:], dtype=np.float32)
    return np.stack([own.get(name, nothing) for name in methods])


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


def _exploration_path(image: Image) -> Path:
    return _root() / f"runs/{image.run_id}/{image.pk}.explored.npz"


def _read(path: Path, *, digest: str) -> bytes:
    """The file as it was stored; a changed or damaged one is never shown to anybody."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MediaMissing(
            f"{path.name} is missing from the media folder. Restore it from a backup."
        ) from None
    if sha256(content).hexdigest() != digest:
        raise MediaMissing(f"{path.name} is not the file that was stored. Restore it from a backup.")
    return content


def _root() -> Path:
    return Path(settings.MEDIA_ROOT)
