"""Small pipelines with joint attention and random weights: Stable Diffusion 3 and Flux."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
)
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from benchmarks.models import WORDS, text_encoder, tokenizer

_MARK = "\u2581"  # how SentencePiece writes the blank before a word


def t5_tokenizer(words: Sequence[str] = WORDS) -> T5Tokenizer:
    """A T5 tokenizer that has the given words whole and spells all others in letters."""
    letters = "abcdefghijklmnopqrstuvwxyz,.'"
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), (_MARK, -4.0)]
    pieces += [(_MARK + word, -2.0) for word in words]
    pieces += [(letter, -5.0) for letter in letters]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def tiny_sd3(
    *,
    seed: int = 0,
    dual: Sequence[int] = (0,),
    with_t5: bool = True,
    transformer: dict[str, Any] | None = None,
) -> StableDiffusion3Pipeline:
    """Three blocks on a grid of 8 x 8 places; 32 px. dual: blocks with a second attention, as in SD 3.5."""
    torch.manual_seed(seed)
    first, second, third = tokenizer(), tokenizer(), t5_tokenizer()
    shape = {
        "sample_size": 16,
        "patch_size": 2,
        "in_channels": 4,
        "num_layers": 3,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 64,
        "caption_projection_dim": 32,
        "pooled_projection_dim": 64,
        "out_channels": 4,
        "pos_embed_max_size": 24,
        "dual_attention_layers": tuple(dual),
        "qk_norm": "rms_norm",
    }
    return StableDiffusion3Pipeline(
        transformer=_sharpened(SD3Transformer2DModel(**{**shape, **(transformer or {})})),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(),
        text_encoder=text_encoder(first, width=32, projected=True),
        tokenizer=first,
        text_encoder_2=text_encoder(second, width=32, projected=True),
        tokenizer_2=second,
        text_encoder_3=_t5_encoder(third, width=64) if with_t5 else None,
        tokenizer_3=third if with_t5 else None,
    )


def tiny_flux(*, seed: int = 0, transformer: dict[str, Any] | None = None) -> FluxPipeline:
    """Two double and two single blocks; 32 px are a latent of 16 x 16 and a grid of 8 x 8 places."""
    torch.manual_seed(seed)
    first, second = tokenizer(), t5_tokenizer()
    shape = {
        "patch_size": 1,
        "in_channels": 16,
        "num_layers": 2,
        "num_single_layers": 2,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 64,
        "pooled_projection_dim": 32,
        "axes_dims_rope": (4, 6, 6),
    }
    return FluxPipeline(
        transformer=_sharpened(FluxTransformer2DModel(**{**shape, **(transformer or {})})),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(),
        text_encoder=text_encoder(first, width=32),
        tokenizer=first,
        text_encoder_2=_t5_encoder(second, width=64),
        tokenizer_2=second,
    )


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
        sample_size=32,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.06,
        scaling_factor=1.5,
    )


def _t5_encoder(own_tokenizer: T5Tokenizer, *, width: int) -> T5EncoderModel:
    config = T5Config(
        vocab_size=len(own_tokenizer), d_model=width, d_kv=16, d_ff=64, num_layers=1, num_heads=2
    )
    return T5EncoderModel(config).eval()  # fresh models drop values at random


def _sharpened(transformer: Any) -> Any:
    """Unequal attention: with fresh weights every token would get nearly the same."""
    for name, parameter in transformer.named_parameters():
        if "norm_q" in name or "norm_added_q" in name:
            parameter.data.mul_(3.0)
        if name.endswith(("add_k_proj.weight", "context_embedder.weight")):
            parameter.data.mul_(4.0)
    return transformer
