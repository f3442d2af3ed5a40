"""Hooks that sum a denoiser's attention to its text while it runs, and leave its own computation alone.

The model's attention call is watched, not replaced: what it returns is what the same kernel returns without a
recorder, so the image is bit for bit the one that the model makes by itself. Beside it, the recorder computes
the probabilities of the wanted tokens from the same queries and keys.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor2_0, FusedAttnProcessor2_0
from torch import Tensor, nn

from generation.attribution import sites
from generation.attribution.layout import PromptBatch, conditional_rows, refuse_changed_text
from generation.attribution.probabilities import (
    additive_mask,
    bias_of,
    picked,
    split_heads,
    token_probabilities,
)
from generation.attribution.running import Turn, running_pipeline
from generation.attribution.sites import Site
from generation.attribution.sums import Grid, GridSums, LayerSums, Scope
from generation.attribution.totals import Totals
from generation.attribution.waiting import Kind, WaitingScores, room_for
from generation.attribution.watch import AttentionWatch

# Processors that are known to call scaled_dot_product_attention and nothing else.
_CALL_IN_PUBLIC = frozenset({AttnProcessor2_0, FusedAttnProcessor2_0})


@dataclass
class _Running:
    """What a site has handed over during the call that is running."""

    query: Tensor | None = None
    key: Tensor | None = None
    mask: Tensor | None = None
    is_added: bool = False
    # Whether the module's processor is one that may not make the public call.
    is_unknown: bool = False


class Recorder:
    """Running sums of the attention probabilities of chosen tokens, for the conditional rows only."""

    def __init__(self, denoiser: nn.Module, *, scope: Scope, per_head: bool) -> None:
        """Finds the modules of a denoiser that attend to its text.

        Raises ValueError for a denoiser of a kind that can't be traced, or where the scope names a layer or a
        head that it doesn't have.
        """
        self.denoiser = denoiser
        self._scope = scope
        self._per_head = per_head
        self._modules = dict(denoiser.named_modules())
        is_wrapped = hasattr(denoiser, "_orig_mod")
        self._sites = [] if is_wrapped else sites.find_sites(denoiser, scope, modules=self._modules)
        if is_wrapped or sites.is_compiled(self._modules, self._sites):
            raise ValueError(
                f"{type(denoiser).__name__} is compiled (torch.compile), and compiled graphs run without "
                "hooks; trace it uncompiled, or compile only modules without attention to the text"
            )
        self._inputs = inspect.signature(denoiser.forward)
        self._handles: list[Any] = []
        self._watches: list[AttentionWatch] = []
        self._grids: dict[str, Grid] = {}
        self._turn = Turn()
        self.start(None, columns=())

    def start(
        self, batch: PromptBatch | None, *, columns: Sequence[int] | None, runs: tuple[Any, ...] = ()
    ) -> None:
        """Forgets all sums and waits for the denoiser's calls of a batch.

        columns: positions among the text's keys to sum, ascending; None for all keys.
        runs: the pipelines (None: no pipeline) whose calls of the denoiser are those of the batch.
        """
        with self._turn.lock:
            self._turn.take()
            self._begin(batch, columns, runs)

    def _begin(self, batch: PromptBatch | None, columns: Sequence[int] | None, runs: tuple[Any, ...]) -> None:
        self._batch = batch
        self._runs = runs
        self._columns = columns
        self._rows: slice | None = None
        self._known_keys: Tensor | None = None
        self._known_rows: slice | None = None
        self._asked: tuple[Any, Any] = (None, None)
        self._known_places: Any = None
        self._other_time: Any = None  # of the call before, where that was without the prompt
        self._text_keys = 0
        self._totals = Totals(images=batch.images if batch else 0, per_head=self._per_head)
        # What waits for company, and where, kept between steps: fresh memory costs time.
        self._waiting: WaitingScores | None = None
        self._places: dict[Kind, Tensor] = {}
        self.latent_hw: Grid | None = None
        self.calls_seen = 0
        self.steps_seen = 0

    def attach(self) -> None:
        """Registers the hooks."""
        add, only = self._handles.append, self._turn.only
        before = self._turn.one_at_a_time(self._before_denoiser)
        add(self.denoiser.register_forward_pre_hook(before, with_kwargs=True))
        add(self.denoiser.register_forward_hook(only(self._after_denoiser)))
        for path in {site.grid_of for site in self._sites} - {""}:
            reader = only(self._grid_reader(path))
            add(self._modules[path].register_forward_pre_hook(reader, with_kwargs=True))
        for site in self._sites:
            running = _Running()
            watch = AttentionWatch(self._listener(site, running))
            self._watches.append(watch)
            before, after = self._before_site(site, running, watch), self._after_site(site, running, watch)
            add(site.attention.register_forward_pre_hook(before, with_kwargs=True))
            add(site.attention.register_forward_hook(after, always_call=True))

    def detach(self) -> None:
        """Removes every hook; the sums stay."""
        while self._handles:
            self._handles.pop().remove()
        while self._watches:
            self._watches.pop().stop()
        self._known_keys = self._known_places = self._batch = self._waiting = None
        self._runs, self._asked = (), (None, None)
        self._places.clear()

    @property
    def device_type(self) -> str:
        """Where the sums lie ("cpu", "cuda"); "cpu" while there are none."""
        return self._totals.device_type

    def grid_sums(self) -> list[GridSums]:
        """One sum per grid, coarse grids first."""
        return self._totals.grid_sums()

    def layer_sums(self) -> list[LayerSums]:
        """One sum per module and head, in the order the denoiser runs them.

        Raises ValueError where only the sums per grid were kept.
        """
        return self._totals.layer_sums({site.path: site.heads for site in self._sites})

    def _before_denoiser(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        running = running_pipeline()
        is_traced = self._batch is not None and any(running is one for one in self._runs)
        if not self._turn.is_mine:
            # What the other thread has begun stays as it is.
            if not is_traced:
                return
            self._turn.take_over(is_by_hand=running is None)
        self._rows = self._waiting = None
        if self._batch is None or not is_traced:
            return
        self.calls_seen += 1
        inputs = self._inputs.bind_partial(*args, **kwargs).arguments
        # Skip-layer guidance asks a second time in the same step, of a part of the layers.
        if inputs.get("skip_layers") is not None:
            return
        keys = inputs["encoder_hidden_states"]
        keys = keys[0] if isinstance(keys, tuple) else keys  # (text, pictures) with an IP-Adapter
        # Comparing rows waits for the device; pipelines hand over one and the same tensor at every step.
        if keys is not self._known_keys:
            self._known_keys, self._known_rows = keys, conditional_rows(self._batch, keys)
            self._refuse_unknown_columns(int(keys.shape[1]))
        if self._known_rows is None and running is not None:
            refuse_changed_text(self._batch, keys, times=(self._other_time, inputs.get("timestep")))
        self._other_time = inputs.get("timestep") if self._known_rows is None else None
        if self._known_rows is None or self._is_asked_again(inputs, keys):
            return
        self._text_keys = int(keys.shape[1])
        self._read_places(inputs)
        step, self.steps_seen = self.steps_seen, self.steps_seen + 1
        wanted_step = self._scope.steps is None or step in self._scope.steps
        if wanted_step and (self._columns is None or self._columns):
            self._rows = self._known_rows

    def _refuse_unknown_columns(self, text_keys: int) -> None:
        if self._columns and self._columns[-1] >= text_keys:
            raise ValueError(
                f"positions: {self._columns[-1]} is none of the text's, which are 0 to {text_keys - 1}"
            )

    def _is_asked_again(self, inputs: dict[str, Any], keys: Tensor) -> bool:
        """Whether a step asks once more, for a negative prompt in a call of its own that equals the prompt.

        The latents are then the very tensor of the call before, and the keys another with equal values.
        """
        latents = inputs.get("sample", inputs.get("hidden_states"))
        before, self._asked = self._asked, (latents, keys)
        return before[0] is latents and before[1] is not keys

    def _after_denoiser(self, _: nn.Module, __: tuple[Any, ...], ___: Any) -> None:
        self._settle()

    def _read_places(self, inputs: dict[str, Any]) -> None:
        """The latent's size and, where the denoiser's own input tells it, the grid."""
        # Flux names every place in a tensor: reading it waits for the device, so each is read once.
        places = inputs.get("img_ids")
        if places is not None and places is self._known_places:
            return
        self._known_places = places
        self.latent_hw = sites.latent_size(self.denoiser, inputs)
        if any(site.grid_of == "" for site in self._sites):
            self._grids[""] = sites.grid_of(self.denoiser, inputs, path="")

    def _grid_reader(self, path: str) -> Callable[..., None]:
        def read(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            features = args[0] if args else kwargs["hidden_states"]
            self._grids[path] = int(features.shape[-2]), int(features.shape[-1])

        return read

    def _before_site(self, site: Site, running: _Running, watch: AttentionWatch) -> Callable[..., None]:
        # This, the listener and the end run at every call of every module, beside a model whose own code
        # drives theirs out of the caches: they ask for the turn themselves, and no more than they must.
        lock, turn = self._turn.lock, self._turn
        reads_projections = site.order != "text"  # joint attention has one way only, the public call

        def read(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            nonlocal reads_projections
            with lock:
                if self._rows is None or get_ident() != turn.thread:
                    return
                running.is_unknown = type(site.attention.processor) not in _CALL_IN_PUBLIC
                if running.is_unknown:
                    if not reads_projections:
                        reads_projections = True
                        self._read_projections(site.attention, running)
                    running.mask = args[2] if len(args) > 2 else kwargs.get("attention_mask")
                running.is_added = False
                watch.start()

        return read

    def _read_projections(self, attention: Any, running: _Running) -> None:
        """For processors that may not make the public call: has them hand over queries and keys."""
        reader = self._turn.only(self._query_reader(running))
        self._handles.append(attention.to_q.register_forward_hook(reader))
        keys = attention.to_kv if attention.fused_projections else attention.to_k
        reader = self._turn.only(self._key_reader(running, attention.fused_projections))
        self._handles.append(keys.register_forward_hook(reader))

    def _query_reader(self, running: _Running) -> Callable[..., None]:
        def read(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
            # Once there, these readers stay, also when a usual processor comes back.
            if running.is_unknown:
                running.query = output

        return read

    def _key_reader(self, running: _Running, fused: bool) -> Callable[..., None]:
        def read(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
            if running.is_unknown:
                running.key = output.chunk(2, dim=-1)[0] if fused else output

        return read

    def _listener(self, site: Site, running: _Running) -> Callable[..., None]:
        lock, turn, wanted = self._turn.lock, self._turn, self._scope.grids
        is_whole = site.order == "text" and len(site.heads) == site.attention.heads

        def hear(
            query: Tensor, key: Tensor, mask: Tensor | None, scale: float | None, lse: Tensor | None
        ) -> None:
            with lock:
                if self._rows is None or get_ident() != turn.thread:
                    return
                running.is_added = True
                grid = self._grids[site.grid_of]
                if wanted is not None and grid not in wanted:
                    return
                # Of unknown processors nobody knows whether they leave their queries as they are.
                if is_whole and not running.is_unknown and lse is not None and mask is None:
                    kind = (grid, query.shape, scale, query.device)
                    waiting = self._waiting
                    if waiting is None or waiting.is_full or waiting.kind != kind:
                        waiting = self._next_place(kind, self._rows, query_bytes=query.nbytes)
                    if waiting is not None:
                        waiting.put(site.path, query, key, lse)
                        return
                self._add(site, grid, query, key, mask=mask, scale=scale, lse=lse)

        return hear

    def _after_site(self, site: Site, running: _Running, watch: AttentionWatch) -> Callable[..., None]:
        lock, turn = self._turn.lock, self._turn

        def end(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
            with lock:
                if get_ident() == turn.thread:
                    watch.stop()
                    # A module may have a forward of its own, which passes its usual processor by.
                    if running.is_unknown or not running.is_added:
                        self._end_unknown(site, running, output)

        return end

    def _end_unknown(self, site: Site, running: _Running, output: Any) -> None:
        """Reads what the projections handed over, where the public call was not made (slices, xformers)."""
        query, key, mask = running.query, running.key, running.mask
        running.query = running.key = running.mask = None
        if self._rows is None or running.is_added or output is None:
            return
        if query is None or key is None:
            raise TypeError(
                f"{site.path}: its attention processor calls neither scaled_dot_product_attention nor "
                "to_q and to_k; can't be traced"
            )
        attention, grid = site.attention, self._grids[site.grid_of]
        bias = additive_mask(attention, mask, shape=(key.shape[0], key.shape[1]))
        query, key = split_heads(attention, query), split_heads(attention, key)
        if self._scope.grids is None or grid in self._scope.grids:
            self._add(site, grid, query, key, mask=bias, scale=attention.scale, lse=None)

    def _next_place(self, kind: Kind, rows: slice, *, query_bytes: int) -> WaitingScores | None:
        """An empty place, where another kind comes or the last is full; None where a module can't wait."""
        self._settle()
        self._waiting = self._place_for(kind, rows, query_bytes=query_bytes)
        return self._waiting

    def _place_for(self, kind: Kind, rows: slice, *, query_bytes: int) -> WaitingScores | None:
        """An empty place; None where a single module's scores are too many to wait."""
        images = rows.stop - rows.start
        tokens = self._text_keys if self._columns is None else len(self._columns)
        room = room_for(kind, images=images, tokens=tokens, query_bytes=query_bytes)
        if not room:
            return None
        grid, shape, _, device = kind
        if kind not in self._places:
            alike = sum(site.order == "text" for site in self._sites)
            size = (min(room, alike), images * shape[1], tokens, grid[0] * grid[1])
            self._places[kind] = torch.empty(size, device=device)
        return WaitingScores(kind, self._places[kind], rows=rows, columns=self._columns)

    @torch.no_grad()
    def _settle(self) -> None:
        """Adds what waits to the sums."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and waiting.paths:
            grid, shape = waiting.kind[:2]
            self._totals.add(tuple(waiting.paths), grid, waiting.probabilities())
            for path in waiting.paths:
                self._totals.count(path, grid, heads=shape[1])

    @torch.no_grad()
    def _add(
        self,
        site: Site,
        grid: Grid,
        query: Tensor,
        key: Tensor,
        *,
        mask: Tensor | None,
        scale: float | None,
        lse: Tensor | None,
    ) -> None:
        """Any call, by itself. query, key: (rows, heads, places, channels), as the softmax sees them."""
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        pixels = grid[0] * grid[1]
        image = site.image_places(text_keys=self._text_keys, pixels=pixels)
        text = site.text_places(text_keys=self._text_keys, keys=key.shape[2])
        columns = self._columns
        if columns is None or text.start:
            columns = tuple(text.start + each for each in columns or range(self._text_keys))
        bias = bias_of(mask, query, key)
        if bias is not None:
            bias = self._own(bias, site)[:, :, image if bias.shape[2] > 1 else slice(None)]
        parts = token_probabilities(
            self._own(query, site)[:, :, image],
            self._own(key, site),
            scale=scale,
            bias=bias,
            columns=columns,
            lse=None if lse is None else self._own(lse, site)[:, :, image],
        )
        # Under autocast, products would come in half precision, and so would their sums.
        device = query.device.type
        is_cast = torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if is_cast else nullcontext():
            for part, probabilities in parts:
                # As they lie in memory, tokens before pixels: other orders cost several times as much.
                self._totals.add((site.path,), grid, probabilities.mT[None], part=part)
        self._totals.count(site.path, grid, heads=len(site.heads))

    def _own(self, tensor: Tensor, site: Site) -> Tensor:
        """The conditional rows and the wanted heads of (rows, heads, ...)."""
        rows = tensor[self._rows]
        return rows if len(site.heads) == site.attention.heads else picked(rows, site.heads, dim=1)
