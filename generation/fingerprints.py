"""What pins a model: the hub's revision, or for a folder a hash of its files. Standard library only."""

import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from generation.registry import ModelSpec

CHUNK: Final = 1 << 20
INDEX: Final = "model_index.json"


class FingerprintError(RuntimeError):
    """The model's folder can't be read; the message says which."""


def revision_of(spec: ModelSpec) -> str:
    """The pinned revision of a hub model, or the content hash of a folder (64 hexadecimal digits).

    Raises FingerprintError where there is no model in the folder.
    """
    if spec.revision is not None:
        return spec.revision
    folder = Path(spec.source)
    try:
        components = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FingerprintError(f"There is no model in {folder.name}: its {INDEX} can't be read.") from error
    # Only what the pipeline loads: a better model card beside it is the same model.
    files = [
        path for name in sorted(components) for path in sorted((folder / name).rglob("*")) if path.is_file()
    ]
    stamps = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in (folder / INDEX, *files)]
    return _hash(folder, tuple(stamps))


@lru_cache(maxsize=32)
def _hash(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    whole = sha256()
    for name, size, _ in stamps:
        path = Path(name)
        whole.update(f"{path.relative_to(folder).as_posix()}\0{size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                whole.update(chunk)
    return whole.hexdigest()
