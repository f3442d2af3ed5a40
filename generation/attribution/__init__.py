"""Which pixels of a generated image a word of its prompt is responsible for.

A pure core: torch, numpy and Pillow, no Django. Names are loaded when first used, so that a process that only
draws maps (generation.attribution.rendering) never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from generation.attribution.rendering import heat_png as heat_png
    from generation.attribution.rendering import overlay_png as overlay_png
    from generation.attribution.sums import Scope as Scope
    from generation.attribution.tracing import Trace as Trace
    from generation.attribution.tracing import trace as trace
    from generation.attribution.words import WordSpan as WordSpan
    from generation.attribution.words import split_words as split_words

_HOMES = {
    "Scope": "sums",
    "Trace": "tracing",
    "trace": "tracing",
    "WordSpan": "words",
    "heat_png": "rendering",
    "overlay_png": "rendering",
    "split_words": "words",
}
__all__ = ["Scope", "Trace", "WordSpan", "heat_png", "overlay_png", "split_words", "trace"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
