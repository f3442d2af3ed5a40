"""Runs taken in turns, a piece at a time: what is compared lies beside each other in time.

Other programs slow a machine down for seconds on end, so two whole runs, one after the other, differ by more
than what is to be found out. Here each run has a thread of its own, and one of them at a time goes on, for
one piece of a few milliseconds: a piece and the plain one of its turn share what happened to the machine.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

import numpy as np
import torch

# Called at the end of a piece; returns when it is the run's turn again. A context that is given to it holds
# while the run rests, and its time is nobody's.
Pause = Callable[..., None]
T = TypeVar("T")


class Run(threading.Thread, Generic[T]):
    """One contender's run. pieces: CPU seconds of the process in each piece so far."""

    def __init__(self, work: Callable[[Pause], T]) -> None:
        """work: does everything, and calls its argument between two pieces."""
        super().__init__(daemon=True)
        self.pieces: list[float] = []
        self._work = work
        self._found: list[T] = []
        self._fault: BaseException | None = None
        self._go, self._rests = threading.Semaphore(0), threading.Semaphore(0)
        self._begun = 0.0
        self.start()

    @property
    def found(self) -> T:
        """What the work returned; only when it has."""
        return self._found[0]

    @property
    def goes_on(self) -> bool:
        """Whether a piece is left."""
        return not self._found

    def go_on(self) -> None:
        """Lets it do one piece; raises what the work raised."""
        self._go.release()
        self._rests.acquire()
        if self._fault is not None:
            raise self._fault

    def run(self) -> None:
        """The thread's."""
        self._wait()
        try:
            torch.set_num_threads(1)  # counts for the thread that asks
            self._found.append(self._work(self._pause))
        except BaseException as fault:  # noqa: BLE001 (handed to whoever asked for the piece)
            self._fault = fault
        self._note()

    def _pause(self, aside: AbstractContextManager[Any] | None = None) -> None:
        self.pieces.append(time.process_time() - self._begun)
        with aside or nullcontext():
            self._rests.release()
            self._go.acquire()
        self._begun = time.process_time()

    def _note(self) -> None:
        self.pieces.append(time.process_time() - self._begun)
        self._rests.release()

    def _wait(self) -> None:
        self._go.acquire()
        self._begun = time.process_time()


def in_turns(works: Mapping[str, Callable[[Pause], T]], *, seed: int) -> dict[str, Run[T]]:
    """Runs all works side by side, a piece of each in every turn, in an order drawn anew for each turn."""
    draw = random.Random(seed)
    runs = {name: Run(work) for name, work in works.items()}
    while waiting := [run for run in runs.values() if run.goes_on]:
        for run in draw.sample(waiting, len(waiting)):
            run.go_on()
    return runs


def paired_ratio(found: np.ndarray, plain: np.ndarray) -> tuple[float, float]:
    """How many times as long as the plain run, and the standard error of that (bootstrap over rounds).

    found, plain: (rounds, pieces), seconds. Each piece is divided by the plain one of its turn. Of a piece's
    ratios the median over the rounds is taken, as what disturbs a piece makes it longer, or its plain one;
    of those the mean, each with the share that its plain piece has of the run. What slows a piece in fewer
    than half of the rounds is therefore not seen.
    """
    shares = np.median(plain, axis=0)
    shares = shares / shares.sum()
    ratios = found / plain
    drawn = np.random.default_rng(0).integers(len(ratios), size=(400, len(ratios)))
    again = np.array([(np.median(ratios[rounds], axis=0) * shares).sum() for rounds in drawn])
    return float((np.median(ratios, axis=0) * shares).sum()), float(again.std())
