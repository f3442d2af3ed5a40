"""Scores of several modules, turned into probabilities together.

A model's own computation drives everything else out of the processor's caches, code too, so each operation
beside it takes many times as long as it takes alone. Beside an attention call there is one, the product of
queries and keys; what is to be done with the scores is done for several modules at once. The queries
themselves don't wait: as long as they do, the model can't use their memory again while it is in the caches.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from generation.attribution.probabilities import picked
from generation.attribution.sums import Grid

# So many bytes of scores wait at most. A GPU's time goes into starting operations, so more wait there.
_ROOM_BYTES = {"cpu": 2**20, "cuda": 32 * 2**20}

# Grid, shape of the query, scale (None for 1 / sqrt(channels)), device.
Kind = tuple[Grid, torch.Size, float | None, torch.device]


def room_for(kind: Kind, *, images: int, tokens: int) -> int:
    """How many modules of a kind may wait together; 0 where not even one may."""
    (height, width), shape, _, device = kind
    score_bytes = 4 * images * shape[1] * max(1, tokens) * height * width
    return _ROOM_BYTES.get(device.type, 0) // score_bytes


class WaitingScores:
    """The scores of modules of one kind, whose softmax's divisor (LSE) is known."""

    def __init__(
        self, kind: Kind, *, modules: int, tokens: int, rows: slice, columns: Sequence[int] | None
    ) -> None:
        """kind: of all modules.  modules: how many may wait.

        rows: of the batch, those that are summed.  columns: of the keys, ascending; None for all.
        """
        (height, width), shape, scale, device = kind
        heads, channels = shape[1], shape[3]
        self.kind = kind
        self.rows = rows
        self.tokens = tokens
        self.paths: list[str] = []
        self._columns = columns
        self._images = rows.stop - rows.start
        self._scale = channels**-0.5 if scale is None else scale
        # The few tokens stand before the many pixels in memory: what follows is several times faster.
        self._memory = torch.empty(modules, self._images * heads, tokens, height * width, device=device)
        self._places = self._memory.unbind()
        self._divisors: list[Tensor] = []
        # Of one image's rows, and of columns side by side, a single view takes what is wanted.
        is_even = columns is None or columns[-1] - columns[0] + 1 == len(columns)
        self._is_one_view = self._images == 1 and is_even
        self._first = columns[0] if columns else 0
        self._key_size, self._query_size = (heads, tokens, channels), (heads, channels, height * width)

    @property
    def is_full(self) -> bool:
        """Whether no further module can be put here."""
        return len(self.paths) == len(self._places)

    def clear(self) -> None:
        """Forgets what was put here."""
        self.paths.clear()
        self._divisors.clear()

    def put(self, path: str, query: Tensor, key: Tensor, lse: Tensor) -> None:
        """A module's tensors, of all rows; see token_probabilities. None of them needs a gradient."""
        if self._is_one_view and query.dtype == torch.float32 == key.dtype:
            row = self.rows.start
            step, head, token, channel = key.stride()
            start = key.storage_offset() + row * step + self._first * token
            keys = key.as_strided(self._key_size, (head, token, channel), start)
            step, head, pixel, channel = query.stride()
            start = query.storage_offset() + row * step
            queries = query.as_strided(self._query_size, (head, channel, pixel), start)
        else:
            queries = query[self.rows].flatten(0, 1).float().mT
            keys = picked(key[self.rows], self._columns, dim=2).flatten(0, 1).float()
        torch.bmm(keys, queries, out=self._places[len(self.paths)])
        self._divisors.append(lse)
        self.paths.append(path)

    @torch.no_grad()
    def probabilities(self) -> Tensor:
        """(modules, images, heads, tokens, pixels), float32: of every module that was put here, which go.

        Lies in memory that the next module put here writes over.
        """
        scores = self._memory[: len(self.paths)]
        scores = scores.view(len(self.paths), self._images, -1, *scores.shape[-2:])
        # Cut when they are together: it is one view, not one for each.
        less = torch.stack(self._divisors)[:, self.rows].unsqueeze(3).neg_()
        self.clear()
        return torch.add(less, scores, alpha=self._scale, out=scores).exp_()
