"""Browser tests that could not run are named in capitals, and fail a run of continuous integration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
BROWSER_TEST = "def test_in_a_browser(chromium_executable): pass\n"


def run_without_chromium(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of one browser test on a machine where no Chromium is installed or fetched."""
    (folder / "test_page.py").write_text(BROWSER_TEST)
    kept = {key: value for key, value in os.environ.items() if key not in ("CI", "CHROMIUM")}
    nowhere = {"PATH": str(folder), "PLAYWRIGHT_BROWSERS_PATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider",
         "-c", str(REPOSITORY / "pyproject.toml"), "--rootdir", str(folder), str(folder)],
        cwd=REPOSITORY, env=kept | nowhere | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_missing_chromium_is_told_in_capitals(tmp_path: Path) -> None:
    """Control: remove pytest_terminal_summary."""
    done = run_without_chromium(tmp_path)

    assert done.returncode == 0, done.stdout
    assert "SO 1 BROWSER TESTS DID NOT RUN" in done.stdout


def test_a_missing_chromium_fails_continuous_integration(tmp_path: Path) -> None:
    """Control: skip whatever CI says."""
    done = run_without_chromium(tmp_path, CI="true")

    assert done.returncode == 1, done.stdout
    assert "CI must run the browser tests" in done.stdout


def test_a_wrong_path_to_chromium_is_not_passed_over(tmp_path: Path) -> None:
    """Control: fall back to an installed one; whoever set CHROMIUM would never know."""
    done = run_without_chromium(tmp_path, CHROMIUM=str(tmp_path / "nothing"))

    assert done.returncode == 1
    assert "CHROMIUM names no file" in done.stdout


@pytest.mark.browser
def test_the_chromium_that_was_found_is_one(chromium_executable: Path) -> None:
    done = subprocess.run([chromium_executable, "--version"], capture_output=True, text=True, check=True)

    assert "Chrom" in done.stdout
