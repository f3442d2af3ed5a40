"""The bundle: every file of a report in one zip, from which every one of them is made again, byte for byte.

What goes in are answers (ratings.csv, or the file of a kind), the given columns of tables, word maps where
masks are compared with them, and the settings in provenance.json; all else is computed from them. `rebuild`
reads exactly those and computes the rest.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from typing import Final, Protocol

SUMS: Final = "SHA256SUMS"
README: Final = "README.txt"
# Zip knows no time before this; a fixed one keeps the bytes the same.
MOMENT: Final = (1980, 1, 1, 0, 0, 0)
PIECE: Final = 256 * 1024
README_TEXT: Final = """Results made with Percept.

report.html       the whole report, to read or to print
codebook.csv      what every column of every file means; the first file there holds every answer
provenance.json   settings, filters in order with counts, versions
figures/          every figure as SVG, PDF and PNG, with its numbers as CSV
SHA256SUMS        check with: sha256sum -c SHA256SUMS

Make every file again and compare it with this one:
    python manage.py rebuild BUNDLE.zip --out FOLDER
"""


class Files(Protocol):
    """All files of one report, by name."""

    def names(self) -> tuple[str, ...]:
        """Every file."""

    def pieces(self, name: str) -> Iterator[bytes]:
        """The file's bytes."""


def pieces(files: Files) -> Iterator[bytes]:
    """The zip, in pieces. The same report gives the same bytes."""
    out = _Outlet()
    sums: list[str] = []
    with zipfile.ZipFile(out, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in files.names():
            digest = hashlib.sha256()
            with archive.open(_entry(name), "w", force_zip64=True) as member:
                for piece in files.pieces(name):
                    digest.update(piece)
                    member.write(piece)
                    yield from out.taken()
            sums.append(f"{digest.hexdigest()}  {name}\n")
        for name, text in ((README, README_TEXT), (SUMS, "".join(sums))):
            archive.writestr(_entry(name), text.encode())
    yield from out.taken()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=MOMENT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry


class _Outlet(io.RawIOBase):
    """Where the zip is written to: gives away what has been written, and can't be read or wound back."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._held.append(piece)
        return len(piece)

    def taken(self) -> Iterator[bytes]:
        """What was written since the last time."""
        held, self._held = self._held, []
        if held:
            yield b"".join(held)
