"""Seeing the attention calls that a module makes, without standing in their way.

A mode of torch (torch.overrides) would see every call of every function: a tenth of a small module's time. So
the one public name that attention processors look up is exchanged instead, only while a watched module runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from generation.attribution.backends import attention_with_lse

# query, key, mask, scale, LSE
Listener = Callable[[Tensor, Tensor, Tensor | None, float | None, Tensor | None], None]

# Torch's own. Another function at the public name is what runs, also one put there before this import.
_public = torch._C._nn.scaled_dot_product_attention
_lock = threading.Lock()
# How many watches are started, of every thread; each thread's calls are for its own only.
_started = 0
_replaced: Callable[..., Tensor] = functional.scaled_dot_product_attention
_of_thread = threading.local()


class AttentionWatch:
    """While started, shows the first scaled_dot_product_attention call of its thread to a listener.

    The caller gets what it would have got without the watch, bit for bit.
    """

    # Every call of every module starts and stops one: each function and each name looked up costs time there.
    __slots__ = ("_among", "_listener")

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._among: list[AttentionWatch] | None = None

    def start(self) -> None:
        """Begins, before the module runs."""
        global _started, _replaced
        if self._among is not None:
            self.stop()
        try:
            among: list[AttentionWatch] = _of_thread.watches
        except AttributeError:
            among = _of_thread.watches = []
        among.append(self)
        self._among = among
        with _lock:
            _started += 1
            if _started == 1:
                _replaced = functional.scaled_dot_product_attention
                functional.scaled_dot_product_attention = _shown

    def stop(self) -> None:
        """Ends, where it was started."""
        global _started
        among, self._among = self._among, None
        if among is None:
            return
        if self in among:
            among.remove(self)
        with _lock:
            _started -= 1
            # Whoever put another function there meanwhile keeps it.
            if not _started and functional.scaled_dot_product_attention is _shown:
                functional.scaled_dot_product_attention = _replaced


def _shown(*args: Any, **kwargs: Any) -> Tensor:
    """Stands in for scaled_dot_product_attention."""
    own = _replaced
    watches: list[AttentionWatch] | None = getattr(_of_thread, "watches", None)
    if not watches:
        return own(*args, **kwargs)
    heard, watches[:] = tuple(watches), ()
    lse = None
    if own is _public:
        output, lse = attention_with_lse(*args, **kwargs)
    else:
        output = own(*args, **kwargs)
    query, key = (args[0], args[1]) if len(args) > 1 else (kwargs["query"], kwargs["key"])
    mask = args[3] if len(args) > 3 else kwargs.get("attn_mask")
    scale = args[6] if len(args) > 6 else kwargs.get("scale")
    for watch in heard:
        watch._listener(query, key, mask, scale, lse)
    return output
