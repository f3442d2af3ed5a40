"""Python's collector of cycles, held back where it can find nothing and costs much."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collection() -> Iterator[None]:
    """No search for cycles meanwhile, in the whole process: for seconds in which millions of texts are made.

    Every pass would look at each of them again. Counting references goes on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
