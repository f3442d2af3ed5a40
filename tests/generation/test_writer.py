"""Tasks that a thread does beside the one that puts them."""

import threading
from functools import partial

import pytest

from generation.writer import Writer


def test_every_task_is_done_in_order_before_the_writer_is_left() -> None:
    done: list[object] = []

    def note(number: int) -> None:
        done.append((number, threading.current_thread().name))

    with Writer(room=2, at_end=lambda: done.append("end")) as writer:
        for number in range(20):
            writer.put(partial(note, number))
    assert done == [*((number, "writer") for number in range(20)), "end"]


def test_putting_waits_where_there_is_no_room() -> None:
    """Control: a queue without a bound fills the memory while the disk is slow."""
    go, started, put = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        started.set()
        go.wait()

    with Writer(room=1) as writer:
        writer.put(slow)
        started.wait()
        writer.put(lambda: None)

        def third() -> None:
            writer.put(lambda: None)
            put.set()

        thread = threading.Thread(target=third)
        thread.start()
        assert not put.wait(timeout=0.2)
        go.set()
        thread.join()
    assert put.is_set()


def test_a_failed_task_is_told_once_and_stops_no_other() -> None:
    done = []

    def fail() -> None:
        raise OSError("no space left")

    with Writer(room=8) as writer:
        writer.put(fail)
        writer.put(lambda: done.append(1))
        while not done:
            pass
        with pytest.raises(OSError, match="no space"):
            writer.put(lambda: done.append(2))
        writer.put(lambda: done.append(3))
    assert done == [1, 3]


def test_a_failure_of_the_last_task_is_told_on_leaving_unless_something_else_went_wrong() -> None:
    def fail() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"), Writer(room=8) as writer:
        writer.put(fail)
    with pytest.raises(ValueError, match="first"), Writer(room=8) as writer:  # noqa: PT012
        writer.put(fail)
        raise ValueError("first")
