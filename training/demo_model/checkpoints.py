"""Checkpoints that a killed process cannot leave half written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def save(path: Path, *, state: dict[str, Any]) -> None:
    """Write the state beside the path, then rename: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    torch.save(state, draft)
    draft.replace(path)


def load(path: Path, *, device: str = "cpu") -> dict[str, Any] | None:
    """The saved state, or None where nothing was saved yet. Tensors and plain values only."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state
