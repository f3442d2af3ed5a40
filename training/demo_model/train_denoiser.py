"""Train the denoiser and its text encoder together, or go on where the last checkpoint stopped.

    python -m training.demo_model.train_denoiser --work FOLDER --steps 4000

The autoencoder must lie in the work folder already.  Everything random follows from the seed and the step, so
a run that was killed and taken up again ends in the same weights as one that was not.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from training.demo_model import autoencoder as autoencoders
from training.demo_model import checkpoints, denoiser, tokenizer
from training.demo_model import train_autoencoder as first_stage
from training.demo_model.latents import Batch, LatentPool, token_numbers
from training.demo_model.optimizer import Muon
from training.demo_model.probes import Probe, build_probe, build_texture_probe
from training.demo_model.scenes import scenes

CHECKPOINT = "denoiser.pt"
NORMALISATION_STREAM = 3
NORMALISATION_SCENES = 512
LARGEST_GRADIENT = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to train; rates change by step, never by the clock.

    start_from: the folder of an exported pipeline whose text encoder and denoiser are trained on.
    """

    steps: int
    batch: int = 32
    rate: float = 1e-3
    warm_up: int = 100
    seed: int = 7
    size: denoiser.Size = field(default_factory=denoiser.Size)
    save_every: int = 200
    probe_every: int = 100
    device: str = "cpu"
    start_from: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """The two networks in training, the average of their weights, and the optimizer."""

    unet: UNet2DConditionModel
    text_encoder: CLIPTextModel
    average_unet: UNet2DConditionModel
    average_text_encoder: CLIPTextModel
    optimizer: Muon

    def state(self, *, step: int) -> dict[str, Any]:
        """Everything that a checkpoint needs."""
        networks = {name: getattr(self, name).state_dict() for name in _NETWORKS}
        return {**networks, "optimizer": self.optimizer.state_dict(), "step": step}

    def restore(self, state: dict[str, Any]) -> int:
        """Take up a checkpoint; returns the number of steps it has seen."""
        for name in _NETWORKS:
            getattr(self, name).load_state_dict(state[name])
        self.optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])

    def average(self, *, step: int) -> None:
        """Move the averages; the window grows with training to about a twentieth of the steps so far."""
        keep = min(0.9995, (1.0 + step) / (20.0 + step))
        for name in ("unet", "text_encoder"):
            live, kept = getattr(self, name), getattr(self, "average_" + name)
            for target, source in zip(kept.parameters(), live.parameters(), strict=True):
                target.data.lerp_(source.data, 1.0 - keep)


_NETWORKS = ("unet", "text_encoder", "average_unet", "average_text_encoder")


def build(plan: Plan, *, words: CLIPTokenizer) -> Trainee:
    """Networks as they are before the first step, the same for the same seed and starting weights."""
    torch.manual_seed(plan.seed)
    unet = denoiser.build_denoiser(plan.size).to(plan.device)
    text_encoder = denoiser.build_text_encoder(words).to(plan.device)
    if plan.start_from is not None:
        _start_from(plan.start_from, unet=unet, text_encoder=text_encoder, words=words)
    return Trainee(
        unet=unet,
        text_encoder=text_encoder,
        average_unet=copy.deepcopy(unet).eval(),
        average_text_encoder=copy.deepcopy(text_encoder).eval(),
        optimizer=Muon([unet, text_encoder], rate=plan.rate),
    )


def _start_from(
    folder: Path, *, unet: UNet2DConditionModel, text_encoder: CLIPTextModel, words: CLIPTokenizer
) -> None:
    """Load an exported pipeline's weights. Raises RuntimeError where the widths of the two UNets differ."""
    exported = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    unet.load_state_dict(exported.unet.state_dict())
    denoiser.take_over(
        text_encoder,
        earlier=exported.text_encoder,
        vocabulary=words.get_vocab(),
        earlier_vocabulary=exported.tokenizer.get_vocab(),
    )


def finished_autoencoder(*, work: Path, seed: int, device: str) -> AutoencoderKL:
    """The trained autoencoder with its latents brought to mean 0 and deviation 1."""
    saved = checkpoints.load(work / first_stage.CHECKPOINT, device=device)
    if saved is None:
        raise FileNotFoundError(f"No autoencoder in {work}: run training.demo_model.train_autoencoder first.")
    model = autoencoders.build().to(device).eval()
    model.load_state_dict(saved["model"])
    drawn = list(itertools.islice(scenes((seed, NORMALISATION_STREAM)), NORMALISATION_SCENES))
    with torch.no_grad():
        latents = model.encode(first_stage.pictures_of(drawn).to(device)).latent_dist.mean
    autoencoders.fold_normalisation(model, latents=latents)
    return model


