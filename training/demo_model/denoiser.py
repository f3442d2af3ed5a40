"""The denoiser and its text encoder, the noise they are trained on, and the loss.

Two levels, 16 x 16 and 8 x 8 latents, each with cross-attention to the words; velocity is predicted rather
than noise, which keeps the target at unit variance at every noise level (Salimans and Ho 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from diffusers import DPMSolverMultistepScheduler, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from training.demo_model.autoencoder import LATENT_CHANNELS, LATENT_SIZE

TIMESTEPS = 1000
BETA_START, BETA_END = 0.00085, 0.015
TEXT_WIDTH = 128
# Where training looks: ln sigma is normal.  Outlines of objects this large are decided at sigma 1 to 5, which
# is higher than for photographs; a share of uniform timesteps keeps both ends trained.
LOG_SIGMA_MEAN, LOG_SIGMA_DEVIATION = 0.4, 1.3
UNIFORM_SHARE = 0.15
EMPTY_CAPTION_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class Size:
    """Widths of the denoiser. heads: per level, highest resolution first."""

    channels: tuple[int, ...] = (48, 96)
    heads: tuple[int, ...] = (2, 4)
    layers: int = 1


def build_denoiser(size: Size) -> UNet2DConditionModel:
    """An untrained UNet. The first level has cross-attention only on the way up, where features are rich."""
    levels = len(size.channels)
    return UNet2DConditionModel(
        sample_size=LATENT_SIZE,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * (levels - 1)),
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        block_out_channels=size.channels,
        layers_per_block=size.layers,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=size.heads,  # the library's name; it counts heads
        norm_num_groups=8,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained two-layer CLIP text encoder for this tokenizer."""
    encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            projection_dim=TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    # Words start further apart than places, so that from the first step an output says which word it is.
    with torch.no_grad():
        encoder.get_input_embeddings().weight.normal_(std=0.05)
    return encoder


def take_over(
    text_encoder: CLIPTextModel,
    *,
    earlier: CLIPTextModel,
    vocabulary: Mapping[str, int],
    earlier_vocabulary: Mapping[str, int],
) -> None:
    """Copy the weights of an earlier text encoder; words that it did not know keep their fresh vectors.

    vocabulary, earlier_vocabulary: token to number.  A word keeps its vector wherever its number moved.
    """
    weights = earlier.state_dict()
    table = text_encoder.get_input_embeddings().weight.detach().clone()
    known = [token for token in vocabulary if token in earlier_vocabulary]
    old_rows = earlier.get_input_embeddings().weight.detach()
    table[[vocabulary[token] for token in known]] = old_rows[[earlier_vocabulary[token] for token in known]]
    name = next(key for key in weights if key.endswith("token_embedding.weight"))
    text_encoder.load_state_dict({**weights, name: table})


def build_scheduler() -> DPMSolverMultistepScheduler:
    """The sampler that ships with the model; it carries the noise schedule the model was trained on."""
    return DPMSolverMultistepScheduler(
        num_train_timesteps=TIMESTEPS,
        beta_start=BETA_START,
        beta_end=BETA_END,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
    )


def signal_shares() -> Tensor:
    """(timesteps,): the share of variance that is still signal at each timestep."""
    betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, TIMESTEPS, dtype=torch.float64) ** 2
    return torch.cumprod(1.0 - betas, dim=0).float()


def draw_timesteps(count: int, *, shares: Tensor, generator: torch.Generator) -> Tensor:
    """(count,) timesteps: most with normal ln sigma, some uniform."""
    log_sigmas = 0.5 * torch.log((1.0 - shares) / shares)
    wanted = LOG_SIGMA_MEAN + LOG_SIGMA_DEVIATION * torch.randn(count, generator=generator)
    by_sigma = torch.searchsorted(log_sigmas, wanted).clamp(max=TIMESTEPS - 1)
    uniform = torch.randint(0, TIMESTEPS, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < UNIFORM_SHARE, uniform, by_sigma)


def velocity_loss(
    denoiser: UNet2DConditionModel,
    *,
    latents: Tensor,
    text: Tensor,
    timesteps: Tensor,
    noise: Tensor,
    shares: Tensor,
) -> Tensor:
    """Squared error of the predicted velocity for each sample, (batch,).

    latents, noise: (batch, channels, height, width), unit variance.  text: (batch, tokens, width).
    """
    share = shares.to(latents.device)[timesteps][:, None, None, None]
    noisy = share.sqrt() * latents + (1.0 - share).sqrt() * noise
    target = share.sqrt() * noise - (1.0 - share).sqrt() * latents
    predicted = denoiser(noisy, timesteps, encoder_hidden_states=text).sample
    return functional.mse_loss(predicted, target, reduction="none").mean(dim=(1, 2, 3))
