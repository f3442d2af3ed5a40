"""Diffusers pipelines with random weights in the topology of the real ones, for tests and for timing.

What such a pipeline draws is noise; where its attention goes, and what tracing it costs, is computed exactly
as for trained weights.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

WORDS = (
    "a",
    "and",
    "the",
    "of",
    "with",
    ",",
    "cat",
    "dog",
    "hot",
    "red",
    "blue",
    "circle",
    "square",
    "skate",
)
_SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def tokenizer(words: Sequence[str] = WORDS, *, window: int = 77) -> CLIPTokenizer:
    """A CLIP tokenizer that has the given words whole and spells all others in bytes."""
    alphabet = sorted(ByteLevel.alphabet())
    pieces = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    merges: list[tuple[str, str]] = []
    for word in words:
        left = word[0] if len(word) > 1 else word + "</w>"
        for index, letter in enumerate(word[1:], start=1):
            right = letter + ("</w>" if index == len(word) - 1 else "")
            if (left, right) not in merges:
                merges.append((left, right))
            left += right
    names = list(dict.fromkeys([*pieces, *(a + b for a, b in merges), "<|startoftext|>", "<|endoftext|>"]))
    vocabulary = {name: number for number, name in enumerate(names)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=window)


def tiny_pipeline(
    *, seed: int = 0, window: int = 77, unet: dict[str, Any] | None = None
) -> StableDiffusionPipeline:
    """Stable Diffusion with cross-attention on grids 16x16 and 8x8 (and 8x8 in the middle); 32 px."""
    torch.manual_seed(seed)
    own_tokenizer = tokenizer(window=window)
    shape = {
        "sample_size": 16,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "attention_head_dim": (2, 4),
        "norm_num_groups": 8,
        "cross_attention_dim": 32,
        "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    }
    return StableDiffusionPipeline(
        vae=_vae((8, 8), sample_size=32),
        text_encoder=text_encoder(own_tokenizer, width=32),
        tokenizer=own_tokenizer,
        unet=_sharpened(UNet2DConditionModel(**{**shape, **(unet or {})})),
        scheduler=DPMSolverMultistepScheduler(**_SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def mini_sd2(
    *, seed: int = 0, width: int = 32, unet: dict[str, Any] | None = None
) -> StableDiffusionPipeline:
    """Stable Diffusion 2's blocks and grids (64, 32, 16 and 8 in the middle) with a tenth of its channels.

    width: channels of the first level (320 in the real one).  unet: other settings to override.
    """
    torch.manual_seed(seed)
    own_tokenizer = tokenizer()
    shape = {
        "sample_size": 64,
        "block_out_channels": (width, 2 * width, 4 * width, 4 * width),
        "attention_head_dim": (1, 2, 4, 4),
        "cross_attention_dim": 128,
        "norm_num_groups": 8,
        "use_linear_projection": True,
    }
    return StableDiffusionPipeline(
        vae=_vae((8, 8, 8, 8), sample_size=512),
        text_encoder=text_encoder(own_tokenizer, width=128),
        tokenizer=own_tokenizer,
        unet=_sharpened(UNet2DConditionModel(**{**shape, **(unet or {})})),
        scheduler=DPMSolverMultistepScheduler(**_SCHEDULE),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def mini_sdxl(
    *,
    seed: int = 0,
    sample_size: int = 32,
    depths: tuple[int, int, int] = (1, 2, 3),
    vae_channels: tuple[int, ...] = (8, 8),
) -> StableDiffusionXLPipeline:
    """Stable Diffusion XL's blocks (two tokenizers, added conditions, stacked transformers), few channels.

    depths: transformer blocks in a stack, per level; the real one has (1, 2, 10): 70 attentions to text.
    vae_channels: one number for each level; the image is 2 ** (levels - 1) times as large as the latent.
    """
    torch.manual_seed(seed)
    first, second = tokenizer(), tokenizer()
    unet = UNet2DConditionModel(
        sample_size=sample_size,
        block_out_channels=(32, 64, 128),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=depths,
        attention_head_dim=(1, 2, 4),
        cross_attention_dim=64,
        norm_num_groups=8,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=32 + 6 * 8,
    )
    return StableDiffusionXLPipeline(
        vae=_vae(vae_channels, sample_size=sample_size * 2 ** (len(vae_channels) - 1)),
        text_encoder=text_encoder(first, width=32),
        text_encoder_2=text_encoder(second, width=32, projected=True),
        tokenizer=first,
        tokenizer_2=second,
        unet=_sharpened(unet),
        scheduler=DPMSolverMultistepScheduler(**_SCHEDULE),
        add_watermarker=False,
    )


def twin(pipeline: Any) -> Any:
    """Another pipeline with the same weights in memory, and a UNet and a scheduler of its own."""
    shared = {id(tensor): tensor for tensor in (*pipeline.unet.parameters(), *pipeline.unet.buffers())}
    parts = {**pipeline.components, "unet": copy.deepcopy(pipeline.unet, shared)}
    parts["scheduler"] = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
    is_xl = isinstance(pipeline, StableDiffusionXLPipeline)
    made = type(pipeline)(
        **parts, **({"add_watermarker": False} if is_xl else {"requires_safety_checker": False})
    )
    made.set_progress_bar_config(disable=True)
    return made


def _vae(channels: tuple[int, ...], *, sample_size: int) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        norm_num_groups=4,
        sample_size=sample_size,
    )


def text_encoder(own_tokenizer: CLIPTokenizer, *, width: int, projected: bool = False) -> Any:
    """A CLIP text encoder of two layers."""
    config = CLIPTextConfig(
        vocab_size=len(own_tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=own_tokenizer.model_max_length,
        bos_token_id=own_tokenizer.bos_token_id,
        eos_token_id=own_tokenizer.eos_token_id,
        pad_token_id=own_tokenizer.pad_token_id,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _sharpened(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Larger cross-attention scores: with fresh weights every token would get nearly the same attention."""
    for name, parameter in unet.named_parameters():
        if name.endswith(("attn2.to_q.weight", "attn2.to_k.weight")):
            parameter.data.mul_(4.0)
    return unet
