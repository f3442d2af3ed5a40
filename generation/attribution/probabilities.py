"""The attention probabilities of chosen tokens, from a module's own queries and keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor

# So many bytes of scores are held at once; more images or places are taken in turns, to bound the memory.
_SCORE_BYTES = 32 * 2**20

Part = tuple[slice, slice]


def split_heads(attention: Attention, projected: Tensor) -> Tensor:
    """Output of to_q or to_k, (rows, positions, heads * channels), as (rows, heads, positions, channels)."""
    return projected.view(*projected.shape[:2], attention.heads, -1).transpose(1, 2)


def additive_mask(attention: Attention, mask: Tensor | None, *, shape: tuple[int, int]) -> Tensor | None:
    """The attention mask as the module adds it to the scores: (rows, heads, 1 or pixels, keys).

    mask: as handed to the module.  shape: (rows of the batch, keys).
    """
    if mask is None:
        return None
    batch_rows, keys = shape
    prepared: Tensor = attention.prepare_attention_mask(mask, keys, batch_rows)
    return prepared.view(batch_rows, attention.heads, -1, prepared.shape[-1])


def bias_of(mask: Tensor | None, query: Tensor, key: Tensor) -> Tensor | None:
    """A mask as scaled_dot_product_attention takes it -> what it adds: (rows, heads, 1 or places, keys)."""
    if mask is None:
        return None
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=torch.float32).masked_fill(~mask, float("-inf"))
    return mask.expand(*query.shape[:2], mask.shape[-2], key.shape[2])


def token_probabilities(
    query: Tensor,
    key: Tensor,
    *,
    scale: float,
    bias: Tensor | None,
    columns: Sequence[int] | None,
    lse: Tensor | None = None,
) -> Iterator[tuple[Part, Tensor]]:
    """Softmax over all keys, of which the columns are kept; a part of the images and places at a time.

    query: (images, heads, pixels, channels).  key: (images, heads, keys, channels).
    bias: added to the scores, (images, heads, 1 or pixels, keys), or None.
    columns: ascending key positions, or None for every key.
    lse: (images, heads, pixels), the log-sum-exp of the scores over all keys, where it is known: then only
    the columns' scores are computed.
    Yields ((images, pixels), probabilities): (images, heads, pixels, columns), float32, in [0, 1].
    """
    bias = None if bias is None else bias.float()
    if lse is not None:
        key, bias = picked(key, columns, dim=2), None if bias is None else picked(bias, columns, dim=3)
    key = key.float()
    for images, pixels in _parts(query, keys=key.shape[2]):
        part, keys, divisor = query, key, lse
        # Most often one part is all there is; then nothing is cut: each cut costs time.
        if images.stop - images.start < query.shape[0] or pixels.stop - pixels.start < query.shape[2]:
            part, keys = query[images, :, pixels], key[images]
            divisor = None if lse is None else lse[images, :, pixels]
        added = None if bias is None else bias[images, :, pixels if bias.shape[2] > 1 else slice(None)]
        if divisor is not None:
            scores = _less(divisor, part.float(), keys, scale=scale)
            yield (images, pixels), (scores if added is None else scores.add_(added)).exp_()
            continue
        scores = torch.matmul(part.float(), keys.mT * scale)
        scores = scores if added is None else scores.add_(added)
        yield (images, pixels), picked(scores.softmax(dim=-1), columns, dim=3)


def _less(lse: Tensor, query: Tensor, key: Tensor, *, scale: float) -> Tensor:
    """scale * query @ key.T - lse, in one operation."""
    images, heads, pixels, _ = query.shape
    # The few tokens stand before the many pixels in memory: the product is several times faster that way.
    # Kernels hand over the LSE with the heads side by side; put in order first, it is spread over the tokens
    # in whole rows.
    scores = torch.baddbmm(
        lse.contiguous().view(images * heads, 1, pixels),
        key.flatten(0, 1),
        query.flatten(0, 1).mT,
        beta=-1,
        alpha=scale,
    )
    return scores.view(images, heads, -1, pixels).mT


def _parts(query: Tensor, *, keys: int) -> Iterator[Part]:
    """Images and pixels in portions whose scores fit into the bound."""
    images, heads, pixels = query.shape[:3]
    images_at_once = max(1, _SCORE_BYTES // (4 * heads * pixels * keys))
    pixels_at_once = max(1, min(pixels, _SCORE_BYTES // (4 * heads * keys)))
    for image in range(0, images, images_at_once):
        for pixel in range(0, pixels, pixels_at_once):
            yield (
                slice(image, min(image + images_at_once, images)),
                slice(pixel, min(pixel + pixels_at_once, pixels)),
            )


def picked(tensor: Tensor, columns: Sequence[int] | None, *, dim: int) -> Tensor:
    """The columns of one dimension, ascending; None for all of them. A view where they lie side by side."""
    if columns is None:
        return tensor
    if columns[-1] - columns[0] + 1 == len(columns):
        return tensor.narrow(dim, columns[0], len(columns))
    return tensor.index_select(dim, _index(tuple(columns), tensor.device))


@lru_cache(maxsize=64)
def _index(columns: tuple[int, ...], device: torch.device) -> Tensor:
    # Kept, because handing numbers to a GPU waits for it.
    return torch.tensor(columns, device=device)
