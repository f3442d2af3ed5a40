"""Queries and keys of several modules, turned into probabilities together.

A model's own computation drives everything else out of the processor's caches, code too, so each operation
beside it takes many times as long as it takes alone. Beside an attention call there is none: its tensors
wait, and all that is to be done with them is done for several modules at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from generation.attribution.probabilities import picked
from generation.attribution.sums import Grid

# So many bytes of queries, and of scores, wait at most. A GPU's time goes into starting operations, so more
# wait there.
_ROOM_BYTES = {"cpu": 4 * 2**20, "cuda": 32 * 2**20}

# Grid, shape of the query, scale (None for 1 / sqrt(channels)), device.
Kind = tuple[Grid, torch.Size, float | None, torch.device]


def room_for(kind: Kind, *, images: int, tokens: int, query_bytes: int) -> int:
    """How many modules of a kind may wait together; 0 where not even one may.

    query_bytes: of one module's query, all rows of the batch.
    """
    (height, width), shape, _, device = kind
    score_bytes = 4 * images * shape[1] * max(1, tokens) * height * width
    return _ROOM_BYTES.get(device.type, 0) // max(score_bytes, query_bytes)


class WaitingScores:
    """What modules of one kind have handed over, whose softmax's divisor (LSE) is known.

    kind: of all of them.
    memory: (modules, images x heads, tokens, pixels), float32.
    rows: of the batch, those that are summed.  columns: of the keys, ascending; None for all.
    """

    def __init__(self, kind: Kind, memory: Tensor, *, rows: slice, columns: Sequence[int] | None) -> None:
        self.kind = kind
        self.paths: list[str] = []
        self._memory = memory
        self._rows = rows
        self._columns = columns
        self._given: list[tuple[Tensor, Tensor, Tensor]] = []

    @property
    def is_full(self) -> bool:
        """Whether no further module can be put here."""
        return len(self.paths) == self._memory.shape[0]

    def put(self, path: str, query: Tensor, key: Tensor, lse: Tensor) -> None:
        """A module's tensors, of all rows; see token_probabilities. Nobody may change them any more."""
        self._given.append((query, key, lse))
        self.paths.append(path)

    def probabilities(self) -> Tensor:
        """(modules, images, heads, tokens, pixels), float32: of every module that was put here.

        Lies in the memory that was given, so it lasts until the next module is put there.
        """
        images = self._rows.stop - self._rows.start
        scale = self.kind[1][-1] ** -0.5 if self.kind[2] is None else self.kind[2]
        scores = self._memory[: len(self.paths)]
        for (query, key, _), own in zip(self._given, scores, strict=True):
            if images == 1:
                row = self._rows.start
                wanted, keys = query[row], picked(key[row], self._columns, dim=1)
            else:
                wanted = query[self._rows].flatten(0, 1)
                keys = picked(key[self._rows], self._columns, dim=2).flatten(0, 1)
            # The few tokens stand before the many pixels in memory: that is several times faster.
            torch.baddbmm(own, keys.float(), wanted.float().mT, beta=0, alpha=scale, out=own)
        scores = scores.view(len(self.paths), images, -1, *scores.shape[-2:])
        divisors = torch.stack([lse[self._rows] for _, _, lse in self._given]).unsqueeze(3)
        return scores.sub_(divisors).exp_()
