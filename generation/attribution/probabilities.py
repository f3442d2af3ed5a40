"""The attention probabilities of chosen tokens, from a module's own queries and keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor

# So many bytes of scores are held at once; more images are taken in turns, to bound the extra memory.
_SCORE_BYTES = 64 * 2**20


def split_heads(attention: Attention, projected: Tensor, *, rows: slice, heads: Sequence[int]) -> Tensor:
    """The chosen rows and heads of a projection, in float32.

    projected: (rows, positions, heads * channels), the output of to_q or to_k.
    Returns (images, heads, positions, channels).
    """
    wanted = projected[rows]
    split = wanted.view(*wanted.shape[:2], attention.heads, -1).transpose(1, 2)
    if len(heads) != attention.heads:
        split = split[:, list(heads)]
    return split.float()


def additive_mask(
    attention: Attention, mask: Tensor | None, *, rows: slice, heads: Sequence[int], shape: tuple[int, int]
) -> Tensor | None:
    """The attention mask as the module adds it to the scores: (images, heads, 1 or pixels, keys), float32.

    mask: as handed to the module.  shape: (rows of the batch, keys).
    """
    if mask is None:
        return None
    batch_rows, keys = shape
    prepared: Tensor = attention.prepare_attention_mask(mask, keys, batch_rows)
    split = prepared.view(batch_rows, attention.heads, -1, prepared.shape[-1])
    return split[rows][:, list(heads)].float()


def token_probabilities(
    query: Tensor, key: Tensor, *, scale: float, bias: Tensor | None, columns: Sequence[int] | None
) -> Iterator[tuple[slice, Tensor]]:
    """Softmax over all keys, of which the columns are kept; a few images at a time.

    query: (images, heads, pixels, channels), float32.  key: (images, heads, keys, channels), float32.
    columns: ascending token positions, or None for every key.
    Yields (images, probabilities), the probabilities being (images, heads, pixels, tokens) in [0, 1].
    """
    images, heads, pixels = query.shape[:3]
    at_once = max(1, _SCORE_BYTES // (4 * heads * pixels * key.shape[2]))
    keys_last = (key * scale).transpose(-1, -2)
    for first in range(0, images, at_once):
        part = slice(first, min(first + at_once, images))
        scores = torch.matmul(query[part], keys_last[part])
        if bias is not None:
            scores += bias[part]
        yield part, _pick(scores.softmax(dim=-1), columns)


def _pick(probabilities: Tensor, columns: Sequence[int] | None) -> Tensor:
    if columns is None:
        return probabilities
    if columns[-1] - columns[0] + 1 == len(columns):  # a view instead of a copy
        return probabilities[..., columns[0] : columns[-1] + 1]
    return probabilities[..., list(columns)]
