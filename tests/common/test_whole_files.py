"""Files are whole or absent."""

import errno
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import whole_files

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_written_file_is_there_with_nothing_beside_it(tmp_path: Path) -> None:
    whole_files.write(tmp_path / "a" / "b.txt", b"content")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"content"


def test_a_staged_file_does_not_show_under_its_name_until_it_is_published(tmp_path: Path) -> None:
    """Control: staging under the final name."""
    staged = whole_files.stage(tmp_path / "b.txt", b"content")
    assert not (tmp_path / "b.txt").exists()
    whole_files.publish(staged, tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_bytes() == b"content"


def test_publishing_replaces_an_older_file(tmp_path: Path) -> None:
    whole_files.write(tmp_path / "b.txt", b"old")
    whole_files.write(tmp_path / "b.txt", b"new")
    assert (tmp_path / "b.txt").read_bytes() == b"new"


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """A file size limit stands in for the disk: the kernel refuses half way. Control: no clean-up."""
    program = (
        "import resource, signal, sys; from pathlib import Path; from common import whole_files;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "path = Path(sys.argv[1])\n"
        "try: whole_files.write(path, bytes(5000))\n"
        "except OSError as error: sys.exit(error.errno)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "b.txt")], cwd=REPOSITORY, check=False
    )
    assert done.returncode == errno.EFBIG
    assert list(tmp_path.iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize(("age", "left"), [(100, 0), (10, 1)])
def test_only_old_orphans_are_swept(tmp_path: Path, age: int, left: int) -> None:
    orphan = whole_files.stage(tmp_path / "run" / "b.txt", b"content")
    whole_files.write(tmp_path / "run" / "kept.txt", b"content")
    os.utime(orphan, (time.time() - age,) * 2)
    os.utime(tmp_path / "run" / "kept.txt", (time.time() - age,) * 2)
    assert whole_files.sweep(tmp_path, older_than_seconds=60) == 1 - left
    assert (tmp_path / "run" / "kept.txt").exists()
    assert orphan.exists() == bool(left)


def test_sweeping_a_folder_that_is_not_there_sweeps_nothing(tmp_path: Path) -> None:
    assert whole_files.sweep(tmp_path / "nowhere", older_than_seconds=0) == 0


def test_pieces_that_fail_half_way_leave_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """Control: `except OSError` alone in stage_pieces."""

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise RuntimeError

    path = tmp_path / "ratings.csv"
    whole_files.write(path, b"old")
    with pytest.raises(RuntimeError):
        whole_files.stage_pieces(path, pieces())
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("ratings.csv", b"old")]
