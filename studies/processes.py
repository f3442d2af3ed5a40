"""Percept's own parts as child processes: the web server and the worker, started, awaited, stopped."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

START_SECONDS = 60
STOP_SECONDS = 20


class PartStartError(RuntimeError):
    """A part ended or stayed silent; the message carries the end of its log."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One running part of Percept."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self) -> None:
        """Asks the part to finish what it holds and end; kills it only when it doesn't."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def end_of_log(self) -> str:
        """The last lines that the part wrote."""
        return self.log.read_text(errors="replace")[-2000:]


def start_web(port: int) -> Part:
    """A web server that answers on 127.0.0.1:port when this returns. Raises PartStartError."""
    part = launch_web(port)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(f"http://127.0.0.1:{port}/health/"):
        if part.process.poll() is not None or time.monotonic() > deadline:
            part.stop()
            raise PartStartError(f"The web server did not start. The end of {part.log}:\n{part.end_of_log()}")
        time.sleep(0.2)
    return part


def launch_web(port: int, *, threads: int = 8) -> Part:
    """A web server that will answer on 127.0.0.1:port in a moment, or end with its reason in the log."""
    return start_part(
        "web server",
        [
            "-m", "gunicorn", "--config", "config/gunicorn.py", "config.wsgi:application",
            "--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", str(threads),
        ],
    )  # fmt: skip


def start_worker() -> Part:
    """A worker that takes images from the table of jobs."""
    return start_part("worker", ["manage.py", "worker"])


def start_part(name: str, arguments: Sequence[str]) -> Part:
    """A process of our own interpreter with its own log, in a session that Ctrl-C does not reach."""
    log = Path(settings.PERCEPT_VAR) / "log" / f"{name.replace(' ', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 — our own interpreter and our own fixed arguments
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Part(name=name, process=process, log=log)


def free_port(preferred: int) -> int:
    """The preferred port of 127.0.0.1 if nobody has it, else any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise PartStartError("No free port on 127.0.0.1.")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 — our own loopback address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
