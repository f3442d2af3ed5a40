"""Train the autoencoder, or go on where the last checkpoint stopped.

python -m training.demo_model.train_autoencoder --work FOLDER --steps 1500
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from training.demo_model import autoencoder, checkpoints
from training.demo_model.scenes import Scene, draw, scenes
from training.demo_model.shapes import BACKGROUNDS

CHECKPOINT = "autoencoder.pt"
# An autoencoder reads no captions, so hard pictures may be more frequent than captions would have them.
MIXTURE: Mapping[str, float] = MappingProxyType(
    {"single": 0.2, "texture": 0.25, "pair": 0.1, "relation": 0.05, "count": 0.1, "contact": 0.3}
)
UNFOLDING_SCENES = 256
# The first number after the seed keeps the random streams of the programs apart.
STREAM = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how fast to train.

    decoder_only: the encoder, hence every latent, stays as it is.  start_from: the folder of an exported
    pipeline whose autoencoder is trained on; None starts from nothing.
    """

    steps: int
    batch: int = 8
    rate: float = 2e-3
    warm_up: int = 50
    seed: int = 7
    decoder_only: bool = False
    start_from: Path | None = None
    save_every: int = 100
    device: str = "cpu"


def pictures_of(drawn: list[Scene]) -> Tensor:
    """(batch, 3, height, width) in [-1, 1]."""
    stacked = np.stack([draw(scene) for scene in drawn])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 127.5 - 1.0


def rate_at(step: int, *, plan: Plan) -> float:
    """Linear warm-up, then half a cosine down to a twentieth of the rate; by step, never by the clock."""
    if step < plan.warm_up:
        return plan.rate * (step + 1) / plan.warm_up
    done = (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)
    return plan.rate * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done))))


def train(plan: Plan, *, work: Path) -> AutoencoderKL:
    """The trained autoencoder; its checkpoint lies in the work folder."""
    torch.manual_seed(plan.seed)
    model = _first_weights(plan).to(plan.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.0)
    saved = checkpoints.load(work / CHECKPOINT, device=plan.device)
    first = 0
    if saved is not None:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first = int(saved["step"])
    if plan.decoder_only:
        model.encoder.requires_grad_(False)
        model.quant_conv.requires_grad_(False)
    began = time.monotonic()
    for step in range(first, plan.steps):
        parts = _step(model, optimizer=optimizer, plan=plan, step=step)
        if step % 25 == 0:
            figures = "  ".join(f"{name} {value:.4f}" for name, value in parts.items())
            print(f"step {step}  {figures}  {time.monotonic() - began:.0f} s", flush=True)
        if (step + 1) % plan.save_every == 0 or step + 1 == plan.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            checkpoints.save(work / CHECKPOINT, state=state)
    return model


def _first_weights(plan: Plan) -> AutoencoderKL:
    """Untrained weights, or those of an exported pipeline on the scale that this training works on."""
    model = autoencoder.build()
    if plan.start_from is not None:
        exported = AutoencoderKL.from_pretrained(
            plan.start_from / "vae", dtype=torch.float32, local_files_only=True
        )
        model.load_state_dict(exported.state_dict())
        drawn = list(itertools.islice(scenes((plan.seed, STREAM)), UNFOLDING_SCENES))
        autoencoder.unfold_normalisation(model, pictures=pictures_of(drawn))
    return model


def _step(
    model: AutoencoderKL, *, optimizer: torch.optim.Optimizer, plan: Plan, step: int
) -> dict[str, float]:
    drawn = on_every_background(
        list(itertools.islice(scenes((plan.seed, STREAM, step), mixture=MIXTURE), plan.batch))
    )
    pictures = pictures_of(drawn).to(plan.device, memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
    for group in optimizer.param_groups:
        group["lr"] = rate_at(step, plan=plan)
    parts = autoencoder.loss(model, pictures=pictures, generator=generator)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(parts["total"])
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return {name: float(value.detach()) for name, value in parts.items()}


def on_every_background(drawn: list[Scene]) -> list[Scene]:
    """Every other scene on a background that is not white; an autoencoder reads no captions.

    As often as captions ask for them, backgrounds would be too rare to be learned.
    """
    others = [name for name in BACKGROUNDS if name != "white"]
    return [
        replace(scene, background=others[number // 2 % len(others)]) if number % 2 else scene
        for number, scene in enumerate(drawn)
    ]


def main() -> None:
    """Read the options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for checkpoints, outside the repository"
    )
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=Plan.batch)
    parser.add_argument("--rate", type=float, default=Plan.rate)
    parser.add_argument("--decoder-only", action="store_true", help="keep the encoder, hence all latents")
    parser.add_argument("--start-from", type=Path, help="folder of an exported model to train on from")
    parser.add_argument("--device", default=Plan.device)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = Plan(
        steps=options.steps,
        batch=options.batch,
        rate=options.rate,
        decoder_only=options.decoder_only,
        start_from=options.start_from,
        device=options.device,
    )
    train(plan, work=options.work)


if __name__ == "__main__":
    main()
