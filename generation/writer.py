"""A thread for small jobs off the critical path: files are written while the next images are computed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

Task = Callable[[], None]


class Writer:
    """Does tasks one after another in a thread of its own, between entering and leaving.

    room: tasks that may wait; putting one more blocks, so that a slow disk slows the computing down instead
    of filling the memory. Leaving waits for all of them.
    at_end: called in the thread after its last task, to give back what is the thread's own (a connection).
    """

    def __init__(self, *, room: int, at_end: Task = lambda: None) -> None:
        self._tasks: queue.Queue[Task | None] = queue.Queue(maxsize=room)
        self._at_end = at_end
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tasks.put(None)
        self._thread.join()
        if error is None:
            self._raise_failure()

    def put(self, task: Task) -> None:
        """Waits for room. Raises what an earlier task raised, once; those after it are done all the same."""
        self._raise_failure()
        self._tasks.put(task)

    def _raise_failure(self) -> None:
        failure, self._error = self._error, None
        if failure is not None:
            raise failure

    def _work(self) -> None:
        try:
            while (task := self._tasks.get()) is not None:
                try:
                    task()
                except Exception as failure:  # noqa: BLE001 (raised again where the next task is put)
                    self._error = self._error or failure
        finally:
            self._at_end()
