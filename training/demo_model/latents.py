"""Training data as latents and token numbers, made once and kept in files.

Encoding a picture costs a fifth of a training step on it, so each is used several times, with new noise.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from training.demo_model import checkpoints
from training.demo_model.scenes import scenes
from training.demo_model.train_autoencoder import pictures_of

SHARD = 4096
# How often a sample is seen, on average, before new shards join the pool; the pool starts with FIRST_SHARDS.
USES = 4
FIRST_SHARDS = 2
STREAM = 2
_CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Batch:
    """latents: (batch, channels, height, width), unit variance.  tokens: (batch, length) token numbers."""

    latents: Tensor
    tokens: Tensor


class LatentPool:
    """A growing pool of encoded scenes; what it gives depends only on the seed and the step."""

    def __init__(
        self, *, folder: Path, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, seed: int, device: str
    ) -> None:
        self._folder = folder
        self._autoencoder = autoencoder
        self._tokenizer = tokenizer
        self._seed = seed
        self._device = device
        self._shards: list[Batch] = []

    def batch(self, *, step: int, size: int, generator: torch.Generator) -> Batch:
        """Samples drawn evenly from the shards that are open at this step."""
        open_shards = FIRST_SHARDS + step * size // (USES * SHARD)
        while len(self._shards) < open_shards:
            self._shards.append(self._shard(len(self._shards)))
        chosen = torch.randint(0, open_shards * SHARD, (size,), generator=generator).tolist()
        latents = torch.stack([self._shards[k // SHARD].latents[k % SHARD] for k in chosen])
        tokens = torch.stack([self._shards[k // SHARD].tokens[k % SHARD] for k in chosen])
        return Batch(latents=latents.float().to(self._device), tokens=tokens.long().to(self._device))

    def _shard(self, number: int) -> Batch:
        path = self._folder / f"latents-{number:05d}.pt"
        saved = checkpoints.load(path)
        if saved is None:
            saved = self._encode(number)
            checkpoints.save(path, state=saved)
        return Batch(latents=saved["latents"], tokens=saved["tokens"])

    @torch.no_grad()
    def _encode(self, number: int) -> dict[str, Tensor]:
        drawn = list(itertools.islice(scenes((self._seed, STREAM, number)), SHARD))
        latents = []
        for start in range(0, SHARD, _CHUNK):
            pictures = pictures_of(drawn[start : start + _CHUNK]).to(self._device)
            latents.append(self._autoencoder.encode(pictures).latent_dist.mean.half().cpu())
        captions = [scene.caption for scene in drawn]
        return {"latents": torch.cat(latents), "tokens": token_numbers(self._tokenizer, captions).short()}


def token_numbers(tokenizer: CLIPTokenizer, captions: list[str]) -> Tensor:
    """(captions, length), padded and cut exactly as the pipeline does it."""
    encoded = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
    numbers: Tensor = encoded.input_ids
    return numbers
