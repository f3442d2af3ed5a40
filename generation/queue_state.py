"""The workers' queue as it stands: what waits, what failed, who works, when each gave its last sign of life.

Nothing of it is stored. Jobs are the rows of images and questions; a worker is seen by its connections, which
bear its name (`APPLICATION`), so that an idle one is seen too and a killed one is gone at once. It asks the
table every few seconds and renews its leases while it computes: a connection that has said nothing for longer
belongs to a worker that hangs, or whose machine is gone.
"""

import os
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, Max, Min, Q, QuerySet
from django.db.models.functions import Now

from generation.choices import ImageState, MapRequestState, RunState
from generation.heartbeat import BEATS_PER_LEASE
from generation.models import Image, MapRequest, Run

APPLICATION: Final = "percept worker "
# PostgreSQL keeps no more of a name.
LONGEST_APPLICATION: Final = 63
LATEST_RUNS: Final = 20
# A worker that lives says something within its poll or its heartbeat; so much later it is called silent.
PATIENCE_SECONDS: Final = 20

_WORKERS: Final = """
    SELECT application_name, extract(epoch FROM clock_timestamp() - max(state_change))::float8
    FROM pg_stat_activity
    WHERE datname = current_database() AND starts_with(application_name, %s)
    GROUP BY application_name ORDER BY application_name
"""


@dataclass(frozen=True, kw_only=True)
class SeenWorker:
    """One worker. name: host and process.  silent_seconds: since its last sign of life.

    connected: False of one that holds leases without being seen, behind a pool of connections for example.
    images, questions: in its hands now.  of: names of the runs that the asker may see, of those images.
    since_seconds: since it finished an image, or since what it has in hand was ready, whichever is later;
    None with nothing in hand.
    """

    name: str
    connected: bool
    silent_seconds: float
    images: int = 0
    questions: int = 0
    of: tuple[str, ...] = ()
    since_seconds: float | None = None

    @property
    def lives(self) -> bool:
        """Whether its last sign of life is as young as a living worker's always is."""
        usual = max(settings.GENERATION_POLL_SECONDS, settings.GENERATION_LEASE_SECONDS / BEATS_PER_LEASE)
        return self.silent_seconds <= usual + PATIENCE_SECONDS

    @property
    def works(self) -> bool:
        """Whether it has something in hand."""
        return bool(self.images or self.questions)


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """All jobs of this Percept, images and questions, but for `failed` and `own`.

    waiting: could be taken now or soon.  own: those of them that the asker may see.  oldest_seconds: how long
    the oldest of the jobs that could be taken has waited; None without one.  in_work: with a worker.
    failed: given up, of the asker's latest LATEST_RUNS runs and questions.
    """

    waiting: int
    own: int
    oldest_seconds: float | None
    in_work: int
    failed: int
    workers: tuple[SeenWorker, ...]

    @property
    def alive(self) -> int:
        """Workers that give signs of life."""
        return sum(worker.lives for worker in self.workers)

    @property
    def lacks_worker(self) -> bool:
        """Whether a job has waited longer than a living worker would let it, and none is alive."""
        return not self.alive and (self.oldest_seconds or 0) > PATIENCE_SECONDS


def application_name(worker: str) -> str:
    """The name that the worker's connections bear; to be in PGAPPNAME before the first one is made."""
    return (APPLICATION + worker)[:LONGEST_APPLICATION]


def call_connections_after(worker: str) -> None:
    """Every connection that this process opens from now on says that it is this worker's."""
    os.environ["PGAPPNAME"] = application_name(worker)
    connection.close()


