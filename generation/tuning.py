"""What a pipeline is tuned with on a device: memory order and compilation. Standard library only.

auto, and what it rests on:
- channels-last: on where a GPU computes in half precision, whose tensor cores want that order (others are
  copied at every convolution); off elsewhere. On a CPU it does not pay: docs/attribution.md has the figures.
- compilation: off. On a CPU see there; on a GPU it has not been measured. Who has measured it turns it on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WISHES: Final = ("auto", "on", "off")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """channels_last: weights lie channels-last.  compiled: parts without attention to text are compiled."""

    channels_last: bool = False
    compiled: bool = False


def tuning_for(device: str, *, precision: str, channels_last: str, compiled: str) -> Tuning:
    """The tuning on a device ("cpu", "cuda:1"). channels_last, compiled: auto, on or off.

    precision: the model's on a GPU; a CPU always computes in float32.
    """
    is_half_on_gpu = device.startswith("cuda") and precision in ("float16", "bfloat16")
    return Tuning(
        channels_last=is_half_on_gpu if channels_last == "auto" else channels_last == "on",
        compiled=compiled == "on",
    )
