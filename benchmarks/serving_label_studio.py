"""Label Studio, by the requests of its own page: the next task, then its annotation.

    python3 -m venv peers/label-studio && peers/label-studio/bin/pip install label-studio==1.23.2
    LABEL_STUDIO=peers/label-studio/bin/label-studio python -m benchmarks.serving --peer label-studio

It is started as its documentation says, on its own server and SQLite file, without telemetry; the first start
makes its tables and takes minutes. Every rater signs up for an account of her own, since tasks are handed out
by account. Submitting and fetching are two requests there; the task's data, drafts and pictures that its page
also loads are left out, in its favour.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks.serving_load import Connection
from benchmarks.serving_peers import SCALE, PeerMissing, Running, wait_for
from studies.processes import free_port

START_SECONDS: Final = 900
TRIES: Final = 20
ADMIN: Final = "admin@example.org"
PASSWORD: Final = "only for a benchmark"  # noqa: S105 (of accounts in a folder that is deleted)
TASKS_AT_ONCE: Final = 1_000
FORM: Final = "application/x-www-form-urlencoded"
CONFIG: Final = (
    '<View><Text name="text" value="$text"/><Choices name="fit" toName="text" choice="single">'
    + "".join(f'<Choice value="{label}"/>' for label in SCALE)
    + "</Choices></View>"
)
_CSRF: Final = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')
# One after the other: its database takes one writer, and coming in is not what is measured.
_coming_in: Final = threading.Lock()


class _Account:
    """A browser that is signed in."""

    def __init__(self, port: int) -> None:
        self._connection = Connection(port=port)

    def enter(self, path: str, **fields: str) -> None:
        """Signs in or up by the page's form."""
        _, _, page = self._connection.send("GET", path)
        found = _CSRF.search(page)
        form = fields | {"csrfmiddlewaretoken": found[1].decode() if found else ""}
        status, _, body = self._connection.send(
            "POST", path, body=urlencode(form).encode(), headers={"Content-Type": FORM}
        )
        if status != 302:
            raise RuntimeError(f"Label Studio answered {status} to {path}: {body[:200]!r}")

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """The JSON of an answer; None for 404. An error of the server's is tried again, as a person would."""
        for _ in range(TRIES):
            status, _, body = self._connection.send(
                method,
                path,
                body=b"" if content is None else json.dumps(content).encode(),
                headers={
                    "Content-Type": "application/json",
                    "X-CSRFToken": self._connection.cookies.get("csrftoken", ""),
                },
            )
            if status < 500:
                break
            time.sleep(0.1)
        if status == 404:
            return None
        if status >= 400:
            raise RuntimeError(f"Label Studio answered {status} to {path}: {body[:200]!r}")
        return json.loads(body)


class LabelStudioRater:
    """One annotator with an account of her own."""

    def __init__(self, port: int, project: int, name: str) -> None:
        self._account = _Account(port)
        self._project = project
        self._name = name
        self._task = 0

    def start(self) -> None:
        """Signs up and opens the first task."""
        with _coming_in:
            self._account.enter("/user/signup/", email=f"{self._name}@example.org", password=PASSWORD)
            if not self._look():
                raise RuntimeError("Label Studio has no first task for a new annotator.")

    def rate(self) -> bool:
        """Submits an annotation and fetches the next task."""
        choice = {
            "from_name": "fit", "to_name": "text", "type": "choices", "value": {"choices": [SCALE[3]]}
        }  # fmt: skip
        path = f"/api/tasks/{self._task}/annotations/?project={self._project}"
        self._account.ask("POST", path, {"result": [choice], "lead_time": 1.0})
        return self._look()

    def _look(self) -> bool:
        found = self._account.ask("GET", f"/api/projects/{self._project}/next")
        self._task = found["id"] if found else 0
        return bool(self._task)


@contextmanager
def label_studio(folder: Path, *, items: int) -> Iterator[Running]:
    """A running Label Studio with so many items to rate. Raises PeerMissing, RuntimeError."""
    program = os.environ.get("LABEL_STUDIO", "label-studio")
    port = free_port(8700)
    command = [program, "start", "--no-browser", "--port", str(port), "--data-dir", str(folder)]
    quiet = {"COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false", "SENTRY_DSN": ""}
    usual = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    log = folder / "label-studio.log"
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(
                [*command, "--username", ADMIN, "--password", PASSWORD],
                cwd=folder,
                env=usual | quiet | {"LABEL_STUDIO_BASE_DATA_DIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        except FileNotFoundError:
            raise PeerMissing(f"{program} is not there. {(__doc__ or '').split(chr(10) * 2)[1]}") from None
        try:
            wait_for(process, port=port, log=log, seconds=START_SECONDS)
            project = _project(port, items=items)
            yield Running(process=process.pid, make=partial(_rater, port, project))
        finally:
            process.terminate()
            process.wait(60)


def _project(port: int, *, items: int) -> int:
    """A project with so many tasks, each for three annotators."""
    admin = _Account(port)
    admin.enter("/user/login/", email=ADMIN, password=PASSWORD)
    made = admin.ask(
        "POST", "/api/projects", {"title": "Benchmark", "label_config": CONFIG, "maximum_annotations": 3}
    )
    number = int(made["id"])
    tasks = [{"text": f"a red ball number {item}"} for item in range(items)]
    for start in range(0, items, TASKS_AT_ONCE):
        admin.ask("POST", f"/api/projects/{number}/import", tasks[start : start + TASKS_AT_ONCE])
    return number


def _rater(port: int, project: int, number: int) -> LabelStudioRater:
    return LabelStudioRater(port, project, f"rater-{number}")
