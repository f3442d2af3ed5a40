"""Leases are renewed while a worker computes, and given up when it hangs."""

import threading

import pytest
from django.db import OperationalError

from generation.heartbeat import Heartbeat

PATIENCE_SECONDS = 30


def test_the_lease_is_renewed_again_and_again_until_the_work_is_done() -> None:
    """Control: a single renewal at the start."""
    beats = threading.Semaphore(0)

    def extend() -> int:
        beats.release()
        return 1

    with Heartbeat(extend, lease_seconds=0.03, hard_limit_seconds=1000):
        for _ in range(3):
            assert beats.acquire(timeout=PATIENCE_SECONDS)
    while beats.acquire(blocking=False):
        pass
    assert not beats.acquire(timeout=0.1)


def test_a_database_that_is_away_for_a_moment_does_not_end_the_heartbeat() -> None:
    """Control: an exception that ends the thread."""
    calls = []
    again = threading.Event()

    def extend() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("server closed the connection")
        again.set()
        return 1

    with Heartbeat(extend, lease_seconds=0.03, hard_limit_seconds=1000):
        assert again.wait(PATIENCE_SECONDS)


def test_a_worker_that_hangs_is_given_up_and_no_longer_renewed() -> None:
    """Control: without the hard limit a hanging worker holds its images for ever."""
    overrun = threading.Event()
    with Heartbeat(
        lambda: pytest.fail("renewed"), lease_seconds=0.03, hard_limit_seconds=0, on_overrun=overrun.set
    ):
        assert overrun.wait(PATIENCE_SECONDS)
