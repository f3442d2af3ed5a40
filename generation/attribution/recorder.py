"""Hooks that sum a denoiser's attention to its text while it runs, and leave its own computation alone.

The model's attention call is watched, not replaced: what it returns is what the same kernel returns without a
recorder, so the image is bit for bit the one that the model makes by itself. Beside it, the recorder computes
the probabilities of the wanted tokens from the same queries and keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from generation.attribution import sites
from generation.attribution.backends import Alike
from generation.attribution.layout import PromptBatch, conditional_rows, refuse_changed_text
from generation.attribution.probabilities import bias_of, picked, token_probabilities
from generation.attribution.running import Turn, running_pipeline
from generation.attribution.signatures import by_name, places_of
from generation.attribution.site_watch import SiteWatch
from generation.attribution.sites import Site
from generation.attribution.sums import Grid, GridSums, LayerSums, Scope
from generation.attribution.totals import Totals
from generation.attribution.waiting import WaitingRoom
from generation.attribution.watch import Listener


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
        self._modules = sites.modules_by_path(denoiser)
        is_wrapped = hasattr(denoiser, "_orig_mod")
        self._sites = [] if is_wrapped else sites.find_sites(denoiser, scope, modules=self._modules)
        if is_wrapped or sites.is_compiled(self._modules, self._sites):
            raise ValueError(
                f"{type(denoiser).__name__} is compiled (torch.compile), and compiled graphs run without "
                "hooks; trace it uncompiled, or compile only modules without attention to the text"
            )
        self._inputs = places_of(denoiser.forward)
        self._tells_grid = any(site.grid_of == "" for site in self._sites)
        self._handles: list[Any] = []
        self._grids: dict[str, Grid] = {}
        self._turn = Turn()
        self._watch = SiteWatch(
            self._sites, listener=self._listener, turn=self._turn, text=self._text_of_call
        )
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
        self._text_rows = self._text_keys = 0
        self._totals = Totals(images=batch.images if batch else 0, per_head=self._per_head)
        self._waiting = WaitingRoom(self._totals, columns=columns, sites=len(self._sites))
        self._watch.forget_doubts()
        self.latent_hw: Grid | None = None
        self.calls_seen = 0
        self.steps_seen = 0

    def attach(self) -> None:
        """Registers the hooks."""
        add, only = self._handles.append, self._turn.only
        before = self._turn.one_at_a_time(self._before_denoiser)
        add(self.denoiser.register_forward_pre_hook(before, with_kwargs=True))
        add(self.denoiser.register_forward_hook(only(self._after_denoiser), always_call=True))
        for path in {site.grid_of for site in self._sites} - {""}:
            reader = only(self._grid_reader(path))
            add(self._modules[path].register_forward_pre_hook(reader, with_kwargs=True))

    def detach(self) -> None:
        """Removes every hook; the sums stay."""
        with self._turn.lock:  # another thread may be about to begin a call
            self._detach()

    def _detach(self) -> None:
        while self._handles:
            self._handles.pop().remove()
        self._watch.close()
        self._known_keys = self._known_places = self._batch = None
        self._runs, self._asked = (), (None, None)
        self._waiting.clear()

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
        self._rows = None
        if self._batch is None or not is_traced:
            return
        self.calls_seen += 1
        inputs = by_name(self._inputs, args, kwargs)
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
        self._text_rows, self._text_keys = int(keys.shape[0]), int(keys.shape[1])
        self._read_places(inputs)
        step, self.steps_seen = self.steps_seen, self.steps_seen + 1
        wanted_step = self._scope.steps is None or step in self._scope.steps
        if wanted_step and (self._columns is None or self._columns):
            self._rows = self._known_rows
            self._waiting.begin(self._known_rows, text=(self._text_rows, self._text_keys))
            self._watch.begin(keys=self._text_keys)

    def _text_of_call(self) -> tuple[int, int] | None:
        """How many rows and keys the text has in the call that runs; None where it isn't recorded."""
        return None if self._rows is None else (self._text_rows, self._text_keys)

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

    def _after_denoiser(self, _: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        self._watch.end()
        if output is not None and self._rows is not None:  # otherwise it failed, or isn't recorded
            self._waiting.settle()
            self._totals.came(self._watch.heard)
            self._watch.check()
        self._rows = None  # a module that somebody runs by hand is none of the step's

    def _read_places(self, inputs: dict[str, Any]) -> None:
        """The latent's size and, where the denoiser's own input tells it, the grid."""
        # Flux names every place in a tensor: reading it waits for the device, so each is read once.
        places = inputs.get("img_ids")
        if places is not None and places is self._known_places:
            return
        self._known_places = places
        self.latent_hw = sites.latent_size(self.denoiser, inputs)
        if self._tells_grid:
            self._grids[""] = sites.grid_of(self.denoiser, inputs, path="")

    def _grid_reader(self, path: str) -> Callable[..., None]:
        def read(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            features = args[0] if args else kwargs["hidden_states"]
            self._grids[path] = int(features.shape[-2]), int(features.shape[-1])

        return read

    def _listener(self, site: Site) -> Listener:
        # Runs at every call of every module, beside a model whose own code drives this out of the caches.
        path, grid_of, wanted = site.path, site.grid_of, self._scope.grids
        lock, turn, grids, heard = self._turn.lock, self._turn, self._grids, self._watch.heard
        heads = site.attention.heads
        may_wait = site.order == "text" and len(site.heads) == heads

        def hear(
            query: Tensor,
            key: Tensor,
            mask: Tensor | None,
            scale: float | None,
            lse: Tensor | None,
            alike: Alike | None,
        ) -> None:
            with lock:
                if self._rows is None or get_ident() != turn.thread:
                    return
                is_first = path not in heard
                heard[path] = None
                grid = grids[grid_of]
                if wanted is not None and grid not in wanted:
                    return
                if (
                    not may_wait
                    or lse is None
                    or mask is not None
                    or not self._waiting.put(
                        path, grid, query, key, scale, lse, alike, heads=heads, is_first=is_first
                    )
                ):
                    self._add(site, grid, query, key, mask=mask, scale=scale, lse=lse)

        return hear

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
        if query.shape[0] != self._text_rows or query.shape[1] != site.attention.heads:
            raise ValueError(
                f"{site.path}: attends with {query.shape[0]} rows and {query.shape[1]} heads at once, of "
                f"{self._text_rows} and {site.attention.heads}; taken in parts, it can't be traced"
            )
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
        self._totals.count((site.path,), grid, heads=len(site.heads))

    def _own(self, tensor: Tensor, site: Site) -> Tensor:
        """The conditional rows and the wanted heads of (rows, heads, ...)."""
        rows = tensor[self._rows]
        return rows if len(site.heads) == site.attention.heads else picked(rows, site.heads, dim=1)
