"""How many processor threads one image is worth. Pure: the worker asks, and tells torch.

torch takes one thread per core. Small images split into pieces so short that the threads mostly wait for each
other, and where other processes want the cores too, a thread that is not running holds up all that wait for
it: the bundled model gets many times slower that way. Large images gain from every core.
"""

import os
from collections.abc import Mapping
from typing import Final

# Pixels of an image from which its layers are long enough to be split.
WORTH_SPLITTING: Final = 256 * 256


def threads_for(*, height: int, width: int, wish: int) -> int | None:
    """Threads for images of this size; None leaves torch's own choice.

    wish: GENERATION_THREADS, which wins; 0 where nobody has said. Then OMP_NUM_THREADS, which torch heeds by
    itself, wins; else small images get one thread and larger ones every core this process may use.
    """
    if wish:
        return wish
    if os.environ.get("OMP_NUM_THREADS", "").strip():
        return None
    return 1 if height * width < WORTH_SPLITTING else _cores()


def waiting_policy(environment: Mapping[str, str]) -> dict[str, str]:
    """What to add to the environment before torch is loaded: threads that wait sleep instead of spinning."""
    return {} if environment.get("OMP_WAIT_POLICY") else {"OMP_WAIT_POLICY": "PASSIVE"}


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
