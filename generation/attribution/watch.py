"""Seeing the attention calls of modules, without standing in their way.

A mode of torch (torch.overrides) would see every call of every function: a tenth of a small module's time. So
the one public name that attention processors look up is exchanged instead, only while what is watched runs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from generation.attribution.backends import Alike, attention_with_lse
from generation.attribution.callers import calling_module

# query, key, mask, scale, LSE, what alike calls have in common (see backends)
Listener = Callable[[Tensor, Tensor, Tensor | None, float | None, Tensor | None, Alike | None], None]

# Torch's own. Another function at the public name is what runs, also one put there before this import.
_public = torch._C._nn.scaled_dot_product_attention
_is_compiling = torch.compiler.is_compiling
_lock = threading.Lock()
# How many watches are started, of every thread, and what stands at the public name meanwhile.
_started = 0
_replaced: Callable[..., Tensor] = functional.scaled_dot_product_attention
_standing_in: Callable[..., Tensor] | None = None
_last: Callable[..., Tensor] | None = None
# The listeners of modules whose calls are told by their caller.
_of_modules: dict[nn.Module, tuple[Listener, ...]] = {}


class CallerWatch:
    """While started, shows to listeners every call of scaled_dot_product_attention of certain modules.

    Those are modules with usual processors (callers.is_usual). The caller gets what it would have got without
    the watch, bit for bit.
    """

    def __init__(self) -> None:
        self._listeners: dict[nn.Module, Listener] = {}
        # Of the thread in which it is started: how many keys the calls have that are looked at, and its own.
        self._among: tuple[list[int], int] | None = None

    def listen(self, listeners: Mapping[nn.Module, Listener]) -> None:
        """From now on, to more modules."""
        with _lock:
            self._listeners.update(listeners)
            for module, listener in listeners.items():
                _of_modules[module] = (*_of_modules.get(module, ()), listener)

    def forget(self, modules: Iterable[nn.Module]) -> None:
        """From now on, not to these modules."""
        with _lock:
            for module in modules:
                listener = self._listeners.pop(module, None)
                left = tuple(each for each in _of_modules.pop(module, ()) if each is not listener)
                if left:
                    _of_modules[module] = left

    @property
    def modules(self) -> Mapping[nn.Module, Listener]:
        """Those that are listened to."""
        return self._listeners

    def start(self, *, keys: int) -> None:
        """Begins, before the modules run. keys: how many they attend to; other calls are not looked at."""
        self.stop()
        self._among = _of_thread.lengths, keys
        _of_thread.lengths.append(keys)
        _put()

    def stop(self) -> bool:
        """Ends, where it was started; says whether nobody has put another function in our place meanwhile."""
        among, self._among = self._among, None
        if among is None:
            return True
        lengths, keys = among
        lengths.remove(keys)
        return _take_away()


class _OfThread(threading.local):
    """Of each thread: what is started.

    lengths: how many keys the calls have whose caller is asked for.  watches: of modules whose calls are told
    by when they come.
    """

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.watches: list[AttentionWatch] = []
        self.both = self.lengths, self.watches


_of_thread = _OfThread()


class AttentionWatch:
    """While started, shows the first scaled_dot_product_attention call of its thread to a listener.

    For modules with processors of any kind: the call is told by when it comes, as the module runs.
    """

    __slots__ = ("_among", "_listener")

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._among: list[AttentionWatch] | None = None

    def start(self) -> None:
        """Begins, before the module runs."""
        if self._among is not None:
            self.stop()
        self._among = _of_thread.watches
        self._among.append(self)
        _put()

    def stop(self) -> None:
        """Ends, where it was started."""
        among, self._among = self._among, None
        if among is None:
            return
        if self in among:
            among.remove(self)
        _take_away()


def _put() -> None:
    global _started, _replaced, _standing_in, _last
    with _lock:
        _started += 1
        if _started == 1:
            own = functional.scaled_dot_product_attention
            # Somebody may have kept the last of ours, and put it back later.
            if own is not _last and (own is not _replaced or _last is None):
                _replaced, _last = own, _stand_in(own)
            _standing_in = _last
            functional.scaled_dot_product_attention = _standing_in


def _take_away() -> bool:
    global _started, _standing_in
    with _lock:
        _started -= 1
        # Whoever put another function there meanwhile keeps it.
        is_ours = functional.scaled_dot_product_attention is _standing_in
        if not _started:
            if is_ours:
                functional.scaled_dot_product_attention = _replaced
            _standing_in = None
        return is_ours


def _stand_in(own: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function for the place of another, which may be one that calls the last of ours."""

    def shown(query: Tensor, key: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if shown is not _standing_in:
            return own(query, key, *args, **kwargs)
        listeners: tuple[Listener, ...] = ()
        lengths, watches = _of_thread.both
        if lengths:
            try:
                is_looked_at = key.shape[-2] in lengths
            except RuntimeError:  # rows with different numbers of keys
                is_looked_at = False
            # To ask for the caller costs time, and can't be compiled.
            if is_looked_at and not _is_compiling():
                module = calling_module(sys._getframe(1))
                listeners = () if module is None else _of_modules.get(module, ())
        if watches:
            listeners = (*listeners, *(watch._listener for watch in watches))
            watches.clear()
        if not listeners:
            return own(query, key, *args, **kwargs)
        lse = alike = None
        if own is _public:
            output, lse, alike = attention_with_lse(query, key, *args, **kwargs)
        else:
            output = own(query, key, *args, **kwargs)
        mask = args[1] if len(args) > 1 else kwargs.get("attn_mask")
        scale = args[4] if len(args) > 4 else kwargs.get("scale")
        for listener in listeners:
            listener(query, key, mask, scale, lse, alike)
        return output

    return shown
