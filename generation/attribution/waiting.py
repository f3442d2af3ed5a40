"""Scores of several modules in one piece of memory, turned into probabilities together.

A model's own computation drives everything else out of the processor's caches, so each operation beside it
takes many times as long as it takes alone. Beside each attention call there is one product only; what turns
scores into sums is done once for many modules.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from generation.attribution.probabilities import picked
from generation.attribution.sums import Grid

# So many bytes of scores wait at most. A GPU's time goes into starting operations, so more wait there.
_ROOM_BYTES = {"cpu": 2 * 2**20, "cuda": 32 * 2**20}

Kind = tuple[Grid, torch.Size, float, torch.device]


def room_for(kind: Kind, *, images: int, tokens: int) -> int:
    """How many modules of a kind may wait together; 0 where not even one may."""
    (height, width), shape, _, device = kind
    return _ROOM_BYTES.get(device.type, 0) // (4 * images * shape[1] * max(1, tokens) * height * width)


class WaitingScores:
    """The scores of modules of one kind, whose softmax's divisor (LSE) is known.

    kind: grid, shape of the query, scale, device.
    memory: (modules, images x heads, tokens, pixels), float32.
    """

    def __init__(self, kind: Kind, memory: Tensor, *, images: int) -> None:
        self.kind = kind
        self.paths: list[str] = []
        self._memory = memory
        self._of_each = memory.unbind(0)
        self._images = images
        self._divisors: list[Tensor] = []
        self._rows = slice(0)

    @property
    def is_full(self) -> bool:
        """Whether no further module can be put here."""
        return len(self.paths) == self._memory.shape[0]

    def put(
        self,
        path: str,
        query: Tensor,
        key: Tensor,
        lse: Tensor,
        *,
        rows: slice,
        columns: Sequence[int] | None,
    ) -> None:
        """Scores of a module's wanted tokens. query, key, lse: of all rows; see token_probabilities."""
        # As few operations as can be: between the model's own, each costs more by far than what it computes.
        if self._images == 1:
            query, key = query[rows.start], picked(key[rows.start], columns, dim=1)
        else:
            query, key = query[rows].flatten(0, 1), picked(key[rows], columns, dim=2).flatten(0, 1)
        if query.dtype != torch.float32:
            query, key = query.float(), key.float()
        # The few tokens stand before the many pixels in memory: that is several times faster.
        torch.bmm(key, query.mT, out=self._of_each[len(self.paths)])
        self._rows = rows
        self._divisors.append(lse)
        self.paths.append(path)

    def probabilities(self) -> Tensor:
        """(modules, images, heads, tokens, pixels), float32: of every module that was put here.

        Lies in the memory that was given, so it lasts until the next module is put there.
        """
        scores = self._memory[: len(self.paths)]
        scores = scores.view(len(self.paths), self._images, -1, *scores.shape[-2:])
        divisors = torch.stack([lse[self._rows] for lse in self._divisors]).unsqueeze(3)
        return torch.sub(scores.mul_(self.kind[2]), divisors, out=scores).exp_()
