"""Which module an attention call is made for, told by the code that makes it.

Hooks on the module would tell it too, at several times the price: beside a model, whose own computation
drives everything else out of the processor's caches, each function on the way to a call costs time.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from diffusers.models import attention_processor
from diffusers.models.attention_processor import Attention, AttnProcessor2_0, FusedAttnProcessor2_0
from torch import nn

# Somebody else's function may stand around the public call.
_FRAMES_AROUND = 4


def _code_of(function: Callable[..., Any]) -> CodeType | None:
    """Of a function of diffusers as it was published; None for another that was put in its place."""
    code: CodeType | None = getattr(function, "__code__", None)
    return code if code is not None and code.co_filename == attention_processor.__file__ else None


_forward = _code_of(Attention.forward)
# The processors that make one public call of attention, by themselves, and nothing else.
_usual: dict[type[Any], CodeType | None] = {
    kind: _code_of(kind.__call__) for kind in (AttnProcessor2_0, FusedAttnProcessor2_0)
}
# What each calls its module: the first argument after self. Codes are compared, not looked up: their hash is
# that of all they hold.
_module_names = tuple((code, code.co_varnames[1]) for code in _usual.values() if code is not None)


def usual_processors() -> frozenset[type[Any]]:
    """The kinds of processors whose calls calling_module can tell; less those that somebody has changed."""
    return frozenset(kind for kind, code in _usual.items() if code and code is _code_of(kind.__call__))


def is_usual(module: Any, processors: frozenset[type[Any]]) -> bool:
    """Whether calling_module tells the module's calls, and sees each.  processors: see usual_processors."""
    return (
        type(module.processor) in processors
        and "forward" not in vars(module)
        and has_usual_forward(type(module))
    )


def has_usual_forward(kind: type[Any]) -> bool:
    """Whether modules of this class run diffusers' own forward, unless one is put on the module itself."""
    return _forward is not None and getattr(kind.forward, "__code__", None) is _forward


def calling_module(frame: FrameType | None) -> nn.Module | None:
    """The module whose usual processor runs in a frame, or in one of the next around it."""
    for _ in range(_FRAMES_AROUND):
        if frame is None:
            return None
        running = frame.f_code
        for code, name in _module_names:
            if running is code:
                found: nn.Module = frame.f_locals[name]
                return found
        frame = frame.f_back
    return None
