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


class _JointProcessor:
    """The same for image and text in one sequence; keeps what the image's places pay to the text's keys."""

    def __init__(self, path: str, own: Any, store: dict[str, list[torch.Tensor]], text_keys: int) -> None:
        self.path, self.own, self.store, self.text_keys = path, own, store, text_keys

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> Any:
        sides = [(hidden_states, attn.to_q, attn.to_k, attn.norm_q, attn.norm_k)]
        text = self.text_keys
        if encoder_hidden_states is not None:
            added = (attn.add_q_proj, attn.add_k_proj, attn.norm_added_q, attn.norm_added_k)
            sides.append((encoder_hidden_states, *added))
        if image_rotary_emb is not None:
            sides.reverse()  # Flux: the text stands first
        query = torch.cat([_normed(q(x), nq, attn.heads) for x, q, _, nq, _ in sides], dim=1)
        key = torch.cat([_normed(k(x), nk, attn.heads) for x, _, k, _, nk in sides], dim=1)
        image_places, text_places = slice(0, -text), slice(-text, None)
        if image_rotary_emb is not None:
            query, key = _turned(query, *image_rotary_emb), _turned(key, *image_rotary_emb)
            image_places, text_places = slice(text, None), slice(0, text)
        score = torch.einsum("bqhc,bkhc->bhqk", query, key) / query.shape[-1] ** 0.5
        weight = torch.exp(score - score.amax(dim=-1, keepdim=True))
        share = weight / weight.sum(dim=-1, keepdim=True)
        self.store[self.path].append(share[:, :, image_places, text_places])
        if image_rotary_emb is None:
            return self.own(attn, hidden_states, encoder_hidden_states, attention_mask)
        return self.own(attn, hidden_states, encoder_hidden_states, attention_mask, image_rotary_emb)


def _normed(projected: torch.Tensor, norm: Any, heads: int) -> torch.Tensor:
    """(rows, places, heads, channels), divided by its root mean square and weighted."""
    split = projected.double().reshape(*projected.shape[:2], heads, -1)
    if norm is None:
        return split
    size = (split.square().mean(dim=-1, keepdim=True) + norm.eps).sqrt()
    weighted: torch.Tensor = split / size * norm.weight.double()
    return weighted


def _turned(split: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotary positions: neighbouring channels are one complex number, turned by the place's angle."""
    pairs = torch.view_as_complex(split.reshape(*split.shape[:-1], -1, 2))
    angles = torch.complex(cosine.double(), sine.double())[:, ::2]
    return torch.view_as_real(pairs * angles[:, None]).flatten(-2)


@contextmanager
def recorded_joint(transformer: Any, *, text_keys: int) -> Iterator[dict[str, list[torch.Tensor]]]:
    """Module path -> one (rows, heads, image places, text keys) array per call, for SD3 and Flux."""
    store: dict[str, list[torch.Tensor]] = defaultdict(list)
    modules = {path: m for path, m in transformer.named_modules() if path.endswith(".attn")}
    before = {path: module.processor for path, module in modules.items()}
    for path, module in modules.items():
        module.processor = _JointProcessor(path, before[path], store, text_keys)
    try:
        yield store
    finally:
        for path, module in modules.items():
            module.processor = before[path]
