"""A real worker in a process of its own, on the test's database and media, that tests can kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

REPOSITORY = Path(__file__).resolve().parents[2]
# The test's database has a name of its own, which only the test's process knows.
PROGRAM = """
import sys, django
django.setup()
from django.db import connections
connections.databases["default"]["NAME"] = sys.argv[1]
from django.core.management import call_command
call_command("worker")
"""
PATIENCE_SECONDS = 300


@contextmanager
def worker(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with a lease of two seconds, killed at the end if it still runs. The log gets its output."""
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "GENERATION_LEASE_SECONDS": "2",
        "GENERATION_POLL_SECONDS": "1",
        "GENERATION_BATCH_SIZE": "2",
        "GENERATION_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
        "LOG_LEVEL": "INFO",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, connection.settings_dict["NAME"]],
            cwd=REPOSITORY,
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait()


def wait_until(happened: Callable[[], bool], *, log: Path) -> None:
    """Returns when it has happened; fails, with the worker's log, when it has not for five minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)
