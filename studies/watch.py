"""Percept's own parts kept running: a part that ended by itself is started again, but not for ever."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from studies.processes import Part, PartStartError

LOOK_SECONDS: Final = 1.0
MOST_RESTARTS: Final = 5
WITHIN_SECONDS: Final = 300.0
LONGEST_WAIT_SECONDS: Final = 16.0


@dataclass(kw_only=True)
class _Watched:
    """One part, how it is started again, and when it was (monotonic seconds)."""

    part: Part
    start_again: Callable[[], Part]
    restarts: deque[float] = field(default_factory=deque)


class Watch:
    """Parts that run until the context is left, each started again when it ends by itself.

    say: gets a line about every end and start.  A part that ends more than MOST_RESTARTS times within
    WITHIN_SECONDS is left alone, and `check` raises from then on; the waits before each start double.
    """

    def __init__(self, *, say: Callable[[str], None], first_wait_seconds: float = 1.0) -> None:
        self._say = say
        self._first_wait_seconds = first_wait_seconds
        self._watched: list[_Watched] = []
        self._given_up: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for watched in reversed(self._watched):
            watched.part.stop()

    def add(self, part: Part, *, start_again: Callable[[], Part]) -> None:
        """Watches a running part from now on."""
        self._watched.append(_Watched(part=part, start_again=start_again))

    def check(self) -> None:
        """Nothing, or PartStartError where a part ended again and again."""
        if self._given_up is not None:
            raise PartStartError(self._given_up)

    def parts(self) -> Mapping[str, Part]:
        """What runs now, by name."""
        return {watched.part.name: watched.part for watched in self._watched}

    def _look_on(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS) and self._given_up is None:
            for watched in list(self._watched):
                if watched.part.process.poll() is not None:
                    self._restart(watched)

    def _restart(self, watched: _Watched) -> None:
        part = watched.part
        now = time.monotonic()
        while watched.restarts and now - watched.restarts[0] > WITHIN_SECONDS:
            watched.restarts.popleft()
        how = _how_it_ended(part.process.returncode)
        if len(watched.restarts) >= MOST_RESTARTS:
            self._given_up = (
                f"The {part.name} {how} {MOST_RESTARTS + 1} times within {WITHIN_SECONDS / 60:.0f} minutes, "
                f"so it is not started again. The end of {part.log}:\n{part.end_of_log()}"
            )
            return
        wait = min(self._first_wait_seconds * 2 ** len(watched.restarts), LONGEST_WAIT_SECONDS)
        if self._stopping.wait(wait):
            return
        watched.restarts.append(now)
        watched.part = watched.start_again()
        self._say(f"The {part.name} {how}; it was started again. Why stands in {part.log}.")


def _how_it_ended(status: int) -> str:
    """A process's end in words. status: as of subprocess, negative for a signal."""
    return f"was killed by signal {-status}" if status < 0 else f"ended by itself with status {status}"
