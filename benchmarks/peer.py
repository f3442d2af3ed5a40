"""The published code, castorini/daam 0.2.0, beside ours: for tests and timings only.

Its own requirements pin old releases of diffusers and transformers; it runs unchanged beside current ones:
    pip install --no-deps daam==0.2.0
"""

from __future__ import annotations

import importlib.util
import sys
import types
from typing import Any

import diffusers  # noqa: F401  (looks for matplotlib itself, and must not find the stand-in)


def load_daam() -> Any:
    """The daam module. Raises ImportError where it is not installed."""
    if importlib.util.find_spec("daam") is None:
        raise ImportError("castorini/daam is not installed; pip install --no-deps daam==0.2.0")
    if "matplotlib" not in sys.modules and importlib.util.find_spec("matplotlib") is None:
        # It imports matplotlib for drawing only, which nothing here asks of it.
        drawing = types.ModuleType("matplotlib.pyplot")
        package = types.ModuleType("matplotlib")
        package.pyplot = drawing  # type: ignore[attr-defined]
        sys.modules.update({"matplotlib": package, "matplotlib.pyplot": drawing})
    return importlib.import_module("daam")
