"""A thread that keeps leases alive while the main thread computes."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from django.db import DatabaseError, InterfaceError, connection

logger = logging.getLogger(__name__)
BEATS_PER_LEASE: Final = 3


def end_process() -> None:
    """Ends this process at once, as nothing gentler ends a thread that hangs inside a library."""
    os.kill(os.getpid(), signal.SIGKILL)


class Heartbeat:
    """Calls extend from enter to exit, three times per lease.

    extend: renews the leases, returns how many are still held. After hard_limit_seconds it is not called any
    more, but on_overrun is: a hanging worker must not hold its images for ever. Then another worker takes
    them over, and its supervisor starts this one again.
    """

    def __init__(
        self,
        extend: Callable[[], int],
        *,
        lease_seconds: float,
        hard_limit_seconds: float,
        on_overrun: Callable[[], None] = end_process,
    ) -> None:
        self._renew = extend
        self._lease_seconds = lease_seconds
        self._hard_limit_seconds = hard_limit_seconds
        self._on_overrun = on_overrun
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        begun = time.monotonic()
        try:
            while not self._ended.wait(self._lease_seconds / BEATS_PER_LEASE):
                if time.monotonic() - begun > self._hard_limit_seconds:
                    logger.critical("no result after %s s: giving up the images", self._hard_limit_seconds)
                    self._on_overrun()
                    return
                self._extend()
        finally:
            connection.close()

    def _extend(self) -> None:
        try:
            logger.debug("%s leases held", self._renew())
        except (DatabaseError, InterfaceError) as error:
            # The database may be back before the lease ends; if not, the fence refuses this worker's results.
            logger.warning("leases could not be extended: %s", error)
            connection.close()