def rate_at(step: int, *, plan: Plan) -> float:
    """Linear warm-up, then half a cosine to a fiftieth."""
    if step < plan.warm_up:
        return plan.rate * (step + 1) / plan.warm_up
    done = (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)
    return plan.rate * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done))))


def train(plan: Plan, *, work: Path, stop_at: int | None = None) -> Trainee:
    """Train up to the plan's last step, or to an earlier one; the checkpoint lies in the work folder."""
    words = tokenizer.build()
    encoder = finished_autoencoder(work=work, seed=plan.seed, device=plan.device)
    pool = LatentPool(folder=work, autoencoder=encoder, tokenizer=words, seed=plan.seed, device=plan.device)
    trainee = build(plan, words=words)
    saved = checkpoints.load(work / CHECKPOINT, device=plan.device)
    first = trainee.restore(saved) if saved is not None else 0
    empty = token_numbers(words, [""]).to(plan.device)
    probes = [
        make(autoencoder=encoder, tokenizer=words, seed=plan.seed, device=plan.device)
        for make in (build_probe, build_texture_probe)
    ]
    log = _Log()
    last = plan.steps if stop_at is None else stop_at
    for step in range(first, last):
        log.add(train_step(trainee, plan=plan, pool=pool, empty=empty, step=step))
        if (step + 1) % plan.probe_every == 0:
            log.report(step=step + 1, probes=probes, trainee=trainee)
        if (step + 1) % plan.save_every == 0 or step + 1 == last:
            checkpoints.save(work / CHECKPOINT, state=trainee.state(step=step + 1))
    return trainee


def train_step(trainee: Trainee, *, plan: Plan, pool: LatentPool, empty: Tensor, step: int) -> float:
    """One update; returns the mean loss of the batch."""
    generator = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
    batch = pool.batch(step=step, size=plan.batch, generator=generator)
    losses = _losses(trainee, batch=batch, empty=empty, generator=generator)
    for group in trainee.optimizer.param_groups:
        group["lr"] = rate_at(step, plan=plan)
    trainee.optimizer.zero_grad(set_to_none=True)
    loss = losses.mean()
    torch.autograd.backward(loss)
    trained = itertools.chain(trainee.unet.parameters(), trainee.text_encoder.parameters())
    torch.nn.utils.clip_grad_norm_(trained, LARGEST_GRADIENT)
    trainee.optimizer.step()
    trainee.average(step=step)
    return float(loss.detach())


def _losses(trainee: Trainee, *, batch: Batch, empty: Tensor, generator: torch.Generator) -> Tensor:
    shares = denoiser.signal_shares()
    count = len(batch.latents)
    timesteps = denoiser.draw_timesteps(count, shares=shares, generator=generator)
    noise = torch.randn(batch.latents.shape, generator=generator)
    # Without a caption now and then, so that guidance has something to push away from.
    silent = torch.rand(count, generator=generator) < denoiser.EMPTY_CAPTION_SHARE
    device = batch.latents.device
    tokens = torch.where(silent.to(device)[:, None], empty, batch.tokens)
    text = trainee.text_encoder(tokens).last_hidden_state
    return denoiser.velocity_loss(
        trainee.unet,
        latents=batch.latents,
        text=text,
        timesteps=timesteps.to(device),
        noise=noise.to(device),
        shares=shares,
    )


class _Log:
    """Prints the mean loss since the last line, the probe's gaps, and the pace."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._began = time.monotonic()

    def add(self, loss: float) -> None:
        self._losses.append(loss)

    def report(self, *, step: int, probes: Sequence[Probe], trainee: Trainee) -> None:
        mean = sum(self._losses) / len(self._losses)
        gaps: dict[str, float] = {}
        for probe in probes:
            gaps = {**probe.gaps(trainee.unet, text_encoder=trainee.text_encoder), **gaps}
        figures = "  ".join(f"{name} {value:+.4f}" for name, value in gaps.items())
        print(f"step {step}  loss {mean:.4f}  {figures}  {time.monotonic() - self._began:.0f} s", flush=True)
        self._losses.clear()


def main() -> None:
    """Read the options and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for checkpoints, outside the repository"
    )
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--stop-at", type=int, help="leave off after this step; a later call goes on")
    parser.add_argument("--batch", type=int, default=Plan.batch)
    parser.add_argument("--rate", type=float, default=Plan.rate)
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--start-from", type=Path, help="folder of an exported model to train on from")
    parser.add_argument("--channels", type=int, nargs="+", default=[48, 96])
    parser.add_argument("--heads", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--device", default=Plan.device)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plan = Plan(
        steps=options.steps,
        batch=options.batch,
        rate=options.rate,
        seed=options.seed,
        size=denoiser.Size(channels=tuple(options.channels), heads=tuple(options.heads)),
        device=options.device,
        start_from=options.start_from,
    )
    train(plan, work=options.work, stop_at=options.stop_at)


if __name__ == "__main__":
    main()
