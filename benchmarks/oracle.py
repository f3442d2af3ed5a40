"""A second, slow recorder that shares no code with the package: per head, an explicit softmax in float64.

It goes in where the package does not, as an attention processor, and hands on what the model's own one gives.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class _Processor:
    def __init__(self, path: str, own: Any, store: dict[str, list[torch.Tensor]]) -> None:
        self.path, self.own, self.store = path, own, store

    def __call__(
        self, attn: Any, hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, **others: Any
    ) -> Any:
        query, key = attn.to_q(hidden_states).double(), attn.to_k(encoder_hidden_states).double()
        width = query.shape[-1] // attn.heads
        heads = []
        for first in range(0, query.shape[-1], width):
            score = query[..., first : first + width] @ key[..., first : first + width].mT / width**0.5
            weight = torch.exp(score - score.amax(dim=-1, keepdim=True))
            heads.append(weight / weight.sum(dim=-1, keepdim=True))
        self.store[self.path].append(torch.stack(heads, dim=1))
        return self.own(attn, hidden_states, encoder_hidden_states, **others)


@contextmanager
def recorded(unet: Any) -> Iterator[dict[str, list[torch.Tensor]]]:
    """Module path -> one (rows, heads, pixels, keys) array per UNet call, for every attn2."""
    store: dict[str, list[torch.Tensor]] = defaultdict(list)
    modules = {path: module for path, module in unet.named_modules() if path.endswith(".attn2")}
    before = {path: module.processor for path, module in modules.items()}
    for path, module in modules.items():
        module.processor = _Processor(path, before[path], store)
    try:
        yield store
    finally:
        for path, module in modules.items():
            module.processor = before[path]
