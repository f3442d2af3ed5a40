"""Percept's parts under watch: what dies is started again, and what dies always is given up, with its log."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from studies import watch as watching
from studies.processes import PartStartError, start_part
from studies.watch import Watch

PATIENCE_SECONDS = 60
LIVES = partial(start_part, "worker", ["-c", "import time; time.sleep(600)"])
DIES = partial(start_part, "worker", ["-c", "import sys; sys.exit('no model here')"])


@pytest.fixture(autouse=True)
def _quick(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PERCEPT_VAR = tmp_path
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.02)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_part_is_started_again_with_a_line_that_says_so() -> None:
    """Control: a watch that only looks leaves it dead, and the wait runs out."""
    lines: list[str] = []
    with Watch(say=lines.append, first_wait_seconds=0.01) as watch:
        first = LIVES()
        watch.add(first, start_again=LIVES)
        os.kill(first.process.pid, signal.SIGKILL)
        wait_until(lambda: len(lines) == 1)
        second = watch.parts()["worker"]
        assert second.process.pid != first.process.pid
        assert second.process.poll() is None
        watch.check()
    assert "The worker was killed by signal 9; it was started again" in lines[0]
    assert second.process.poll() is not None


def test_a_part_that_dies_again_and_again_is_given_up_with_the_end_of_its_log() -> None:
    """Control: without the limit it is started for ever, and `check` never raises."""
    lines: list[str] = []
    begun = time.monotonic()
    with Watch(say=lines.append, first_wait_seconds=0.01) as watch:
        watch.add(DIES(), start_again=DIES)
        with pytest.raises(PartStartError, match=r"status 1 6 times within 5 minutes(?s:.*)no model here"):
            wait_until(partial(_never_happens, watch))
    assert len(lines) == watching.MOST_RESTARTS
    # 0.01 + 0.02 + 0.04 + 0.08 + 0.16: each wait twice the one before.
    assert time.monotonic() - begun > 0.31


def test_a_part_that_was_stopped_on_purpose_is_not_started_again() -> None:
    lines: list[str] = []
    with Watch(say=lines.append, first_wait_seconds=0.01) as watch:
        watch.add(LIVES(), start_again=LIVES)
    assert watch.parts()["worker"].process.poll() is not None
    assert lines == []


def _never_happens(watch: Watch) -> bool:
    watch.check()
    return False
