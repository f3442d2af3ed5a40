"""Uploaded files that wait outside the database."""

import os
from pathlib import Path

from common.kept_files import KeptFile, Shelf


def _shelf(root: Path) -> Shelf:
    return Shelf(root, kept_seconds=60)


def test_a_file_is_found_by_its_owner_and_hash_only(tmp_path: Path) -> None:
    """Control: folders named by the hash alone."""
    folder = _shelf(tmp_path).put(1, name="a.csv", content=b"x")
    kept = KeptFile.at(_shelf(tmp_path).folder(1, folder.name))
    assert kept is not None
    assert kept.name == "a.csv"
    with kept.open() as content:
        assert content.read() == b"x"
    assert KeptFile.at(_shelf(tmp_path).folder(2, folder.name)) is None


def test_a_file_that_nobody_looked_at_goes_with_the_next_one(tmp_path: Path) -> None:
    """Control: a sweep that counts from the upload, whoever looked since."""
    shelf = _shelf(tmp_path)
    left, looked_at = (shelf.put(1, name="a.csv", content=content) for content in (b"x", b"y"))
    for folder in (left, looked_at):
        os.utime(folder / "name.txt", (0, 0))
    kept = KeptFile.at(looked_at)
    assert kept is not None
    kept.look()
    new = shelf.put(2, name="b.csv", content=b"z")
    assert list(shelf.folders(1)) == [looked_at]
    assert list(shelf.folders(2)) == [new]
