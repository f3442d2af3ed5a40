"""Raters who answer as fast as the server lets them, and what that comes to."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from statistics import quantiles
from typing import Protocol

import psutil

TIMEOUT_SECONDS = 60


class Session(Protocol):
    """One rater of one tool."""

    def start(self) -> None:
        """Comes in, and has her first task before her."""

    def rate(self) -> bool:
        """Answers it and has the next one before her; False where there is none."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What so many raters got done. milliseconds: from submit to the next task, one number per rating.

    cpu_seconds: processor time of the server's processes meanwhile, its database's included.
    """

    raters: int
    seconds: float
    milliseconds: tuple[float, ...]
    cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Completed ratings per second, all raters together."""
        return len(self.milliseconds) / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """Processor time of the server per rating: says the most where other programs use the machine."""
        return 1000 * self.cpu_seconds / max(1, len(self.milliseconds))

    def percentile(self, percent: int) -> float:
        """Milliseconds from submit to the next task; NaN below two ratings."""
        if len(self.milliseconds) < 2:
            return float("nan")
        return quantiles(self.milliseconds, n=100, method="inclusive")[percent - 1]


@dataclass
class Connection:
    """One browser's connection, kept open where the server keeps it, with its cookies."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    _open: http.client.HTTPConnection | None = None

    def send(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of one answer, redirects not followed. A shut connection is reopened."""
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        sent = {name: value for name, value in (sent | dict(headers or {})).items() if value}
        for attempt in (1, 2):
            try:
                if self._open is None:
                    self._open = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
                self._open.request(method, path, body=body or None, headers=sent)
                answer = self._open.getresponse()
                content = answer.read()
                break
            except (http.client.HTTPException, ConnectionError):
                self._open = None
                if attempt == 2:
                    raise
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        return answer.status, answer.headers, content


def processor_seconds(*processes: int) -> float:
    """Processor time that these processes and all they started have used so far."""
    total = 0.0
    for root in map(psutil.Process, processes):
        of_ended = root.cpu_times()
        total += of_ended.children_user + of_ended.children_system
        for process in (root, *root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


def measure(
    make: Callable[[int], Session], *, raters: int, seconds: float, processes: Sequence[int] = ()
) -> Measured:
    """What `raters` raters get done at once in so many seconds, after all of them have come in.

    make: the session of rater number N, from 0.  processes: of the server, for its processor time. Raises the
    first error of any of them.
    """
    gate = threading.Barrier(raters)
    took: list[float] = []
    errors: list[Exception] = []
    begun: list[float] = []
    used: list[float] = []

    def work(number: int) -> None:
        mine: list[float] = []
        try:
            session = make(number)
            session.start()
            if gate.wait(timeout=300) == 0:
                used.append(processor_seconds(*processes))
            start = last = time.perf_counter()
            begun.append(start)
            more = True
            while more and last - start < seconds:
                more = session.rate()
                now = time.perf_counter()
                mine.append(1000 * (now - last))
                last = now
        except Exception as error:  # noqa: BLE001 (raised below, in the caller's thread)
            errors.append(error)
            gate.abort()
        took.extend(mine)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(raters)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise next(
            (error for error in errors if not isinstance(error, threading.BrokenBarrierError)), errors[0]
        )
    return Measured(
        raters=raters,
        seconds=time.perf_counter() - min(begun),
        milliseconds=tuple(took),
        cpu_seconds=processor_seconds(*processes) - used[0],
    )
