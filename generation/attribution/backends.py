"""A model's own attention call, and the sum of exponentials that its kernel computes anyway.

scaled_dot_product_attention throws away the logarithm of the softmax's divisor (LSE), which is all that is
missing to know a single probability: exp(scale * q.k - LSE). The operators behind it return it. They are not
public, so they are used here only, only where the public call would pick the same one, and only after a first
call of each kind has shown bit-identical output and a correct LSE. Everywhere else the caller gets None and
computes the scores of all keys himself.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Result = tuple[Tensor, Tensor]
# As torch defines it, whatever stands at its public name: a watch, or what somebody put there before.
_public = torch._C._nn.scaled_dot_product_attention
# Asked at every call: the names are looked up once.
_is_compiling, _is_grad_enabled = torch.compiler.is_compiling, torch.is_grad_enabled
_is_autocast_enabled, _chosen = torch.is_autocast_enabled, torch._fused_sdp_choice
_Kind = tuple[str, int, torch.dtype, int, bool]
# What the public call picks, as torch._fused_sdp_choice numbers it.
_FLASH, _EFFICIENT, _CUDNN = 1, 2, 3
_PROBED_QUERIES = 16
_LSE_ERROR = 1e-4

_trusted: dict[_Kind, bool] = {}
_lock = threading.Lock()


def attention_with_lse(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """What scaled_dot_product_attention returns for these arguments, bit for bit, and the LSE or None.

    The LSE is (rows, heads, queries), float32, natural logarithm, of the scaled and masked scores.
    """
    device = query.device.type
    if dropout_p or is_causal or enable_gqa or not _is_plain(device, query, key, value, attn_mask):
        how: dict[str, Any] = {"dropout_p": dropout_p, "is_causal": is_causal, "enable_gqa": enable_gqa}
        return _public(query, key, value, attn_mask, scale=scale, **how), None
    choice = _chosen(query, key, value, attn_mask, scale=scale)
    operator = _operator(device, choice)
    if operator is None:
        return _public(query, key, value, attn_mask, scale=scale), None
    kind = (device, choice, query.dtype, query.shape[-1], attn_mask is None)
    is_trusted = _trusted.get(kind)
    if is_trusted:
        return operator(query, key, value, attn_mask, scale)
    own = _public(query, key, value, attn_mask, scale=scale)
    if is_trusted is None:
        agrees = _agrees(own, operator, query, key, value, attn_mask, scale)
        with _lock:
            _trusted[kind] = agrees
    return own, None


def _is_plain(device: str, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    """Whether the public call hands these tensors to an operator as they are."""
    if query.ndim != 4 or _is_compiling():
        return False
    if _is_grad_enabled() and any(tensor.requires_grad for tensor in (query, key, value)):
        return False
    if _is_autocast_enabled(device):
        # Then the public call brings them all to one type first.
        dtype = torch.get_autocast_dtype(device)
        if any(tensor.dtype != dtype for tensor in (query, key, value)):
            return False
    if device == "cpu":
        return mask is None or mask.dtype == query.dtype
    # Elsewhere head sizes are padded to multiples of eight and masks aligned first.
    return mask is None and query.shape[-1] % 8 == 0 and value.shape[-1] == query.shape[-1]


def _operator(device: str, choice: int) -> Callable[..., Result] | None:
    if device == "cpu":
        return _cpu_flash if choice == _FLASH else None
    if device == "cuda":
        return {_FLASH: _cuda_flash, _EFFICIENT: _cuda_efficient, _CUDNN: _cuda_cudnn}.get(choice)
    return None


def _cpu_flash(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float | None) -> Result:
    # Bound to Python like the public call; by way of torch.ops a call takes ten microseconds more.
    return torch._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, False, attn_mask=mask, scale=scale
    )


def _cuda_flash(query: Tensor, key: Tensor, value: Tensor, _: Tensor | None, scale: float | None) -> Result:
    found = torch.ops.aten._scaled_dot_product_flash_attention(
        query, key, value, 0.0, False, False, scale=scale
    )
    return found[0], found[1]


def _cuda_efficient(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float | None
) -> Result:
    found = torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, mask, True, 0.0, False, scale=scale
    )
    return found[0], found[1][..., : query.shape[2]]  # padded to a multiple of 32


def _cuda_cudnn(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float | None
) -> Result:
    found = torch.ops.aten._scaled_dot_product_cudnn_attention(
        query, key, value, mask, True, 0.0, False, False, scale=scale
    )
    return found[0], found[1].reshape(query.shape[:3])


def _agrees(
    own: Tensor,
    operator: Callable[..., Result],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scale: float | None,
) -> bool:
    """Whether an operator gives the public call's output bit for bit, and the LSE of a few queries."""
    try:
        output, lse = operator(query, key, value, mask, scale)
    except (RuntimeError, TypeError, AttributeError, IndexError):
        return False
    if lse.shape != query.shape[:3] or not torch.equal(output, own):
        return False
    few: Any = (slice(None), slice(None), slice(_PROBED_QUERIES))
    factor = scale if scale is not None else 1 / math.sqrt(query.shape[-1])
    scores = query[few].double() @ key.double().mT * factor
    if mask is not None:
        scores = scores + mask.expand(*query.shape[:3], key.shape[2])[few].double()
    return bool((lse[few].double() - scores.logsumexp(dim=-1)).abs().max() < _LSE_ERROR)
