"""A module with a processor of another kind than the usual: what it hands over is read by hooks.

It may make the public call of attention by itself or through other functions, once or several times, or not
at all: then its queries and keys are what its projections put out.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Any

from torch import Tensor, nn

from generation.attribution.backends import Alike
from generation.attribution.probabilities import additive_mask, split_heads
from generation.attribution.running import Turn
from generation.attribution.sites import Site
from generation.attribution.watch import AttentionWatch, Listener


class SiteHooks:
    """Hooks on one site."""

    def __init__(
        self,
        site: Site,
        *,
        hear: Listener,
        turn: Turn,
        text: Callable[[], tuple[int, int] | None],
    ) -> None:
        """hear: is told every call.

        text: how many rows and keys it has in the denoiser's call that runs; None where it isn't recorded.
        """
        self._site = site
        self.hear = hear
        self._turn = turn
        self._text = text
        self._watch = AttentionWatch(self._listen)
        self._handles: list[Any] = []
        self._is_on = False
        self._read_from: tuple[Any, ...] = ()
        self._forget()
        self._usual_processor: Any = None
        self._has_usual_processor = self._has_run = False
        # Whether the last call that was recorded was one that CallerWatch would have told and seen.
        self.is_usual = False

    def attach(self, *, usual_processor: Any) -> None:
        """Registers the hooks, before the module runs.

        usual_processor: the module's, where its caller tells its calls (callers.is_usual), or None.
        """
        self._usual_processor = usual_processor
        if not self._is_on:
            self._is_on = True
            add, only = self._handles.append, self._turn.only
            before, attention = only(self._before), self._site.attention
            add(attention.register_forward_pre_hook(before, with_kwargs=True))
            # A function of its own, since whoever copies a model would copy all that a method belongs to.
            add(attention.register_forward_hook(lambda *call: self._after(*call), always_call=True))

    def detach(self) -> None:
        """Removes them."""
        while self._handles:
            self._handles.pop().remove()
        self._watch.stop()
        self._is_on, self._read_from = False, ()
        self._forget()

    def _forget(self) -> None:
        self._query: Tensor | None = None
        self._key: Tensor | None = None
        self._mask: Tensor | None = None
        self._is_heard = False

    def _before(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._text() is None:
            return
        attention = self._site.attention
        self._has_usual_processor = (
            attention.processor is self._usual_processor and "forward" not in attention.__dict__
        )
        # Joint attention has one way only, the public call; so have usual processors, as long as nothing has
        # shown that somebody stands between.
        is_expected = self._has_usual_processor and not self._has_run
        by_projections = self._site.order == "text" and not is_expected
        self._has_run = True
        if by_projections:
            self._read_projections(attention)
        self._mask = args[2] if len(args) > 2 else kwargs.get("attention_mask")
        self._is_heard = self.is_usual = False
        self._watch.start()

    def _read_projections(self, attention: Any) -> None:
        only = self._turn.only
        is_fused = attention.fused_projections
        keys = attention.to_kv if is_fused else attention.to_k
        if self._read_from == (attention.to_q, keys):
            return
        # Others than before: adapters are put around them between two runs.
        while len(self._handles) > 2:
            self._handles.pop().remove()
        self._read_from = attention.to_q, keys
        self._handles.append(attention.to_q.register_forward_hook(only(self._take_query)))
        take = self._take_fused_key if is_fused else self._take_key
        self._handles.append(keys.register_forward_hook(only(take)))

    def _take_query(self, _: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
        self._query = output

    def _take_key(self, _: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
        self._key = output

    def _take_fused_key(self, _: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
        self._key = output.chunk(2, dim=-1)[0]

    def _listen(
        self,
        query: Tensor,
        key: Tensor,
        mask: Tensor | None,
        scale: float | None,
        lse: Tensor | None,
        alike: Alike | None,
    ) -> None:
        rows, keys = self._text() or (0, 0)
        # A processor that takes rows or heads in turns: the projections tell all of them.
        if query.shape[0] != rows or query.shape[1] != self._site.attention.heads:
            return
        self._is_heard = True
        # Without a divisor there is nothing to be gained by it.
        self.is_usual = self._has_usual_processor and lse is not None and key.shape[2] == keys
        self.hear(query, key, mask, scale, lse, alike)

    def _after(self, _: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        with self._turn.lock:
            if get_ident() != self._turn.thread:
                return
            self._watch.stop()
            query, key, mask, is_heard = self._query, self._key, self._mask, self._is_heard
            self._forget()
            if is_heard or output is None or self._text() is None:
                return
            site = self._site
            if self._has_usual_processor and query is None:
                raise ValueError(
                    f"{site.path}: its attention was not seen. It is given the batch's rows in turns, which "
                    "can't be traced; or another processor, or another function at "
                    "torch.nn.functional.scaled_dot_product_attention, was put in place while the denoiser "
                    "ran: exchange it between two steps"
                )
            if query is None or key is None:
                raise TypeError(
                    f"{site.path}: its attention processor calls neither scaled_dot_product_attention, with "
                    "all rows and heads, nor to_q and to_k; can't be traced"
                )
            attention = site.attention
            bias = additive_mask(attention, mask, shape=(key.shape[0], key.shape[1]))
            self.hear(
                split_heads(attention, query), split_heads(attention, key), bias, attention.scale, None, None
            )
