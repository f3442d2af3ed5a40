"""Compiling what has no attention to the text, so that a trace still sees all that it wants to see.

Compiled graphs run without hooks. A denoiser's convolution blocks and feed-forward layers, and the decoder,
have none; its attention stays as it is. What a compiled part computes is rounded differently (operations are
joined), so an image may differ in its last bits from the uncompiled one; traced and untraced it is the same.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor

from generation.attribution.tracing import denoiser_of

PARTS = (ResnetBlock2D, FeedForward)


def why_not(device: str, *, backend: Any = "inductor") -> str:
    """Why torch.compile can't be used on this device (no compiler, no Triton); empty where it can."""
    try:
        torch.compile(_probe, backend=backend)(torch.ones(8, device=device))
    except Exception as error:  # noqa: BLE001 (whatever stops it, the pipeline runs without)
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return " ".join([type(error).__name__, *lines[:2]])
    finally:
        torch.compiler.reset()
    return ""


def compile_parts(pipeline: Any, *, backend: Any = "inductor") -> int:
    """Marks the parts to be compiled when they first run. Returns how many."""
    parts = [module for module in denoiser_of(pipeline).modules() if isinstance(module, PARTS)]
    # Every block is a graph of its own under one function's name, and has one more for other batch sizes.
    config: Any = torch._dynamo.config
    config.recompile_limit = max(config.recompile_limit, 4 * len(parts))
    for part in (*parts, pipeline.vae.decoder):
        part.compile(backend=backend)
    return len(parts) + 1


def _probe(values: Tensor) -> Tensor:
    return values.sin() + 1
