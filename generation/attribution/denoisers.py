"""A pipeline as the theory sees it: its estimate of the noise in a noisy image, given a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from generation.attribution.eight_bits import in_colour
from generation.attribution.reading import read_part


class Denoiser(Protocol):
    """The noise that a noisy image is estimated to hold.

    noisy: (rows, channels, height, width), float32: sqrt(s) x + sqrt(1 - s) noise, s = sigmoid(log_snr).
    log_snr: (rows,).  texts: one for each row; "" conditions on nothing.
    Returns the same shape as noisy, float32.
    """

    def __call__(self, noisy: Tensor, *, log_snr: Tensor, texts: Sequence[str]) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class EncodedTexts:
    """What the UNet reads of some texts, a row each. pooled: for Stable Diffusion XL only."""

    states: Tensor
    pooled: Tensor | None


class PipelineDenoiser:
    """The Denoiser of a diffusers pipeline of the Stable Diffusion family (1, 2, XL), without guidance.

    Noise levels are the exact ones asked for; the UNet is told the trained timestep with the nearest log SNR.
    Predictions of velocity or of the clean image are turned into predictions of the noise.
    """

    def __init__(self, pipeline: Any) -> None:
        """Raises TypeError for a pipeline whose scheduler has no trained noise schedule (flow matching).

        And ValueError for one without a UNet.
        """
        shares = getattr(pipeline.scheduler, "alphas_cumprod", None)
        if shares is None:
            kind = type(pipeline.scheduler).__name__
            raise TypeError(f"{kind} has no trained noise schedule; information needs a diffusion model")
        unet_of(pipeline)
        self._pipeline = pipeline
        # In float64 a share of 1 - 1e-5 keeps its log SNR; clipped where a schedule ends in pure noise.
        self.trained_log_snr = torch.logit(shares.double().clamp(1e-8, 1 - 1e-8)).cpu()
        self._kind = str(pipeline.scheduler.config.prediction_type)
        self._known: dict[str, EncodedTexts] = {}

    def __call__(self, noisy: Tensor, *, log_snr: Tensor, texts: Sequence[str]) -> Tensor:
        """See Denoiser.

        Raises ValueError for a text of which the model doesn't read every word: what is asked about a text
        compares it with another one, and words past the window would count, or move into it, unseen.
        """
        encoded = [self._encode_once(text) for text in texts]
        pooled = [each.pooled for each in encoded if each.pooled is not None]
        rows = EncodedTexts(
            states=torch.cat([each.states for each in encoded]), pooled=torch.cat(pooled) if pooled else None
        )
        return self.estimate(noisy, log_snr=log_snr, encoded=rows)

    @torch.no_grad()
    def estimate(self, noisy: Tensor, *, log_snr: Tensor, encoded: EncodedTexts) -> Tensor:
        """As calling it, for texts that are encoded already."""
        unet = self._pipeline.unet
        nearest = (log_snr.double().cpu()[:, None] - self.trained_log_snr).abs().argmin(dim=1)
        added = {} if encoded.pooled is None else {"added_cond_kwargs": self._added(noisy, encoded.pooled)}
        output = unet(
            noisy.to(device=unet.device, dtype=unet.dtype),
            nearest.to(unet.device),
            encoder_hidden_states=encoded.states,
            return_dict=False,
            **added,
        )[0]
        return self._as_noise(output.float().to(noisy.device), noisy=noisy, log_snr=log_snr)

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """The texts through the pipeline's own text encoders."""
        found = self._pipeline.encode_prompt(
            prompt=list(texts),
            device=self._pipeline.unet.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        return EncodedTexts(states=found[0], pooled=found[2] if len(found) > 2 else None)

    def _encode_once(self, text: str) -> EncodedTexts:
        if text not in self._known:
            if unread := read_part(self._pipeline, text).unread:
                words = ", ".join(repr(word.text) for word in unread)
                raise ValueError(
                    f"the model reads only a part of {text!r}: {words} lie past its window. Shorten it, or "
                    "cut it with reading.read_part(pipeline, text).text before words are changed"
                )
            self._known[text] = self.encode([text])
        return self._known[text]

    def _as_noise(self, output: Tensor, *, noisy: Tensor, log_snr: Tensor) -> Tensor:
        if self._kind == "epsilon":
            return output
        signal, noise = shares_of(log_snr, like=noisy)
        if self._kind == "v_prediction":
            return signal * output + noise * noisy
        if self._kind == "sample":
            return (noisy - signal * output) / noise
        raise ValueError(f"prediction type {self._kind!r} is not one of epsilon, v_prediction and sample")

    def _added(self, noisy: Tensor, pooled: Tensor) -> dict[str, Tensor]:
        """What XL is told besides: size before cropping, corner of the crop, size: here all uncropped."""
        factor = self._pipeline.vae_scale_factor
        height, width = noisy.shape[-2] * factor, noisy.shape[-1] * factor
        sizes = torch.tensor([[height, width, 0, 0, height, width]], dtype=pooled.dtype, device=pooled.device)
        return {"text_embeds": pooled, "time_ids": sizes.expand(len(pooled), -1)}


def unet_of(pipeline: Any) -> Any:
    """The pipeline's UNet. Raises ValueError for a pipeline with a transformer in its place."""
    unet = getattr(pipeline, "unet", None)
    if unet is None:
        raise ValueError(
            f"{type(pipeline).__name__} has no UNet; this is for pipelines of Stable Diffusion 1, 2 and XL. "
            "trace() records the word maps of Stable Diffusion 3 and Flux"
        )
    return unet


def check_latents(latents: Tensor) -> None:
    """Raises ValueError unless they are (channels, height, width), not empty, and finite."""
    if latents.ndim != 3 or latents.numel() == 0:
        raise ValueError(
            f"latents are (channels, height, width) of one picture, not {tuple(latents.shape)}; "
            "encode_image gives them"
        )
    if not bool(torch.isfinite(latents).all()):
        raise ValueError("latents hold NaN or infinity; was the picture encoded in half precision?")


def shares_of(log_snr: Tensor, *, like: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of the image and of the noise at each level, (rows, 1, 1, 1); their squares add up to 1."""
    exact = log_snr.double()[:, None, None, None]
    signal, noise = torch.sigmoid(exact).sqrt(), torch.sigmoid(-exact).sqrt()
    return signal.to(like), noise.to(like)


def pixels_per_step(pipeline: Any) -> int:
    """The number of pixels that the sides of an image must be multiples of for the model to read all of it.

    One place of the latent. Coarser grids of the UNet need no multiple: where they have an odd side, its way
    up is brought to the size of its way down, as when it draws.
    """
    return int(pipeline.vae_scale_factor)


def least_side(pipeline: Any) -> int:
    """The shortest side in pixels of which the UNet's coarsest grid has a place."""
    levels = len(unet_of(pipeline).config.block_out_channels)
    return int(pipeline.vae_scale_factor * 2 ** (levels - 1))


@torch.no_grad()
def encode_image(pipeline: Any, image: Image.Image) -> Tensor:
    """The image's latents, (channels, height, width), float32, in the scale that the UNet works in.

    Raises ValueError for sizes that don't fit the model, see pixels_per_step and least_side; nothing is
    resized unasked. own_image.as_read brings any picture to such a size. Colours are eight_bits.in_colour's.
    """
    factor, least = pixels_per_step(pipeline), least_side(pipeline)
    if image.width % factor or image.height % factor or min(image.size) < least:
        raise ValueError(
            f"an image of {image.width} x {image.height} pixels does not fit this model; "
            f"resize it to multiples of {factor}, of at least {least}"
        )
    vae = pipeline.vae
    pixels = torch.from_numpy(np.array(in_colour(image), dtype=np.float32) / 127.5 - 1.0)
    batch = pixels.permute(2, 0, 1)[None].to(device=vae.device, dtype=vae.dtype)
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    latents = (vae.encode(batch).latent_dist.mode() - shift) * vae.config.scaling_factor
    found: Tensor = latents[0].float()
    return found


@torch.no_grad()
def decode_latents(pipeline: Any, latents: Tensor) -> Image.Image:
    """The image of latents, (channels, height, width)."""
    vae = pipeline.vae
    shift = getattr(vae.config, "shift_factor", None) or 0.0
    scaled = latents[None].to(device=vae.device, dtype=vae.dtype) / vae.config.scaling_factor + shift
    pixels = (vae.decode(scaled).sample[0].float().clamp(-1, 1) + 1) * 127.5
    return Image.fromarray(pixels.round().byte().permute(1, 2, 0).cpu().numpy())
