"""Scores of several modules, turned into probabilities together.

A model's own computation drives everything else out of the processor's caches, code too, so each operation
beside it takes many times as long as it takes alone. Beside an attention call there is one, the product of
queries and keys; what is to be done with the scores is done for several modules at once. The queries
themselves don't wait: as long as they do, the model can't use their memory again while it is in the caches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from generation.attribution.backends import Alike
from generation.attribution.probabilities import picked
from generation.attribution.sums import Grid
from generation.attribution.totals import Totals

# So many bytes of scores of one kind wait at most. A GPU's time goes into starting operations, so more wait
# there.
_ROOM_BYTES = {"cpu": 5 * 2**18, "cuda": 32 * 2**20}

# Grid, shapes of query and key, scale (None for 1 / sqrt(channels)), heads of the module, device.
Kind = tuple[Grid, torch.Size, torch.Size, float | None, int, torch.device]

# Makes what as_strided makes, from where a tensor begins, and asks nothing: as_strided takes twice as long.
_view: Any = getattr(torch._C._dynamo.guards, "_reinterpret_tensor", None)


class WaitingRoom:
    """Where the scores of modules wait for others of their kind, from a step's begin to its end at most."""

    def __init__(self, totals: Totals, *, columns: Sequence[int] | None, sites: int) -> None:
        """totals: to which they are added in the end.  columns: of the keys, ascending; None for all.

        sites: how many modules there are.
        """
        self._totals = totals
        self._columns = columns
        self._sites = sites
        self._rows = slice(0)
        self._text = 0, 0
        # Kept between steps: fresh memory costs time.
        self._places: dict[Kind, WaitingScores | None] = {}
        self._last: WaitingScores | None = None

    def begin(self, rows: slice, *, text: tuple[int, int]) -> None:
        """Before a step; what one that was broken off has left is forgotten.

        rows: of the batch, those that are summed.  text: how many rows and keys there are.
        """
        if (rows, text) != (self._rows, self._text):
            self._rows, self._text = rows, text
            self.clear()
        for place in self._places.values():
            if place is not None:
                place.clear()

    def clear(self) -> None:
        """Forgets everything, and gives the memory back."""
        self._places.clear()
        self._last = None

    def put(
        self,
        path: str,
        grid: Grid,
        query: Tensor,
        key: Tensor,
        scale: float | None,
        lse: Tensor,
        alike: Alike | None,
        *,
        heads: int,
        is_first: bool,
    ) -> bool:
        """Whether a module's scores wait now. query, key, lse: none of them needs a gradient.

        alike: see backends.  heads: how many the module has.  is_first: whether it is its first call in the
        step.
        """
        place = self._last
        if (
            place is None
            or alike is None
            or (alike, grid, scale, heads) != (place.alike, place.grid, place.scale, place.heads)
        ):
            place = self._last = self._place(grid, query, key, scale, heads)
            if place is None:
                return False
            place.expect(alike, query, key)
        if place.is_full or not (is_first or path not in place.paths):
            self._add(place)
        place.put(path, query, key, lse)
        return True

    def settle(self) -> None:
        """Adds what waits to the sums."""
        for place in self._places.values():
            if place is not None and place.paths:
                self._add(place)

    @torch.no_grad()
    def _add(self, place: WaitingScores) -> None:
        paths = tuple(place.paths)
        self._totals.add(paths, place.grid, place.probabilities())
        self._totals.count(paths, place.grid, heads=place.heads)

    def _place(
        self, grid: Grid, query: Tensor, key: Tensor, scale: float | None, heads: int
    ) -> WaitingScores | None:
        """Of such a call's kind.

        None where its scores are too many, its rows and heads not all, or its places and keys not the grid's
        and the text's alone.
        """
        kind = (grid, query.shape, key.shape, scale, heads, query.device)
        if kind not in self._places:
            self._places[kind] = self._made(kind)
        return self._places[kind]

    def _made(self, kind: Kind) -> WaitingScores | None:
        (height, width), query, key, _, heads, device = kind
        rows, keys = self._text
        # The views that are made of them ask nothing.
        if query[:3] != (rows, heads, height * width) or key[:3] != (rows, heads, keys):
            return None
        tokens = keys if self._columns is None else len(self._columns)
        images = self._rows.stop - self._rows.start
        score_bytes = 4 * images * query[1] * max(1, tokens) * height * width
        modules = min(_ROOM_BYTES.get(device.type, 0) // score_bytes, self._sites)
        if not modules:
            return None
        return WaitingScores(kind, modules=modules, tokens=tokens, rows=self._rows, columns=self._columns)


class WaitingScores:
    """The scores of modules of one kind, whose softmax's divisor (LSE) is known."""

    def __init__(
        self, kind: Kind, *, modules: int, tokens: int, rows: slice, columns: Sequence[int] | None
    ) -> None:
        """kind: of all modules.  modules: how many may wait.

        rows: of the batch, those that are summed.  columns: of the keys, ascending; None for all.
        """
        self.grid, shape, _, self.scale, self.heads, device = kind
        (height, width), heads, channels = self.grid, self.heads, shape[3]
        self.alike: Alike | None = None
        self.paths: list[str] = []
        self._rows = rows
        self._columns = columns
        self._images = rows.stop - rows.start
        self._factor = channels**-0.5 if self.scale is None else self.scale
        # The few tokens stand before the many pixels in memory: what follows is several times faster.
        size = (modules, self._images, heads, tokens, height * width)
        self._memory = torch.empty(size, dtype=torch.float32, device=device)
        self._places = self._memory.flatten(1, 2).unbind()
        self._divisors: list[Tensor] = []
        # Of one image's rows, and of columns side by side, a single view takes what is wanted.
        is_even = columns is None or columns[-1] - columns[0] + 1 == len(columns)
        self._is_one_view = self._images == 1 and is_even
        self._first = columns[0] if columns else 0
        self._sizes = (heads, tokens, channels), (heads, channels, height * width)
        # Of both views: stride, and where they begin.
        self._views: tuple[tuple[tuple[int, ...], int], tuple[tuple[int, ...], int]] | None = None

    @property
    def is_full(self) -> bool:
        """Whether no further module can be put here."""
        return len(self.paths) == len(self._places)

    def expect(self, alike: Alike | None, query: Tensor, key: Tensor) -> None:
        """How what is put here next lies in memory. alike: what later calls have in common with this one."""
        self.alike = alike
        self._views = None
        if self._is_one_view and query.dtype == torch.float32 == key.dtype:
            row = self._rows.start
            step, head, token, channel = key.stride()
            keys = (head, token, channel), row * step + self._first * token
            step, head, pixel, channel = query.stride()
            self._views = keys, ((head, channel, pixel), row * step)

    def clear(self) -> None:
        """Forgets what was put here."""
        self.paths.clear()
        self._divisors.clear()

    def put(self, path: str, query: Tensor, key: Tensor, lse: Tensor) -> None:
        """A module's tensors, of all rows; see token_probabilities. None of them needs a gradient."""
        if self._views is not None:
            (key_stride, first_key), (query_stride, first_query) = self._views
            key_size, query_size = self._sizes
            keys = _view(key, key_size, key_stride, first_key)
            queries = _view(query, query_size, query_stride, first_query)
        else:
            queries = query[self._rows].flatten(0, 1).float().mT
            keys = picked(key[self._rows], self._columns, dim=2).flatten(0, 1).float()
        torch.bmm(keys, queries, out=self._places[len(self.paths)])
        self._divisors.append(lse)
        self.paths.append(path)

    @torch.no_grad()
    def probabilities(self) -> Tensor:
        """(modules, images, heads, tokens, pixels), float32: of every module that was put here, which go.

        Lies in memory that the next module put here writes over.
        """
        scores = self._memory if self.is_full else self._memory[: len(self.paths)]
        # Cut when they are together: it is one view, not one for each.
        less = torch.stack(self._divisors)[:, self._rows].unsqueeze(3).neg_()
        self.clear()
        return torch.add(less, scores, alpha=self._factor, out=scores).exp_()


def _as_strided(tensor: Tensor, size: Sequence[int], stride: Sequence[int], further: int) -> Tensor:
    return tensor.as_strided(size, stride, tensor.storage_offset() + further)


if _view is None:
    _view = _as_strided
