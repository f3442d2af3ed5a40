"""Several threads at once, each with a database connection of its own, set off by one signal."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")


def together(jobs: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
    """What each job returned or raised, in their order; all begin once every thread has its connection."""
    signal = threading.Barrier(len(jobs))

    def run(job: Callable[[], Result]) -> Result | Exception:
        try:
            connections["default"].ensure_connection()
            signal.wait(timeout=60)
            return job()
        except Exception as error:  # noqa: BLE001 (a job's error is its result: the tests look at it)
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        return list(pool.map(run, jobs))


def results_of(outcomes: Sequence[Result | Exception]) -> list[Result]:
    """The results, where no job raised; otherwise the first error is raised."""
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
