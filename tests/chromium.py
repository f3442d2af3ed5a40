"""Where a Chromium for the browser tests is.

`python -m tests.chromium` says which one the tests will use, and fetches Playwright's own when there is none.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_PLACE: Final = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
FETCH_SECONDS: Final = 300


def executable() -> Path | None:
    """The first of: CHROMIUM, an installed Chromium or Chrome, Playwright's own. None where there is none.

    Raises FileNotFoundError when CHROMIUM names a file that is not there.
    """
    if named := os.environ.get("CHROMIUM"):
        if not Path(named).is_file():
            raise FileNotFoundError("CHROMIUM names no file. Give the path of a Chromium, or unset it.")
        return Path(named)
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    return MAC_PLACE if MAC_PLACE.is_file() else _fetched()


def fetch() -> str:
    """Asks Playwright to fetch its Chromium; returns "" or the last line of what went wrong."""
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"not fetched within {FETCH_SECONDS} seconds"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def _fetched() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def main() -> None:
    """Prints the Chromium that the browser tests will use; its absence is reported by the tests, not here."""
    found = executable()
    if found is None:
        print("No Chromium found; fetching Playwright's.", flush=True)
        if problem := fetch():
            print(f"Playwright's Chromium could not be fetched: {problem}")
        found = executable()
    print(f"Browser tests use {found or 'nothing: THERE IS NO CHROMIUM'}.")


if __name__ == "__main__":
    main()
