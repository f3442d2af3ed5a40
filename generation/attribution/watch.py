"""Seeing the attention calls that a module makes, without standing in their way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from generation.attribution.backends import attention_with_lse

# query, key, mask, scale, LSE
Listener = Callable[[Tensor, Tensor, Tensor | None, float | None, Tensor | None], None]

_watching = threading.local()


class AttentionWatch(TorchFunctionMode):
    """While entered, shows the first scaled_dot_product_attention call of this thread to a listener.

    The caller gets what it would have got without the watch, bit for bit.
    """

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self._listener = listener
        self._is_entered = False
        self._has_seen = False

    def start(self) -> None:
        """Enters the watch, before the module runs."""
        self._has_seen = False
        self._is_entered = True
        _watching.depth = getattr(_watching, "depth", 0) + 1
        self.__enter__()  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        """Leaves the watch, where it is still entered."""
        if self._is_entered:
            self._is_entered = False
            _watching.depth -= 1
            self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Passes every call on, and the first attention call's queries and keys to the listener."""
        kwargs = kwargs or {}
        if self._has_seen or func is not functional.scaled_dot_product_attention:
            return func(*args, **kwargs)
        self._has_seen = True
        # A watch around this one must see the public call too.
        if _watching.depth > 1:
            output, lse = func(*args, **kwargs), None
        else:
            output, lse = attention_with_lse(*args, **kwargs)
        query, key = (args[0], args[1]) if len(args) > 1 else (kwargs["query"], kwargs["key"])
        mask = args[3] if len(args) > 3 else kwargs.get("attn_mask")
        scale = args[6] if len(args) > 6 else kwargs.get("scale")
        self._listener(query, key, mask, scale, lse)
        return output
