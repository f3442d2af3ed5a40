"""The ratings.csv of a report, wherever its rows come from."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any


class Ratings:
    """The file and its hash, which is known once the file was made: a bundle makes it no second time."""

    def __init__(self, *, columns: Sequence[Any], pieces: Callable[[], Iterator[bytes]]) -> None:
        """columns: each with name and meaning.  pieces: the file, from its start and the same each time."""
        self.columns = columns
        self._pieces = pieces
        self._sha256 = ""

    def pieces(self) -> Iterator[bytes]:
        """The file."""
        digest = hashlib.sha256()
        for piece in self._pieces():
            digest.update(piece)
            yield piece
        self._sha256 = digest.hexdigest()

    def sha256(self) -> str:
        """SHA-256 of the file."""
        if not self._sha256:
            for _ in self.pieces():
                pass
        return self._sha256
