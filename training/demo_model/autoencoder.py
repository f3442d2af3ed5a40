"""The autoencoder: 64 x 64 pixels to 4 x 16 x 16 latents and back.

The first three latent channels are asked to look like the picture averaged over 4 x 4 pixels; the fourth is
free to say where the edges run inside those cells.  Latents that look like small pictures are smooth, so the
denoiser learns them with fewer samples, and a student can look at them.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional

from training.demo_model.shapes import IMAGE_SIZE

LATENT_CHANNELS = 4
LATENT_SIZE = IMAGE_SIZE // 4
PICTURE_CHANNELS = 3
# Noise on the latents while training, so that the decoder forgives a denoiser that is slightly off.
LATENT_NOISE = 0.08
EDGE_WEIGHT = 1.0
PICTURE_WEIGHT = 0.5
KL_WEIGHT = 1e-4


def build() -> AutoencoderKL:
    """A small untrained AutoencoderKL: three levels, no attention, 0.65 million weights."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=IMAGE_SIZE,
        mid_block_add_attention=False,
        scaling_factor=1.0,
        force_upcast=False,
    )


def loss(autoencoder: AutoencoderKL, *, pictures: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """The parts of the loss and their weighted sum under "total".

    pictures: (batch, 3, height, width) in [-1, 1].
    """
    posterior = autoencoder.encode(pictures).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=generator, device=generator.device)
    spread = torch.sqrt(posterior.var + LATENT_NOISE**2)
    restored = autoencoder.decode(posterior.mean + spread * noise.to(pictures.device)).sample
    parts = {
        "pixel": functional.l1_loss(restored, pictures),
        "edge": _edge_difference(restored, pictures),
        "picture": functional.mse_loss(
            posterior.mean[:, :PICTURE_CHANNELS], functional.avg_pool2d(pictures, 4)
        ),
        "kl": posterior.kl().mean() / posterior.mean[0].numel(),
    }
    parts["total"] = (
        parts["pixel"]
        + EDGE_WEIGHT * parts["edge"]
        + PICTURE_WEIGHT * parts["picture"]
        + KL_WEIGHT * parts["kl"]
    )
    return parts


@torch.no_grad()
def fold_normalisation(autoencoder: AutoencoderKL, *, latents: Tensor) -> None:
    """Change the 1 x 1 convolutions so that the latents come out with mean 0 and deviation 1 per channel.

    The Stable Diffusion pipeline knows one scaling factor and no shift, so per-channel numbers have to live
    in the weights.  latents: (samples, channels, height, width) as the autoencoder gives them now.
    """
    mean = latents.mean(dim=(0, 2, 3))
    deviation = latents.std(dim=(0, 2, 3))
    _rescale(autoencoder, mean=mean, deviation=deviation)


@torch.no_grad()
def unfold_normalisation(autoencoder: AutoencoderKL, *, pictures: Tensor) -> None:
    """Take up a folded autoencoder for more training: its picture channels look like pictures again.

    What was folded is not kept anywhere; as those channels were trained to be the averaged picture, the mean
    and deviation of averaged pictures stand in for it.  The free channel stays as it is.
    pictures: (batch, 3, height, width) in [-1, 1].
    """
    averaged = functional.avg_pool2d(pictures, 4)
    mean, deviation = torch.zeros(LATENT_CHANNELS), torch.ones(LATENT_CHANNELS)
    mean[:PICTURE_CHANNELS] = averaged.mean(dim=(0, 2, 3)).cpu()
    deviation[:PICTURE_CHANNELS] = averaged.std(dim=(0, 2, 3)).cpu()
    _rescale(autoencoder, mean=(-mean / deviation).to(pictures), deviation=(1.0 / deviation).to(pictures))


def _rescale(autoencoder: AutoencoderKL, *, mean: Tensor, deviation: Tensor) -> None:
    """Change the 1 x 1 convolutions so that latents come out with the mean taken off and divided.

    mean, deviation: (channels,).  What the decoder makes of them stays the same.
    """
    if autoencoder.quant_conv is None or autoencoder.post_quant_conv is None:
        raise ValueError("This autoencoder has no 1 x 1 convolutions to fold the normalisation into.")
    into, out_of = autoencoder.quant_conv, autoencoder.post_quant_conv
    channels = len(mean)  # the convolution gives means first, then log variances
    into.weight[:channels] /= deviation[:, None, None, None]
    into.bias[:channels] = (into.bias[:channels] - mean) / deviation
    into.bias[channels:] -= 2.0 * deviation.log()
    out_of.bias += (out_of.weight[:, :, 0, 0] * mean).sum(dim=1)
    out_of.weight *= deviation[None, :, None, None]


def _edge_difference(restored: Tensor, pictures: Tensor) -> Tensor:
    """Mean absolute difference of the horizontal and vertical steps between neighbouring pixels."""
    across = (restored.diff(dim=3) - pictures.diff(dim=3)).abs().mean()
    down = (restored.diff(dim=2) - pictures.diff(dim=2)).abs().mean()
    return across + down
