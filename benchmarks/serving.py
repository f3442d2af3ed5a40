"""Completed ratings per second and the wait from submit to the next task, on our own production server.

    python -m benchmarks.serving [--raters 1 10 50] [--slots 1000 100000 1000000] [--seconds N]
                                 [--peer potato] [--peer label-studio] [--json FILE] [--check]

Fills a scratch database with an open campaign of N places, starts gunicorn as config/gunicorn.py says, and
lets so many raters answer as fast as they can. One rating is one request: it stores the answer and brings
the next task. Pictures are left out, here and with the peers. The most raters are measured at each number
of places, all numbers of raters at 100,000 places, or at the most where that is not among them.

--peer runs another tool beside it, for the same task on the same machine (benchmarks/serving_peers.py and
benchmarks/serving_label_studio.py say how to install them), and prints the ratios. --check ends with exit
code 1 where at 10 or 50 raters Percept completes less than 5 times the ratings of a peer or p95 is more than
a quarter of the peer's, or where the ratings per second differ by more than 20 % between the fewest and the
most places.

The scratch database is made beside the configured one and dropped at the end; it needs a superuser. Load and
server share the machine, so compare ratios and not figures from different machines; server_cpu_ms, the
processor time of web server and database per rating, is the figure that other programs disturb least.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import django
import psutil

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DEBUG", "1")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from annotation.models import Campaign  # noqa: E402
from benchmarks.serving_label_studio import label_studio  # noqa: E402
from benchmarks.serving_load import Connection, Measured, measure  # noqa: E402
from benchmarks.serving_peers import Running, potato  # noqa: E402
from benchmarks.serving_places import fill, scratch_database  # noqa: E402
from studies.processes import free_port  # noqa: E402

BASE: Final = 100_000
PEER_ITEMS: Final = 5_000
TIMES_THE_PEER: Final = 5.0
SHARE_OF_ITS_WAIT: Final = 0.25
LARGEST_FALL: Final = 0.2
PEERS: Final[dict[str, Callable[..., AbstractContextManager[Running]]]] = {
    "potato": potato,
    "label-studio": label_studio,
}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_HIDDEN: Final = re.compile(rb'name="(slot|idempotency_key)" value="([^"]+)"')


class PerceptRater:
    """One rater by a recruitment platform's link, doing what the page's script does."""

    def __init__(self, port: int, path: str, name: str) -> None:
        self._connection = Connection(port=port)
        self._entry = f"{path}?{urlencode({'PROLIFIC_PID': name, 'STUDY_ID': 's', 'SESSION_ID': name})}"
        self._own = ""
        self._task: dict[str, str] = {}

    def start(self) -> None:
        """Comes in, agrees, and opens the first task."""
        _, headers, _ = self._connection.send("GET", self._entry)
        self._own = urlsplit(headers["Location"]).path
        agree = urlencode({"consent": "agree"}).encode()
        self._connection.send("POST", f"{self._own}consent/", body=agree, headers=FORM)
        _, _, body = self._connection.send("GET", self._own)
        self._task = {name.decode(): value.decode() for name, value in _HIDDEN.findall(body)}
        if len(self._task) != 2:
            raise RuntimeError(f"There is no task at {self._own}: {body[:300]!r}")

    def rate(self) -> bool:
        """Sends an answer; its reply brings the next task."""
        fields = self._task | {"option": "4", "client_milliseconds": "1000", "view": "both"}
        status, _, body = self._connection.send(
            "POST",
            f"{self._own}answer/",
            body=urlencode(fields).encode(),
            headers=FORM | {"Accept": "application/json"},
        )
        reply = json.loads(body)
        if status != 200 or reply["outcome"] != "saved":
            raise RuntimeError(f"The answer was not saved: {status} {body[:300]!r}")
        task = reply["task"]
        if task is None:
            return False
        self._task = {name: task[name] for name in ("slot", "idempotency_key")}
        return True


def main() -> int:
    """Prints the tables; 1 where --check is asked for and a line does not hold."""
    arguments = _arguments()
    rows: list[dict[str, Any]] = []
    base = BASE if BASE in arguments.slots else max(arguments.slots)
    for slots in sorted(arguments.slots):
        crowd = sorted(arguments.raters) if slots == base else [max(arguments.raters)]
        rows += percept(slots, crowd=crowd, seconds=arguments.seconds)
    for name in arguments.peer:
        rows += of_peer(name, crowd=sorted(arguments.raters), seconds=arguments.seconds)
    faults = judge(rows)
    for fault in faults:
        print(f"NOT HELD: {fault}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"rows": rows, "not_held": faults}, indent=1) + "\n")
    return int(arguments.check and bool(faults))


def percept(slots: int, *, crowd: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """One row per number of raters, at so many places."""
    with scratch_database():
        began = time.monotonic()
        campaign = fill(slots)
        print(f"{slots:,} places filled in {time.monotonic() - began:.0f} s", flush=True)
        with production_server() as (port, server):
            processes = [server, *_database_processes()]
            path = f"/c/{campaign.public_id}/"
            # The first requests of every thread load what later ones find loaded.
            measure(partial(_rater, port, path, "warm"), raters=4, seconds=3)
            rows = []
            for raters in crowd:
                make = partial(_rater, port, path, f"{slots}-{raters}")
                done = measure(make, raters=raters, seconds=seconds, processes=processes)
                rows.append(_row("percept", slots, done))
        rows[-1]["over_k"] = _items_over(campaign)
        connection.close()
    return rows


def of_peer(name: str, *, crowd: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """One row per number of raters, each on a fresh start of the peer with more items than it can finish."""
    rows = []
    for raters in crowd:
        with tempfile.TemporaryDirectory() as folder, PEERS[name](Path(folder), items=PEER_ITEMS) as peer:
            done = measure(peer.make, raters=raters, seconds=seconds, processes=[peer.process])
            rows.append(_row(name, 3 * PEER_ITEMS, done))
    return rows


def judge(rows: Sequence[dict[str, Any]]) -> list[str]:
    """What does not hold, in words."""
    ours = [row for row in rows if row["tool"] == "percept"]
    # Each number of raters by the row that has all of them: sorted so that the base comes last and stays.
    of_base = sorted(ours, key=lambda row: sum(other["slots"] == row["slots"] for other in ours))
    beside = {row["raters"]: row for row in of_base}
    faults = [f"{row['over_k']} items have more than k ratings" for row in ours if row.get("over_k")]
    for row in rows:
        mine = beside.get(row["raters"])
        if row["tool"] == "percept" or mine is None:
            continue
        times = mine["per_second"] / row["per_second"]
        share = mine["p95_ms"] / row["p95_ms"]
        cpu = row["server_cpu_ms"] / mine["server_cpu_ms"] if mine["server_cpu_ms"] else float("nan")
        print(
            f"{row['raters']} raters: {times:.1f} times {row['tool']}'s ratings, {share:.3f} of its p95, "
            f"{cpu:.1f} times fewer processor seconds a rating"
        )
        if row["raters"] >= 10 and times < TIMES_THE_PEER:
            faults.append(
                f"{times:.1f} times {row['tool']} at {row['raters']} raters (goal {TIMES_THE_PEER})"
            )
        if row["raters"] >= 10 and share > SHARE_OF_ITS_WAIT:
            faults.append(f"p95 {share:.2f} of {row['tool']}'s at {row['raters']} raters")
    crowded = [row for row in ours if row["raters"] == max(one["raters"] for one in ours)]
    speeds = [row["per_second"] for row in sorted(crowded, key=lambda row: row["slots"])]
    if len(speeds) > 1:
        print(f"from the fewest places to the most: {speeds[-1] / speeds[0]:.2f} of the ratings per second")
        if speeds[-1] < (1 - LARGEST_FALL) * speeds[0]:
            faults.append(f"{speeds[-1]:.0f} instead of {speeds[0]:.0f} ratings/s at the most places")
    return faults


@contextmanager
def production_server() -> Iterator[tuple[int, int]]:
    """Gunicorn on the scratch database, as config/gunicorn.py says, without DEBUG: its port and process."""
    place = settings.DATABASES["default"] | {"NAME": connection.settings_dict["NAME"]}
    who = quote(place["USER"], safe="") + (
        f":{quote(place['PASSWORD'], safe='')}" if place.get("PASSWORD") else ""
    )
    address = f"postgresql://{who}@/{place['NAME']}?" + urlencode(
        {"host": place["HOST"]} | ({"port": place["PORT"]} if place.get("PORT") else {})
    )
    port = free_port(8500)
    environment = os.environ | {"DATABASE_URL": address, "SECRET_KEY": "only for a benchmark " * 4}
    environment |= {"WEB_PORT": str(port)}
    environment.pop("DEBUG", None)
    manage = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v", "0"]
    subprocess.run(manage, cwd=settings.BASE_DIR, env=environment, check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", "config.wsgi:application"],
        cwd=settings.BASE_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port=port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], *, port: int) -> None:
    for _ in range(300):
        try:
            if Connection(port=port).send("GET", "/health/")[0] == 200:
                return
        except OSError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError("Gunicorn did not start. Start it by hand to read why.")


def _database_processes() -> list[int]:
    """The database server, where it runs on this machine."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        mine = int(cursor.fetchone()[0])
    is_here = psutil.pid_exists(mine) and "postgres" in psutil.Process(mine).name()
    parent = psutil.Process(mine).parent() if is_here else None
    return [parent.pid] if parent else []


def _rater(port: int, path: str, name: str, number: int) -> PerceptRater:
    return PerceptRater(port, path, f"{name}-{number}")


def _row(tool: str, slots: int, measured: Measured) -> dict[str, Any]:
    row = {
        "tool": tool,
        "slots": slots,
        "raters": measured.raters,
        "ratings": len(measured.milliseconds),
        "per_second": round(measured.per_second, 1),
        "p50_ms": round(measured.percentile(50), 1),
        "p95_ms": round(measured.percentile(95), 1),
        "server_cpu_ms": round(measured.cpu_milliseconds, 1),
    }
    print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return row


def _items_over(campaign: Campaign) -> int:
    over = """
        SELECT count(*) FROM (
            SELECT item_id FROM annotation_slot WHERE campaign_id = %s AND number IS NOT NULL
            AND state IN ('leased', 'kept', 'answered') GROUP BY item_id HAVING count(*) > %s) items
    """
    with connection.cursor() as cursor:
        cursor.execute(over, [campaign.pk, campaign.raters_per_item])
        return int(cursor.fetchone()[0])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--raters", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--slots", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--peer", action="append", choices=list(PEERS), default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--check", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
