"""How much each kind of word matters to the denoiser: the loss with the right word against a wrong one.

A model that ignores shape words has a gap of zero long before anybody can see it in a picture.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from training.demo_model import denoiser
from training.demo_model.latents import token_numbers
from training.demo_model.scenes import TRAINED_SHAPES, Scene, noun_phrase, scenes
from training.demo_model.shapes import COLOURS, TEXTURES
from training.demo_model.train_autoencoder import pictures_of

STREAM = 4
SAMPLES = 64
# Timesteps where the object is decided: ln sigma of about -0.3, 0.5 and 1.2 in turn.
TIMESTEPS = (330, 540, 690)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Fixed scenes with fixed noise, under the right caption and under wrong ones."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    tokens: dict[str, Tensor]

    @torch.no_grad()
    def gaps(self, unet: UNet2DConditionModel, *, text_encoder: CLIPTextModel) -> dict[str, float]:
        """The loss under the right caption, and how much each wrong word adds to it."""
        shares = denoiser.signal_shares()
        losses = {}
        for name, tokens in self.tokens.items():
            losses[name] = float(
                denoiser.velocity_loss(
                    unet,
                    latents=self.latents,
                    text=text_encoder(tokens).last_hidden_state,
                    timesteps=self.timesteps,
                    noise=self.noise,
                    shares=shares,
                ).mean()
            )
        right = losses.pop("right")
        return {"right": right, **{name: loss - right for name, loss in losses.items()}}


def build_probe(*, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, seed: int, device: str) -> Probe:
    """Plain single objects; the same for the same seed, and in no training shard."""
    drawn = list(itertools.islice(scenes((seed, STREAM), mixture={"single": 1.0}), SAMPLES))
    things = [scene.objects[0] for scene in drawn]
    captions = {
        "right": [noun_phrase(thing.colour, thing.shape) for thing in things],
        "wrong_shape": [noun_phrase(t.colour, _next(t.shape, among=TRAINED_SHAPES)) for t in things],
        "wrong_colour": [noun_phrase(_next(t.colour, among=tuple(COLOURS)), t.shape) for t in things],
    }
    return _probe(
        drawn, captions=captions, autoencoder=autoencoder, tokenizer=tokenizer, seed=seed, device=device
    )


def build_texture_probe(
    *, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, seed: int, device: str
) -> Probe:
    """Striped and dotted objects, under captions with the texture right, wrong, and left out."""
    drawn = list(itertools.islice(scenes((seed, STREAM), mixture={"texture": 1.0}), SAMPLES))
    things = [scene.objects[0] for scene in drawn]
    captions = {
        "right": [noun_phrase(t.texture, t.colour, t.shape) for t in things],
        "wrong_texture": [
            noun_phrase(_next(str(t.texture), among=TEXTURES), t.colour, t.shape) for t in things
        ],
        "no_texture": [noun_phrase(t.colour, t.shape) for t in things],
    }
    return _probe(
        drawn, captions=captions, autoencoder=autoencoder, tokenizer=tokenizer, seed=seed, device=device
    )


@torch.no_grad()
def _probe(
    drawn: list[Scene],
    *,
    captions: dict[str, list[str]],
    autoencoder: AutoencoderKL,
    tokenizer: CLIPTokenizer,
    seed: int,
    device: str,
) -> Probe:
    generator = torch.Generator().manual_seed(seed)
    latents = autoencoder.encode(pictures_of(drawn).to(device)).latent_dist.mean
    return Probe(
        latents=latents,
        noise=torch.randn(latents.shape, generator=generator).to(device),
        timesteps=torch.tensor([TIMESTEPS[k % len(TIMESTEPS)] for k in range(len(drawn))], device=device),
        tokens={name: token_numbers(tokenizer, lines).to(device) for name, lines in captions.items()},
    )


def _next(word: str, *, among: tuple[str, ...]) -> str:
    return among[(among.index(word) + 1) % len(among)]
