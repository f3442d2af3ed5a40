"""A database, a web server and raters who try again: everything that a kill test needs."""

import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import psycopg
from django.conf import settings

from config import embedded
from studies.page_forms import PageForm, read_page
from studies.processes import free_port

START_SECONDS = 120
VISIT_SECONDS = 1200
RETRY_SECONDS = 0.1
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One running Percept. tokens: one rater each."""

    var: Path
    port: int
    web: psutil.Process
    tokens: tuple[str, ...]

    def kill_a_web_worker(self) -> None:
        """kill -9 of one worker process; the web server's master starts another."""
        for worker in random.sample(self.web.children(), k=1):
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.send_signal(signal.SIGKILL)

    def kill_the_database(self) -> None:
        """kill -9 of the database server and all its processes."""
        pid = int((embedded.place(self.var).data / "postmaster.pid").read_text().split("\n", 1)[0])
        postmaster = psutil.Process(pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(embedded.place(self.var).conninfo(embedded.DATABASE)) as connection:
            return connection.execute(query).fetchall()


@dataclass
class Told:
    """What raters were told was saved: slots by key.  retries: requests without an answer."""

    keys: dict[str, str] = field(default_factory=dict)
    retries: int = 0
    kills: int = 0
    database_kills: int = 0


@contextmanager
def stage(var: Path, *, raters: int, items: int, k: int, application: str, workers: int) -> Iterator[Stage]:
    """Percept on a database of its own in `var`, until the block ends."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PERCEPT_VAR": str(var),
        "MEDIA_ROOT": str(var / "media"),
        "SECRET_KEY": "kill",
        "DEBUG": "1",
        "DATABASE_URL": "",
        "BROKER_URL": "memory://",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    environment.pop("DATABASE_URL")
    port = free_port(0)
    with contextlib.ExitStack() as stack:
        numbers = [str(raters), str(items), str(k)]
        program = [sys.executable, "-m", "tests.annotation.kill.seed", *numbers]
        seed = stack.enter_context(_running(program, environment))
        assert seed.stdout is not None
        line = seed.stdout.readline()
        assert line, "the campaign could not be made; its error is above"
        web = stack.enter_context(_running(
            [
                sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", "--preload",
                "--worker-class", "gthread", "--workers", str(workers), "--threads", "8",
                "--graceful-timeout", "5", "--log-level", "critical", "--no-control-socket",
            ],
            environment,
        ))  # fmt: skip
        _await_answer(port)
        yield Stage(var=var, port=port, web=psutil.Process(web.pid), tokens=tuple(json.loads(line)["tokens"]))


def storm(on: Stage, *, kill_each: int, most_kills: int = 10**6, kill_database_at: int = 0) -> Told:
    """All raters at once rate to the end while web workers are killed; what they were told.

    kill_each: a worker dies after so many acknowledged answers, again and again; 0 for never. Counting
    answers, not seconds, keeps a slow machine from killing every worker before it can answer at all.
    kill_database_at: the database dies once, after so many answers; 0 for never.
    """
    told, over = Told(), threading.Event()

    def kill() -> None:
        next_kill, database_dies = kill_each, kill_database_at
        while not over.wait(0.02):
            if kill_each and told.kills < most_kills and len(told.keys) >= next_kill:
                on.kill_a_web_worker()
                told.kills += 1
                next_kill = len(told.keys) + kill_each
            if database_dies and len(told.keys) >= database_dies:
                on.kill_the_database()
                told.database_kills += 1
                database_dies = 0

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with ThreadPoolExecutor(max_workers=len(on.tokens)) as pool:
            list(pool.map(lambda token: _visit(on.port, token, told), on.tokens))
    finally:
        over.set()
        killer.join()
    return told


def _visit(port: int, token: str, told: Told) -> None:
    """One rater presses buttons until there are none, and tries again whenever nothing comes back."""
    deadline = time.monotonic() + VISIT_SECONDS
    while time.monotonic() < deadline:
        _, page = _ask(port, "GET", f"/r/{token}/", deadline=deadline, told=told)
        form = read_page(page).form_with_button("option")
        if form is None:
            return
        _press(port, form, deadline=deadline, told=told)
    raise TimeoutError(f"a rater was not done after {VISIT_SECONDS} s")


def _press(port: int, form: PageForm, *, deadline: float, told: Told) -> None:
    """Half of the answers are sent as a plain form, half as the page's script sends them."""
    key = form.fields["idempotency_key"]
    accept = "application/json" if int(key[-1], 16) % 2 else "text/html"
    body = urlencode({**form.fields, "option": "4"})
    status, reply = _ask(port, "POST", form.action, body=body, deadline=deadline, told=told, accept=accept)
    if status == 303 or (status == 200 and json.loads(reply)["outcome"] in ("saved", "already")):
        told.keys[key] = form.fields["slot"]


def _ask(
    port: int,
    method: str,
    path: str,
    *,
    deadline: float,
    told: Told,
    body: str | None = None,
    accept: str = "text/html",
) -> tuple[int, str]:
    """The status and the page, however often it takes: the same request is sent until something answers."""
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            headers = {"Accept": accept} | ({"Content-Type": FORM} if body else {})
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            page = response.read().decode()
            if response.status < 500:
                return response.status, page
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        told.retries += 1
        time.sleep(RETRY_SECONDS)
    raise TimeoutError(f"{path} did not answer")


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=settings.BASE_DIR,
    )
    try:
        yield process
    finally:
        if "gunicorn" in command:
            process.terminate()
        process.communicate(timeout=60)  # closes the program's input, which ends the other one


def _await_answer(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
