"""A real worker in a process of its own, on the test's database and media, that tests can kill.

The workers are forked from one process that has read torch and diffusers and nothing else: reading them takes
longer than most tests. Django and its settings are each worker's own.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from django.conf import settings
from django.db import connection

PATIENCE_SECONDS = 300
_processes = get_context("forkserver")
_processes.set_forkserver_preload(["generation.pipelines"])


class WorkerProcess:
    """One worker, as `subprocess.Popen` would have it."""

    def __init__(self, variables: dict[str, str], *, database: str, log: Path) -> None:
        self._process = _processes.Process(target=_work, args=(variables, database, log))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    def send_signal(self, number: signal.Signals) -> None:
        """Sends it the signal, if it still runs."""
        if self._process.is_alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, if it still runs."""
        self._process.kill()

    def wait(self, *, timeout: float | None = None) -> int | None:
        """Its exit status; None where it still runs after so many seconds."""
        self._process.join(timeout)
        return self._process.exitcode


@contextmanager
def worker(log: Path) -> Iterator[WorkerProcess]:
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
    process = WorkerProcess({**os.environ, **variables}, database=connection.settings_dict["NAME"], log=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def wait_until(happened: Callable[[], bool], *, log: Path) -> None:
    """Returns when it has happened; fails, with the worker's log, when it has not for five minutes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def _work(variables: dict[str, str], database: str, log: Path) -> None:
    """`manage.py worker` in the forked process, on the test's database: its name only the test knows."""
    os.environ.clear()
    os.environ |= variables
    with log.open("ab") as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    connections.databases["default"]["NAME"] = database
    call_command("worker")