def queue_state(user: User) -> QueueState:
    """The queue and the workers; names of runs are those that the user may see."""
    images = Image.objects.filter(state=ImageState.READY, run__state=RunState.QUEUED)
    questions = MapRequest.objects.filter(state=MapRequestState.READY)
    visible = Run.objects.visible_to(user)
    latest = list(visible.order_by("-pk").values_list("pk", flat=True)[:LATEST_RUNS])
    visible_questions = MapRequest.objects.visible_to(user)
    ages = [age for age in (_oldest(images), _oldest(questions)) if age is not None]
    in_work = Image.objects.filter(state=ImageState.LEASED).count()
    in_work += MapRequest.objects.filter(state=MapRequestState.LEASED).count()
    return QueueState(
        waiting=images.count() + questions.count(),
        own=images.filter(run__in=visible).count()
        + visible_questions.filter(state=MapRequestState.READY).count(),
        oldest_seconds=max(ages, default=None),
        in_work=in_work,
        failed=Image.objects.filter(run__in=latest, state=ImageState.DEAD).count()
        + visible_questions.filter(state=MapRequestState.DEAD).count(),
        workers=_workers(user),
    )


def _workers(user: User) -> tuple[SeenWorker, ...]:
    with connection.cursor() as cursor:
        # What a transaction was told once of others' connections it would be told again.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_WORKERS, [APPLICATION])
        seen = {name: float(silent or 0) for name, silent in cursor.fetchall()}
    holders = {application_name(name): held for name, held in _holders(user).items()}
    return tuple(
        SeenWorker(
            name=name.removeprefix(APPLICATION),
            connected=name in seen,
            # A connection says more than a lease, which is only renewed now and then.
            silent_seconds=seen[name] if name in seen else holders[name][0],
            **(holders[name][1] if name in holders else {}),
        )
        for name in sorted({*seen, *holders})
    )


def _holders(user: User) -> dict[str, tuple[float, dict[str, Any]]]:
    """By name of every worker with a lease that runs: seconds since its renewal, and what it has in hand."""
    leased = Image.objects.filter(state=ImageState.LEASED, lease_until__gte=Now())
    asked = MapRequest.objects.filter(state=MapRequestState.LEASED, lease_until__gte=Now())
    found: dict[str, tuple[float, dict[str, Any]]] = {}
    for name, rows in _by_worker(leased).items():
        of = Run.objects.visible_to(user).filter(images__in=leased.filter(worker=name)).distinct()
        finished = _age(Image.objects.filter(run__in=rows["runs"], worker=name, state=ImageState.DONE))
        since = rows["ready"] if finished is None else min(rows["ready"], finished)
        work = {"images": rows["n"], "of": tuple(sorted(run.name for run in of)), "since_seconds": since}
        found[name] = (rows["renewed"], work)
    for name, rows in _by_worker(asked).items():
        renewed, work = found.get(name, (rows["renewed"], {"since_seconds": rows["ready"]}))
        found[name] = (min(renewed, rows["renewed"]), work | {"questions": rows["n"]})
    return found


def _by_worker(leased: QuerySet[Any]) -> dict[str, dict[str, Any]]:
    """Of each worker: how many rows, seconds since the youngest was ready and since its leases' renewal."""
    lease = settings.GENERATION_LEASE_SECONDS
    rows = leased.order_by().values("worker").annotate(
        n=Count("pk"),
        ready=_since(Max("ready_at")),
        left=ExpressionWrapper(Max("lease_until") - Now(), output_field=DurationField()),
    )  # fmt: skip
    has_runs = leased.model is Image
    return {
        row["worker"]: {
            "n": row["n"],
            "ready": max(0.0, row["ready"].total_seconds()),
            "renewed": max(0.0, lease - row["left"].total_seconds()),
            "runs": list(leased.filter(worker=row["worker"]).values_list("run", flat=True).distinct())
            if has_runs
            else [],
        }
        for row in rows
    }


def _oldest(ready: QuerySet[Any]) -> float | None:
    """Seconds for which the oldest job that could be taken has waited; None without one."""
    age = ready.filter(Q(ready_at__lte=Now())).aggregate(age=_since(Min("ready_at")))["age"]
    return None if age is None else max(0.0, float(age.total_seconds()))


def _age(done: QuerySet[Image]) -> float | None:
    age = done.aggregate(age=_since(Max("generated_at")))["age"]
    return None if age is None else max(0.0, float(age.total_seconds()))


def _since(moment: Min | Max) -> ExpressionWrapper:
    return ExpressionWrapper(Now() - moment, output_field=DurationField())
