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
_is_grad_enabled, _is_any_autocast_enabled = torch.is_grad_enabled, torch._C._is_any_autocast_enabled
_chosen, _is_flash_enabled = torch._fused_sdp_choice, torch._C._get_flash_sdp_enabled
_Kind = tuple[str, int, torch.dtype, int, bool]
# What the public call picks, as torch._fused_sdp_choice numbers it.
_FLASH, _EFFICIENT, _CUDNN = 1, 2, 3
_PROBED_QUERIES = 16
_LSE_ERROR = 1e-4

_lock = threading.Lock()


# What calls have in common that the same operator takes: shapes, strides and types.
Alike = tuple[Any, ...]


class Found:
    """What has been found out of calls.

    operators: of each kind of call that has come, the one that has shown itself right, or None.
    last: what the last call was like, and the operator for it.
    """

    def __init__(self) -> None:
        self.operators: dict[_Kind, Callable[..., Result] | None] = {}
        self.last: tuple[Alike, Callable[..., Result]] | tuple[None, None] = None, None


_found = Found()


def attention_with_lse(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> tuple[Tensor, Tensor | None, Alike | None]:
    """What scaled_dot_product_attention returns for these arguments, bit for bit, and the LSE or None.

    The LSE is (rows, heads, queries), float32, natural logarithm, of the scaled and masked scores. The third
    is the very object that came with the last call where this one is like it; None says nothing.
    """
    # Asked beside every attention of the model, whose computation drives this code out of the caches: so the
    # way that most calls take is a short one.
    device = "cpu" if query.is_cpu else query.device.type
    if (
        dropout_p
        or is_causal
        or enable_gqa
        or (_is_grad_enabled() and any(tensor.requires_grad for tensor in (query, key, value)))
        or (_is_any_autocast_enabled() and _would_cast(device, query, key, value))
        or ((attn_mask is not None or device != "cpu") and not _takes(device, query, value, attn_mask))
    ):
        how: dict[str, Any] = {"dropout_p": dropout_p, "is_causal": is_causal, "enable_gqa": enable_gqa}
        return _public(query, key, value, attn_mask, scale=scale, **how), None, None
    found, alike = _found, None
    if device == "cpu" and attn_mask is None:
        # All that the choice depends on: where it is as before, it is made without being asked for.
        alike = (
            query.shape, key.shape, value.shape, query.stride(), key.stride(), value.stride(),
            query.dtype, key.dtype, value.dtype, _is_flash_enabled(),
        )  # fmt: skip
        before, operator = found.last
        if operator is not None and alike == before:
            return *operator(query, key, value, attn_mask=None, scale=scale), before
    choice = _chosen(query, key, value, attn_mask, scale=scale)
    kind = (device, choice, query.dtype, query.shape[-1], attn_mask is None)
    operator = found.operators.get(kind)
    if operator is not None:
        if alike is not None:
            found.last = alike, operator
        return *operator(query, key, value, attn_mask=attn_mask, scale=scale), alike
    own = _public(query, key, value, attn_mask, scale=scale)
    if kind not in found.operators and not torch.compiler.is_compiling():
        operator = _operator(device, choice)
        agrees = operator is not None and _agrees(own, operator, query, key, value, attn_mask, scale)
        with _lock:
            found.operators[kind] = operator if agrees else None
    return own, None, None


def _would_cast(device: str, *tensors: Tensor) -> bool:
    """Whether autocast has the public call bring its tensors to one type first."""
    if not torch.is_autocast_enabled(device):
        return False
    dtype = torch.get_autocast_dtype(device)
    return any(tensor.dtype != dtype for tensor in tensors)


def _takes(device: str, query: Tensor, value: Tensor, mask: Tensor | None) -> bool:
    """Whether the public call hands tensors to an operator as they are."""
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


# Bound to Python like the public call; by way of torch.ops a call takes ten microseconds more.
_cpu_flash: Any = torch._scaled_dot_product_flash_attention_for_cpu


def _cuda_flash(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, scale: float | None
) -> Result:
    del attn_mask  # the public call picks another operator where there is one
    found = torch.ops.aten._scaled_dot_product_flash_attention(
        query, key, value, 0.0, False, False, scale=scale
    )
    return found[0], found[1]


def _cuda_efficient(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, scale: float | None
) -> Result:
    found = torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, attn_mask, True, 0.0, False, scale=scale
    )
    return found[0], found[1][..., : query.shape[2]]  # padded to a multiple of 32


def _cuda_cudnn(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, scale: float | None
) -> Result:
    found = torch.ops.aten._scaled_dot_product_cudnn_attention(
        query, key, value, attn_mask, True, 0.0, False, False, scale=scale
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
        output, lse = operator(query, key, value, attn_mask=mask, scale=scale)
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
