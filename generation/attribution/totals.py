"""The running sums of a recorder: float32 in memory as the probabilities come, added to in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from generation.attribution.probabilities import Part
from generation.attribution.sums import Grid, GridSums, LayerSums


@dataclass(kw_only=True)
class Totals:
    """Sums of token probabilities, per module and head, or over all modules and heads of a grid.

    images: whose rows are summed.  per_head: whether modules and heads are kept apart.
    """

    images: int
    per_head: bool
    # (path, grid) -> (images, heads, tokens, pixels), or ("", grid) -> (images, tokens, pixels)
    _sums: dict[tuple[str, Grid], Tensor] = field(default_factory=dict)
    _terms: dict[tuple[str, Grid], int] = field(default_factory=dict)
    _order: dict[str, Any] = field(default_factory=dict)
    # The memory behind the sums of modules that came together, so that they are added to together.
    _together: dict[tuple[tuple[str, ...], Grid], Tensor] = field(default_factory=dict)

    def add(
        self, paths: tuple[str, ...], grid: Grid, probabilities: Tensor, *, part: Part | None = None
    ) -> None:
        """What some modules have paid in one call each.

        probabilities: (modules, images, heads, tokens, pixels), of all images and pixels or of a part.
        """
        of_modules = probabilities if self.per_head else _over_modules_and_heads(probabilities)
        total = self._memory(paths if self.per_head else ("",), grid, like=of_modules)
        if part is not None:
            total = total[:, part[0], ..., part[1]]
        total.add_(of_modules)

    def count(self, paths: Sequence[str], grid: Grid, *, heads: int) -> None:
        """Notes that a call of each of some modules has been added, with all its parts. heads: of each."""
        if not self.per_head:
            self._terms["", grid] = self._terms.get(("", grid), 0) + heads * len(paths)
            return
        for path in paths:
            self._terms[path, grid] = self._terms.get((path, grid), 0) + 1

    def came(self, paths: Mapping[str, Any]) -> None:
        """Notes in which order modules run, as they may be added in another. paths: keys, in order."""
        if self.per_head and not paths.keys() <= self._order.keys():
            self._order = {**paths, **self._order}

    def _memory(self, paths: tuple[str, ...], grid: Grid, *, like: Tensor) -> Tensor:
        """The sums of some modules, side by side as they come; zeros where they are new."""
        known = self._together.get((paths, grid))
        if known is not None:
            return known
        size = (len(paths), self.images, *like.shape[2:-1], grid[0] * grid[1])
        made = torch.zeros(size, dtype=torch.float32, device=like.device)
        for path, own in zip(paths, made, strict=True):
            if (path, grid) in self._sums:
                # It came in other company before; its sum moves over.
                own += self._sums[path, grid]
            self._sums[path, grid] = own
        self._together = {
            (others, place): memory
            for (others, place), memory in self._together.items()
            if place != grid or not set(others) & set(paths)
        }
        self._together[paths, grid] = made
        return made

    @property
    def device_type(self) -> str:
        """Where the sums lie ("cpu", "cuda"); "cpu" while there are none."""
        return next((total.device.type for total in self._sums.values()), "cpu")

    def grid_sums(self) -> list[GridSums]:
        """One sum per grid, coarse grids first."""
        if not self.per_head:
            return [
                GridSums(sums=_as_maps(total, where[1]), terms=self._terms[where])
                for where, total in sorted(self._sums.items(), key=lambda item: item[0])
            ]
        sums: dict[Grid, Tensor] = {}
        terms: dict[Grid, int] = {}
        for (path, grid), total in self._sums.items():
            added = total.sum(dim=1)
            sums[grid] = sums[grid].add_(added) if grid in sums else added
            terms[grid] = terms.get(grid, 0) + self._terms[path, grid] * total.shape[1]
        return [GridSums(sums=_as_maps(sums[grid], grid), terms=terms[grid]) for grid in sorted(sums)]

    def layer_sums(self, heads: Mapping[str, tuple[int, ...]]) -> list[LayerSums]:
        """One sum per module and head, in the order they run. heads: by path, the numbers of those summed.

        Raises ValueError where only the sums per grid were kept.
        """
        if not self.per_head:
            raise ValueError('the heads were not kept apart; trace with keep="heads"')
        places = {path: place for place, path in enumerate(self._order)}
        return [
            LayerSums(
                path=path,
                sums=_as_maps(total.transpose(1, 2), grid),
                heads=heads[path],
                steps=self._terms[path, grid],
            )
            for (path, grid), total in sorted(
                self._sums.items(), key=lambda item: places.get(item[0][0], len(places))
            )
        ]


def _over_modules_and_heads(probabilities: Tensor) -> Tensor:
    """(modules, images, heads, tokens, pixels) -> (1, images, tokens, pixels)."""
    if probabilities.shape[1] == 1:
        return probabilities.sum(dim=(0, 2))[None]
    # Over two dimensions with another between them it takes six times as long at once.
    return probabilities.sum(dim=2).sum(dim=0)[None]


def _as_maps(flat: Tensor, grid: Grid) -> Tensor:
    """(..., pixels) -> (..., height, width)."""
    return flat.view(*flat.shape[:-1], *grid)
