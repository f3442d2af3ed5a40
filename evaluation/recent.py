"""Reports that were made a moment ago, so that the thirty links of one page don't each make theirs anew.

Kept in this process, by everything that they were made of: nothing that is remembered can be out of date. For
a campaign that is the database itself at one moment (`moment`), for an uploaded file the hash of its bytes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from django.db import connection

MOST_REPORTS: Final = 8
# A million answers with their report are about half a gigabyte.
MOST_ANSWERS: Final = 1_000_000
KEPT_SECONDS: Final = 600.0
Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class _Entry(Generic[Made]):
    made: Made
    answers: int
    at: float


class Recent(Generic[Made]):
    """The latest results of one kind of work; threads that ask for the same one wait for the first."""

    def __init__(self, answers_of: Callable[[Made], int]) -> None:
        """answers_of: how many answers a result rests on, a measure of its memory.

        times_made: how often something was made, for those who want to know whether this is of use.
        """
        self.times_made = 0
        self._answers_of = answers_of
        self._entries: OrderedDict[Hashable, _Entry[Made]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What was made under this key, or what `make` makes now. What `make` raises is kept by nobody."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        try:
            with making:
                found = self._found(key)
                if found is None:
                    found = _Entry(made=(made := make()), answers=self._answers_of(made), at=time.monotonic())
                    self._keep(key, found)
                return found.made
        finally:
            with self._lock:
                self._making.pop(key, None)

    def forget(self, wanted: Callable[[Hashable], bool]) -> None:
        """Drops what is kept under such keys."""
        with self._lock:
            for key in [key for key in self._entries if wanted(key)]:
                del self._entries[key]

    def _found(self, key: Hashable) -> _Entry[Made] | None:
        with self._lock:
            oldest = time.monotonic() - KEPT_SECONDS
            for stale in [held for held, entry in self._entries.items() if entry.at < oldest]:
                del self._entries[stale]
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def _keep(self, key: Hashable, entry: _Entry[Made]) -> None:
        with self._lock:
            self.times_made += 1
            self._entries[key] = entry
            while len(self._entries) > MOST_REPORTS or self._answers() > MOST_ANSWERS:
                self._entries.popitem(last=False)

    def _answers(self) -> int:
        return sum(entry.answers for entry in self._entries.values())


def moment() -> str:
    """What the database shows to the snapshot that is held: equal texts, equal rows in every table.

    It names the transactions whose writes are seen. To be asked inside `annotation.exports.snapshot`, which
    writes nothing itself.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database() || ' ' || pg_current_snapshot()::text")
        (text,) = cursor.fetchone()
    return str(text)
