"""The loop of a worker: drains the table, sweeps, waits for the doorbell. No torch here."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from django.db import close_old_connections, connection

from generation import doorbell, picture_storage, storage
from generation.sweeping import swept

logger = logging.getLogger(__name__)

SWEEP_EVERY_SECONDS: Final = 15
# A file is staged for milliseconds; what is this old belongs to nobody alive.
ORPHAN_SECONDS: Final = 40


class Drains(Protocol):
    """What a worker is to the loop."""

    def drain(self, *, should_stop: Callable[[], bool]) -> int:
        """Works until nothing waits, or asked to stop."""


class Drainer(threading.Thread):
    """A worker's loop: drains the table, sweeps orphans, waits for the doorbell or the next poll."""

    def __init__(self, worker: Drains, *, poll_seconds: float) -> None:
        super().__init__(name="drainer")
        self._worker = worker
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._swept = 0.0

    def run(self) -> None:
        """Loops until `stop` is called; the thread's body."""
        while not self._stopping.is_set():
            close_old_connections()
            try:
                self._worker.drain(should_stop=self._stopping.is_set)
                self._sweep()
            except Exception:
                # The database may be restarting, the model list may be edited: the images are safe, so try
                # again.
                logger.exception("the worker's loop failed; it goes on in %s s", self._poll_seconds)
            doorbell.rung.wait(self._poll_seconds)
            doorbell.rung.clear()
        connection.close()

    def stop(self) -> None:
        """Lets the batch in hand finish and ends the loop."""
        self._stopping.set()
        doorbell.rung.set()
        self.join()

    def _sweep(self) -> None:
        if time.monotonic() - self._swept > SWEEP_EVERY_SECONDS:
            storage.sweep(older_than_seconds=ORPHAN_SECONDS)
            picture_storage.sweep(older_than_seconds=ORPHAN_SECONDS)
            # Robust: Django logs what a receiver raises and goes on.
            swept.send_robust(sender=type(self))
            self._swept = time.monotonic()
