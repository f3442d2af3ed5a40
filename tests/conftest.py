"""What every test may use, and the summary's word on what could not run."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from pytest_django.fixtures import Settings

from tests import chromium

# One Chromium, and one Playwright, for the browser tests of every app: a process can hold only one.
pytest_plugins = ["tests.browser", "tests.cast"]
# The same examples every time: a red test is somebody's change, not luck.
# HYPOTHESIS_PROFILE=default looks further.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

NO_CHROMIUM = "NO CHROMIUM"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Gives a run as root temporary folders that no other run shuts.

    Every start of pytest closes /tmp/pytest-of-root to other users, and so to the one that runs PostgreSQL
    where we are root: a second run in the middle of a test would take the test's server its folder.
    """
    if os.geteuid() == 0 and config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = tempfile.mkdtemp(prefix="percept-tests-")
        config.add_cleanup(partial(shutil.rmtree, config.option.basetemp, ignore_errors=True))


def pytest_collection_finish() -> None:
    """Takes what is there before the first test out of the search for garbage, and has it done less often.

    Thousands of tests, Django and torch are hundreds of thousands of objects that stay to the end; looking
    through them again and again was a seventh of the computing of tests with pages.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True)
def _media_of_its_own(settings: Settings, tmp_path: Path) -> None:
    """No test writes where another test, or a running Percept, keeps its files."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    """No test leaves torch more threads: where every core has a process of tests, they wait for each other
    at each step, and the tests that follow take ten times as long.

    torch is looked up, not imported: most tests do without it.
    """
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    yield
    if torch and torch.get_num_threads() != before:
        torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def _empty_tables_row_by_row() -> Iterator[None]:
    """Here, not above: before Django has its settings nothing of it may be imported."""
    from tests import empty_tables

    with empty_tables.row_by_row():
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Soak tests run only when the command line names them: -m soak. Files with slow tests come first.

    Where several processes share the files, none is then left alone with a long one at the end.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    if "soak" in (config.option.markexpr or ""):
        return
    soaking = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=soaking)
    items[:] = [item for item in items if item not in soaking]


@pytest.fixture(scope="session")
def chromium_executable() -> Path:
    """A Chromium for Playwright's `executable_path`; without one the test is skipped, in CI it fails."""
    found = chromium.executable()
    if found is not None:
        return found
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(
            f"{NO_CHROMIUM}: CI must run the browser tests. Install chromium, or set CHROMIUM to its path."
        )
    pytest.skip(f"{NO_CHROMIUM}: install chromium, or set CHROMIUM to its path.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in capitals which browser tests did not run, since a line of green hides it."""
    missed = [
        report.nodeid
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and NO_CHROMIUM in report.longrepr[2]
    ]
    if missed:
        terminalreporter.section("BROWSER TESTS DID NOT RUN", sep="!", red=True)
        terminalreporter.line(f"NO CHROMIUM WAS FOUND, SO {len(missed)} BROWSER TESTS DID NOT RUN:")
        for nodeid in missed:
            terminalreporter.line(f"  {nodeid}")
