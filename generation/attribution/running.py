"""Whose run it is that calls a denoiser: pipelines may share one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import RLock, get_ident
from types import FrameType
from typing import Any

from diffusers import DiffusionPipeline


def running_pipeline() -> Any:
    """The diffusers pipeline whose call is the innermost that runs in this thread; None for none.

    Read from the stack, because nothing else tells it: the denoiser is not told who asks, two pipelines may
    ask it with equal texts, and a run that fails announces no end.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "__call__" and code.co_argcount and code.co_varnames[0] == "self":
            owner = frame.f_locals.get("self")
            if isinstance(owner, DiffusionPipeline):
                return owner
        frame = frame.f_back
    return None


class Turn:
    """Which thread's call is recorded, where several may run one denoiser; the first is whose made this.

    lock: held while what hooks share is changed.  thread: whose turn it is, as get_ident() numbers threads.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.thread = get_ident()

    @property
    def is_mine(self) -> bool:
        """Whether it is the turn of the thread that asks."""
        return get_ident() == self.thread

    def take(self) -> None:
        """From now on it is the turn of the thread that asks."""
        self.thread = get_ident()

    def take_over(self, *, is_by_hand: bool) -> None:
        """Takes it for a call of the denoiser by hand; raises ValueError for a pipeline's own call."""
        if not is_by_hand:
            raise ValueError("another thread began a call of the traced pipeline; give each thread its own")
        self.take()

    def one_at_a_time(self, hook: Callable[..., None]) -> Callable[..., None]:
        """The same hook, which no other thread's interrupt."""

        def run(*args: Any, **kwargs: Any) -> None:
            with self.lock:
                hook(*args, **kwargs)

        return run

    def only(self, hook: Callable[..., None]) -> Callable[..., None]:
        """The same hook, which does nothing in other threads: a call may go on when another has begun."""

        def run(*args: Any, **kwargs: Any) -> None:
            with self.lock:
                if self.is_mine:
                    hook(*args, **kwargs)

        return run
