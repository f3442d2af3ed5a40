"""Values that pass between the tracer and the aggregation: what is summed, and over what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from generation.attribution.arguments import check_numbers, check_texts
from generation.attribution.options import check_size

Grid = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which of the model's attention enters the sums; None means all of it.

    steps: denoising steps, counted from 0 (the UNet calls of one image).
    layers: module paths, or their beginnings: "mid_block" takes every module below it.
    grids: (height, width) of the feature maps.
    heads: for a module's whole path, the heads to take; modules that are not named give all of theirs.
    """

    steps: Collection[int] | None = None
    layers: Collection[str] | None = None
    grids: Collection[Grid] | None = None
    heads: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError for what no model could have."""
        if self.steps is not None:
            check_numbers("Scope.steps", self.steps)
        check_texts("Scope.layers", self.layers)
        if self.layers is not None and not self.layers:
            raise ValueError("Scope.layers=[] takes nothing; name one at least, or leave it out for all")
        if self.grids is not None:
            if not self.grids:
                raise ValueError("Scope.grids=[] takes nothing; name one at least, or leave it out for all")
            for grid in self.grids:
                check_size("Scope.grids", grid)
        for path, heads in self.heads.items():
            check_numbers(f"Scope.heads[{path!r}]", heads)
            if len(set(heads)) < len(heads):
                raise ValueError(f"Scope.heads[{path!r}]={heads!r} names a head twice; name each once")

    def takes_layer(self, path: str) -> bool:
        """Whether a module's attention is wanted. path: as in UNet.named_modules()."""
        if self.layers is None:
            return True
        return any(path == layer or path.startswith(layer + ".") for layer in self.layers)


@dataclass(frozen=True, kw_only=True)
class GridSums:
    """Attention summed over steps, layers and heads that share a grid.

    sums: (images, tokens, height, width), float32, >= 0.
    terms: how many (step, layer, head) probabilities went into each value.
    """

    sums: Tensor
    terms: int

    @property
    def grid(self) -> Grid:
        """(height, width)."""
        return int(self.sums.shape[-2]), int(self.sums.shape[-1])


@dataclass(frozen=True, kw_only=True)
class LayerSums:
    """Attention of one module, summed over steps only.

    sums: (images, tokens, heads, height, width), float32, >= 0.
    heads: the numbers of the heads in sums, in order.
    steps: how many steps went into each value.
    """

    path: str
    sums: Tensor
    heads: tuple[int, ...]
    steps: int

    @property
    def grid(self) -> Grid:
        """(height, width)."""
        return int(self.sums.shape[-2]), int(self.sums.shape[-1])
