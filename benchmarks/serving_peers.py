"""Other tools that serve raters, run beside Percept for the same task: a sentence, five scores, k = 3.

Each lives in a virtual environment of its own, since their pins and ours don't go together:

    python3 -m venv peers/potato && peers/potato/bin/pip install potato-annotation==2.12.1
    POTATO=peers/potato/bin/potato python -m benchmarks.serving --peer potato

A peer is started with its own default server and asked what its own page asks for: Potato's saves the answer,
moves on, and loads the next page. Label Studio is in benchmarks/serving_label_studio.py.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from benchmarks.serving_load import Connection, Session
from studies.processes import free_port

START_SECONDS = 120
SCALE: Final = ("Bad", "Poor", "Fair", "Good", "Excellent")
_INSTANCE = re.compile(rb'id="instance_id"[^>]*value="([^"]+)"|name="instance_id"[^>]*value="([^"]+)"')
POTATO = """
annotation_task_name: Benchmark
task_dir: .
data_files: [data.json]
item_properties: {{id_key: id, text_key: text}}
user_config: {{allow_all_users: true, users: []}}
require_password: false
authentication: {{method: in_memory}}
output_annotation_dir: output
output_annotation_format: json
assignment_strategy: random
max_annotations_per_user: -1
max_annotations_per_item: 3
annotation_schemes:
  - annotation_type: radio
    name: fit
    description: How well does the highlighting fit the word?
    labels: [Bad, Poor, Fair, Good, Excellent]
site_dir: default
host: 127.0.0.1
port: {port}
"""


class PeerMissing(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The peer is not installed; the message says how to."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A peer that serves. process: its id.  make: the session of rater number N, from 0."""

    process: int
    make: Callable[[int], Session]


class PotatoRater:
    """One annotator of Potato, by the requests of its own page."""

    def __init__(self, port: int, name: str) -> None:
        self._connection = Connection(port=port)
        self._name = name
        self._instance = ""

    def start(self) -> None:
        """Signs in without a password and opens the first page."""
        form = urlencode({"email": self._name, "pass": "", "action": "login"}).encode()
        self._connection.send("POST", "/auth", body=form, headers={"Content-Type": _FORM})
        if not self._look():
            raise RuntimeError("Potato has no first task for a new annotator.")

    def rate(self) -> bool:
        """Saves a score, moves on, and loads the next page."""
        said = {"instance_id": self._instance, "annotations": {"fit:Good": "Good"}, "span_annotations": []}
        self._json("/updateinstance", said)
        self._json("/annotate", {"action": "next_instance", "instance_id": self._instance})
        return self._look()

    def _json(self, path: str, content: Mapping[str, object]) -> None:
        headers = {"Content-Type": "application/json", "X-Potato-Navigation": "1"}
        status, _, body = self._connection.send(
            "POST", path, body=json.dumps(content).encode(), headers=headers
        )
        if status >= 400:
            raise RuntimeError(f"Potato answered {status} to {path}: {body[:200]!r}")

    def _look(self) -> bool:
        _, _, body = self._connection.send("GET", "/annotate")
        found = _INSTANCE.search(body)
        before, self._instance = self._instance, (found[1] or found[2]).decode() if found else ""
        return bool(self._instance) and self._instance != before


_FORM = "application/x-www-form-urlencoded"


@contextmanager
def potato(folder: Path, *, items: int) -> Iterator[Running]:
    """A running Potato with so many items to rate. Raises PeerMissing, RuntimeError."""
    program = os.environ.get("POTATO", "potato")
    port = free_port(8600)
    data = [{"id": f"item_{number}", "text": f"a red ball number {number}"} for number in range(items)]
    (folder / "data.json").write_text("\n".join(json.dumps(line) for line in data))
    (folder / "output").mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(POTATO.format(port=port))
    with (folder / "potato.log").open("wb") as log:
        try:
            process = subprocess.Popen(
                [program, "start", "config.yaml", "-p", str(port)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        except FileNotFoundError:
            raise PeerMissing(f"{program} is not there. {__doc__.split(chr(10) * 2)[1]}") from None
        try:
            wait_for(process, port=port, log=folder / "potato.log", seconds=START_SECONDS)
            yield Running(process=process.pid, make=partial(_potato_rater, port))
        finally:
            process.terminate()
            process.wait(20)


def wait_for(process: subprocess.Popen[bytes], *, port: int, log: Path, seconds: float) -> None:
    """Returns once the peer answers. Raises RuntimeError with the end of its log where it does not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if Connection(port=port).send("GET", "/")[0] < 500:
                return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The peer did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.5)


def _potato_rater(port: int, number: int) -> PotatoRater:
    return PotatoRater(port, f"rater-{number}")
