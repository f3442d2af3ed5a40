"""The ratings.csv of a report, wherever its rows come from."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """columns: each with name and meaning.  pieces: the file, from its start each time."""

    columns: Sequence[Any]
    pieces: Callable[[], Iterator[bytes]]

    def sha256(self) -> str:
        """SHA-256 of the file."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()
