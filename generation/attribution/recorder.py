"""Hooks that sum a denoiser's attention to its text while it runs, and leave its own computation alone.

The model's attention call is watched, not replaced: what it returns is what the same kernel returns without a
recorder, so the image is bit for bit the one that the model makes by itself. Beside it, the recorder computes
the probabilities of the wanted tokens from the same queries and keys.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from generation.attribution import sites
from generation.attribution.layout import PromptBatch, conditional_rows
from generation.attribution.probabilities import additive_mask, picked, split_heads, token_probabilities
from generation.attribution.sites import Site
from generation.attribution.sums import Grid, GridSums, LayerSums, Scope
from generation.attribution.watch import AttentionWatch


@dataclass
class _Running:
    """What a site has handed over during the call that is running."""

    query: Tensor | None = None
    key: Tensor | None = None
    mask: Tensor | None = None
    is_added: bool = False


class Recorder:
    """Running sums of the attention probabilities of chosen tokens, for the conditional rows only."""

    def __init__(self, denoiser: nn.Module, *, scope: Scope, per_head: bool) -> None:
        """Finds the modules of a denoiser that attend to its text.

        Raises ValueError for a denoiser of a kind that can't be traced, or where the scope names a layer or a
        head that it doesn't have.
        """
        self._denoiser = denoiser
        self._scope = scope
        self._per_head = per_head
        if sites.is_compiled(denoiser):
            raise ValueError(
                f"{type(denoiser).__name__} is compiled (torch.compile), and compiled graphs run without "
                "hooks; trace it uncompiled, or compile only modules without attention to the text"
            )
        self._sites = sites.find_sites(denoiser, scope)
        self._inputs = inspect.signature(denoiser.forward)
        self._handles: list[Any] = []
        self._watches: list[AttentionWatch] = []
        self._grids: dict[str, Grid] = {}
        self.start(None, columns=())

    def start(self, batch: PromptBatch | None, *, columns: Sequence[int] | None) -> None:
        """Forgets all sums and waits for the denoiser's calls of a batch.

        columns: positions among the text's keys to sum, ascending; None for all keys.
        """
        self._batch = batch
        self._columns = columns
        self._rows: slice | None = None
        self._known_keys: Tensor | None = None
        self._known_rows: slice | None = None
        self._known_places: Any = None
        self._text_keys = 0
        # (path, grid) -> (images, heads, pixels, tokens), or ("", grid) -> (images, pixels, tokens)
        self._totals: dict[tuple[str, Grid], Tensor] = {}
        self._terms: dict[tuple[str, Grid], int] = {}
        self.latent_hw: Grid | None = None
        self.calls_seen = 0
        self.steps_seen = 0

    def attach(self) -> None:
        """Registers the hooks."""
        add = self._handles.append
        add(self._denoiser.register_forward_pre_hook(self._before_denoiser, with_kwargs=True))
        modules = dict(self._denoiser.named_modules())
        for path in {site.grid_of for site in self._sites} - {""}:
            add(modules[path].register_forward_pre_hook(self._grid_reader(path), with_kwargs=True))
        for site in self._sites:
            running = _Running()
            watch = AttentionWatch(self._listener(site, running))
            self._watches.append(watch)
            attention = site.attention
            add(attention.register_forward_pre_hook(self._before_site(running, watch), with_kwargs=True))
            if site.order == "text":
                add(attention.to_q.register_forward_hook(self._query_reader(running)))
                keys = attention.to_kv if attention.fused_projections else attention.to_k
                add(keys.register_forward_hook(self._key_reader(running, attention.fused_projections)))
            add(attention.register_forward_hook(self._after_site(site, running, watch), always_call=True))

    def detach(self) -> None:
        """Removes every hook; the sums stay."""
        while self._handles:
            self._handles.pop().remove()
        while self._watches:
            self._watches.pop().stop()
        self._known_keys = self._known_places = self._batch = None

    def grid_sums(self) -> list[GridSums]:
        """One sum per grid, coarse grids first."""
        if self._per_head:
            return _by_grid(self.layer_sums())
        return [
            GridSums(sums=_as_maps(total.transpose(1, 2), where[1]), terms=self._terms[where])
            for where, total in sorted(self._totals.items(), key=lambda item: item[0])
        ]

    def layer_sums(self) -> list[LayerSums]:
        """One sum per module and head, in the order the denoiser runs them.

        Raises ValueError where only the sums per grid were kept.
        """
        if not self._per_head:
            raise ValueError('the heads were not kept apart; trace with keep="heads"')
        heads = {site.path: site.heads for site in self._sites}
        return [
            LayerSums(
                path=path,
                sums=_as_maps(total.permute(0, 3, 1, 2), grid),
                heads=heads[path],
                steps=self._terms[path, grid],
            )
            for (path, grid), total in self._totals.items()
        ]

    def _before_denoiser(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._rows = None
        self.calls_seen += 1
        if self._batch is None:
            return
        inputs = self._inputs.bind_partial(*args, **kwargs).arguments
        # Skip-layer guidance asks a second time in the same step, of a part of the layers.
        if inputs.get("skip_layers") is not None:
            return
        keys = inputs["encoder_hidden_states"]
        keys = keys[0] if isinstance(keys, tuple) else keys  # (text, pictures) with an IP-Adapter
        # Comparing rows waits for the device; pipelines hand over one and the same tensor at every step.
        if keys is not self._known_keys:
            self._known_keys, self._known_rows = keys, conditional_rows(self._batch, keys)
        if self._known_rows is None:
            return
        self._text_keys = int(keys.shape[1])
        self._read_places(inputs)
        step, self.steps_seen = self.steps_seen, self.steps_seen + 1
        wanted_step = self._scope.steps is None or step in self._scope.steps
        if wanted_step and (self._columns is None or self._columns):
            self._rows = self._known_rows

    def _read_places(self, inputs: dict[str, Any]) -> None:
        """The latent's size and, where the denoiser's own input tells it, the grid."""
        # Flux names every place in a tensor: reading it waits for the device, so each is read once.
        places = inputs.get("img_ids")
        if places is not None and places is self._known_places:
            return
        self._known_places = places
        self.latent_hw = sites.latent_size(self._denoiser, inputs)
        if any(site.grid_of == "" for site in self._sites):
            self._grids[""] = sites.grid_of(self._denoiser, inputs, path="")

    def _grid_reader(self, path: str) -> Callable[..., None]:
        def read(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            features = args[0] if args else kwargs["hidden_states"]
            self._grids[path] = int(features.shape[-2]), int(features.shape[-1])

        return read

    def _before_site(self, running: _Running, watch: AttentionWatch) -> Callable[..., None]:
        def read(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if self._rows is not None:
                running.mask = args[2] if len(args) > 2 else kwargs.get("attention_mask")
                running.is_added = False
                watch.start()

        return read

    def _query_reader(self, running: _Running) -> Callable[..., None]:
        def read(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
            running.query = output

        return read

    def _key_reader(self, running: _Running, fused: bool) -> Callable[..., None]:
        def read(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
            running.key = output.chunk(2, dim=-1)[0] if fused else output

        return read

    def _listener(self, site: Site, running: _Running) -> Callable[..., None]:
        def hear(
            query: Tensor, key: Tensor, mask: Tensor | None, scale: float | None, lse: Tensor | None
        ) -> None:
            self._add(site, query, key, bias=_as_bias(mask, query, key), scale=scale, lse=lse)
            running.is_added = True

        return hear

    def _after_site(self, site: Site, running: _Running, watch: AttentionWatch) -> Callable[..., None]:
        def end(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
            watch.stop()
            query, key, mask = running.query, running.key, running.mask
            running.query = running.key = running.mask = None
            if self._rows is None or running.is_added or output is None:
                return
            # Processors that don't make the public call (attention in slices, xformers) are read from what
            # the projections hand over.
            if query is None or key is None:
                raise TypeError(
                    f"{site.path}: its attention processor calls neither scaled_dot_product_attention nor "
                    "to_q and to_k; can't be traced"
                )
            attention = site.attention
            bias = additive_mask(attention, mask, shape=(key.shape[0], key.shape[1]))
            self._add(
                site,
                split_heads(attention, query),
                split_heads(attention, key),
                bias=bias,
                scale=attention.scale,
                lse=None,
            )

        return end

    @torch.no_grad()
    def _add(
        self,
        site: Site,
        query: Tensor,
        key: Tensor,
        *,
        bias: Tensor | None,
        scale: float | None,
        lse: Tensor | None,
    ) -> None:
        """query, key: (rows, heads, places, channels), as the module's softmax sees them."""
        grid = self._grids[site.grid_of]
        if self._rows is None or (self._scope.grids is not None and grid not in self._scope.grids):
            return
        pixels = grid[0] * grid[1]
        image = site.image_places(text_keys=self._text_keys, pixels=pixels)
        text = site.text_places(text_keys=self._text_keys, keys=key.shape[2])
        columns = self._columns
        if columns is None or text.start:
            columns = tuple(text.start + each for each in columns or range(self._text_keys))
        where = (site.path if self._per_head else "", grid)
        if bias is not None and bias.shape[2] > 1:
            bias = bias[:, :, image]
        parts = token_probabilities(
            self._own(query, site)[:, :, image],
            self._own(key, site),
            scale=query.shape[-1] ** -0.5 if scale is None else scale,
            bias=None if bias is None else self._own(bias, site),
            columns=columns,
            lse=None if lse is None else self._own(lse, site)[:, :, image],
        )
        for (images, places), probabilities in parts:
            part = probabilities if self._per_head else probabilities.sum(dim=1)
            if where not in self._totals:
                shape = (self._batch_images(), *part.shape[1:-2], part.shape[-1], pixels)
                self._totals[where] = part.new_zeros(shape).mT  # in memory as the parts are
            self._totals[where][images, ..., places, :] += part
        self._terms[where] = self._terms.get(where, 0) + (1 if self._per_head else len(site.heads))

    def _own(self, tensor: Tensor, site: Site) -> Tensor:
        """The conditional rows and the wanted heads of (rows, heads, ...)."""
        rows = tensor[self._rows]
        return rows if len(site.heads) == site.attention.heads else picked(rows, site.heads, dim=1)

    def _batch_images(self) -> int:
        rows = self._rows or slice(0, 0)
        return int(rows.stop) - int(rows.start)


def _as_bias(mask: Tensor | None, query: Tensor, key: Tensor) -> Tensor | None:
    """A mask as scaled_dot_product_attention takes it -> what it adds: (rows, heads, 1 or places, keys)."""
    if mask is None:
        return None
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=torch.float32).masked_fill(~mask, float("-inf"))
    return mask.expand(*query.shape[:2], mask.shape[-2], key.shape[2])


def _as_maps(flat: Tensor, grid: Grid) -> Tensor:
    """(..., pixels) -> (..., height, width)."""
    return flat.reshape(*flat.shape[:-1], *grid)


def _by_grid(layers: list[LayerSums]) -> list[GridSums]:
    """Adds the heads and layers of each grid."""
    sums: dict[Grid, Tensor] = {}
    terms: dict[Grid, int] = {}
    for layer in layers:
        added = layer.sums.sum(dim=2)
        sums[layer.grid] = sums[layer.grid] + added if layer.grid in sums else added
        terms[layer.grid] = terms.get(layer.grid, 0) + layer.steps * len(layer.heads)
    return [GridSums(sums=sums[grid], terms=terms[grid]) for grid in sorted(sums)]
