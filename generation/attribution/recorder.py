"""Hooks that sum a UNet's cross-attention while it runs, and leave its own computation alone.

The model's attention call is not replaced: the recorder reads the queries and keys where the projections hand
them over and computes the probabilities of the wanted tokens a second time, beside the model. The image is
therefore bit for bit the one that the model makes without a recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_processor import Attention
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import Tensor, nn

from generation.attribution.layout import PromptBatch, conditional_rows
from generation.attribution.probabilities import additive_mask, split_heads, token_probabilities
from generation.attribution.sums import Grid, GridSums, LayerSums, Scope


@dataclass
class _Layer:
    """One traced module, and what it has handed over during the call that is running."""

    path: str
    attention: Attention
    feature_map: str
    heads: tuple[int, ...]
    query: Tensor | None = None
    key: Tensor | None = None
    mask: Tensor | None = None

    def forget(self) -> None:
        self.query = self.key = self.mask = None


class Recorder:
    """Running sums of the cross-attention probabilities of chosen tokens, for the conditional rows only."""

    def __init__(self, unet: nn.Module, *, scope: Scope, per_head: bool) -> None:
        """Finds the cross-attention modules of a UNet.

        Raises ValueError where the scope names a layer or a head that the UNet doesn't have.
        """
        self._unet = unet
        self._scope = scope
        self._per_head = per_head
        self._feature_maps = {p: m for p, m in unet.named_modules() if isinstance(m, Transformer2DModel)}
        self._layers = _find_layers(unet, scope, tuple(self._feature_maps))
        self._handles: list[Any] = []
        self._grids: dict[str, Grid] = {}
        self.start(None, columns=())

    def start(self, batch: PromptBatch | None, *, columns: Sequence[int] | None) -> None:
        """Forgets all sums and waits for the UNet calls of a batch.

        columns: token positions to sum, ascending; None for all keys.
        """
        self._batch = batch
        self._columns = columns
        self._rows: slice | None = None
        self._known_keys: Tensor | None = None
        self._known_rows: slice | None = None
        # (path, grid) -> (images, heads, pixels, tokens), or ("", grid) -> (images, pixels, tokens)
        self._totals: dict[tuple[str, Grid], Tensor] = {}
        self._terms: dict[tuple[str, Grid], int] = {}
        self.latent_hw: Grid | None = None
        self.steps_seen = 0

    def attach(self) -> None:
        """Registers the hooks."""
        add = self._handles.append
        add(self._unet.register_forward_pre_hook(self._before_unet, with_kwargs=True))
        for path, feature_map in self._feature_maps.items():
            add(feature_map.register_forward_pre_hook(self._grid_reader(path), with_kwargs=True))
        for layer in self._layers:
            attention = layer.attention
            add(attention.register_forward_pre_hook(self._mask_reader(layer), with_kwargs=True))
            add(attention.to_q.register_forward_hook(self._query_reader(layer)))
            keys = attention.to_kv if attention.fused_projections else attention.to_k
            add(keys.register_forward_hook(self._key_reader(layer)))
            add(attention.register_forward_hook(self._after_attention(layer)))

    def detach(self) -> None:
        """Removes every hook; the sums stay."""
        while self._handles:
            self._handles.pop().remove()
        for layer in self._layers:
            layer.forget()
        self._known_keys = self._batch = None

    def grid_sums(self) -> list[GridSums]:
        """One sum per grid, coarse grids first."""
        if self._per_head:
            return _by_grid(self.layer_sums())
        return [
            GridSums(sums=_as_maps(total.transpose(1, 2), where[1]), terms=self._terms[where])
            for where, total in sorted(self._totals.items(), key=lambda item: item[0])
        ]

    def layer_sums(self) -> list[LayerSums]:
        """One sum per module and head, in the order the UNet runs them.

        Raises ValueError where only the sums per grid were kept.
        """
        if not self._per_head:
            raise ValueError('the heads were not kept apart; trace with keep="heads"')
        heads = {layer.path: layer.heads for layer in self._layers}
        return [
            LayerSums(
                path=path,
                sums=_as_maps(total.permute(0, 3, 1, 2), grid),
                heads=heads[path],
                steps=self._terms[path, grid],
            )
            for (path, grid), total in self._totals.items()
        ]

    def _before_unet(self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._rows = None
        if self._batch is None:
            return
        sample = args[0] if args else kwargs["sample"]
        keys = kwargs["encoder_hidden_states"] if "encoder_hidden_states" in kwargs else args[2]
        # Comparing rows waits for the device; pipelines hand over one and the same tensor at every step.
        if keys is not self._known_keys:
            self._known_keys, self._known_rows = keys, conditional_rows(self._batch, keys)
        if self._known_rows is None:
            return
        self.latent_hw = int(sample.shape[-2]), int(sample.shape[-1])
        step, self.steps_seen = self.steps_seen, self.steps_seen + 1
        wanted_step = self._scope.steps is None or step in self._scope.steps
        if wanted_step and (self._columns is None or self._columns):
            self._rows = self._known_rows

    def _grid_reader(self, path: str) -> Callable[..., None]:
        def read(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            features = args[0] if args else kwargs["hidden_states"]
            self._grids[path] = int(features.shape[-2]), int(features.shape[-1])

        return read

    def _mask_reader(self, layer: _Layer) -> Callable[..., None]:
        def read(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            layer.forget()
            layer.mask = args[2] if len(args) > 2 else kwargs.get("attention_mask")

        return read

    def _query_reader(self, layer: _Layer) -> Callable[..., None]:
        def read(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
            if self._rows is not None:
                layer.query = output

        return read

    def _key_reader(self, layer: _Layer) -> Callable[..., None]:
        def read(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> None:
            if self._rows is not None:
                layer.key = output.chunk(2, dim=-1)[0] if layer.attention.fused_projections else output

        return read

    def _after_attention(self, layer: _Layer) -> Callable[..., None]:
        def add(*_: object) -> None:
            grid = self._grids[layer.feature_map]
            if self._rows is not None and (self._scope.grids is None or grid in self._scope.grids):
                self._add(layer, grid, self._rows)
            layer.forget()

        return add

    @torch.no_grad()
    def _add(self, layer: _Layer, grid: Grid, rows: slice) -> None:
        attention, heads = layer.attention, layer.heads
        if layer.query is None or layer.key is None:
            raise TypeError(
                f"{layer.path}: its attention processor doesn't call to_q and to_k; can't be traced"
            )
        query = split_heads(attention, layer.query, rows=rows, heads=heads)
        key = split_heads(attention, layer.key, rows=rows, heads=heads)
        query = query if attention.norm_q is None else attention.norm_q(query)
        key = key if attention.norm_k is None else attention.norm_k(key)
        shape = layer.key.shape[0], layer.key.shape[1]
        bias = additive_mask(attention, layer.mask, rows=rows, heads=heads, shape=shape)
        where = (layer.path if self._per_head else "", grid)
        for images, probabilities in token_probabilities(
            query, key, scale=attention.scale, bias=bias, columns=self._columns
        ):
            part = probabilities if self._per_head else probabilities.sum(dim=1)
            if where not in self._totals:
                self._totals[where] = part.new_zeros((query.shape[0], *part.shape[1:]))
            self._totals[where][images] += part
        self._terms[where] = self._terms.get(where, 0) + (1 if self._per_head else len(heads))


def _as_maps(flat: Tensor, grid: Grid) -> Tensor:
    """(..., pixels) -> (..., height, width)."""
    return flat.reshape(*flat.shape[:-1], *grid)


def _find_layers(unet: nn.Module, scope: Scope, feature_maps: tuple[str, ...]) -> list[_Layer]:
    """The wanted cross-attention modules, each with the module whose feature map it attends from."""
    modules = {
        path: module
        for path, module in unet.named_modules()
        if isinstance(module, Attention) and module.is_cross_attention
    }
    _refuse_unknown(scope, list(modules))
    found = []
    for path, module in modules.items():
        owners = [owner for owner in feature_maps if path.startswith(owner + ".")]
        if not owners:
            raise ValueError(f"{path}: no feature map around this attention; this UNet is of another kind")
        heads = tuple(scope.heads.get(path, range(module.heads)))
        if not set(heads) <= set(range(module.heads)):
            raise ValueError(f"{path} has heads 0 to {module.heads - 1}, not {heads}")
        if scope.takes_layer(path):
            layer = _Layer(path=path, attention=module, feature_map=max(owners, key=len), heads=heads)
            found.append(layer)
    return found


def _refuse_unknown(scope: Scope, paths: list[str]) -> None:
    wanted = [*(scope.layers or ()), *scope.heads]
    unknown = [name for name in wanted if not any(p == name or p.startswith(name + ".") for p in paths)]
    if unknown:
        raise ValueError(f"no cross-attention at {', '.join(unknown)}; the UNet has it at {', '.join(paths)}")


def _by_grid(layers: list[LayerSums]) -> list[GridSums]:
    """Adds the heads and layers of each grid."""
    sums: dict[Grid, Tensor] = {}
    terms: dict[Grid, int] = {}
    for layer in layers:
        added = layer.sums.sum(dim=2)
        sums[layer.grid] = sums[layer.grid] + added if layer.grid in sums else added
        terms[layer.grid] = terms.get(layer.grid, 0) + layer.steps * len(layer.heads)
    return [GridSums(sums=sums[grid], terms=terms[grid]) for grid in sorted(sums)]
