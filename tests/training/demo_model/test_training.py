"""Training goes on from a checkpoint as if it had never stopped, and what is exported runs."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import nn

from training.demo_model import (
    autoencoder,
    denoiser,
    export,
    latents,
    probes,
    tokenizer,
    train_autoencoder,
    train_denoiser,
)
from training.demo_model.optimizer import Muon, orthogonal
from training.demo_model.scenes import scenes
from training.demo_model.shapes import BACKGROUNDS

SIZE = denoiser.Size(channels=(16, 24), heads=(2, 2))
PLAN = train_denoiser.Plan(steps=3, batch=2, warm_up=1, size=SIZE, save_every=1, probe_every=100)


@pytest.fixture(autouse=True)
def _small_and_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(latents, "SHARD", 8)
    monkeypatch.setattr(probes, "SAMPLES", 3)
    monkeypatch.setattr(train_denoiser, "NORMALISATION_SCENES", 16)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with an autoencoder after one step and small shards."""
    folder = tmp_path_factory.mktemp("work")
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latents, "SHARD", 8)
        patch.setattr(probes, "SAMPLES", 3)
        patch.setattr(train_denoiser, "NORMALISATION_SCENES", 16)
        train_autoencoder.train(train_autoencoder.Plan(steps=1, batch=2), work=folder)
        train_denoiser.train(PLAN, work=folder)
    return folder


def trained_weights(work: Path, *, stops: tuple[int, ...]) -> dict[str, torch.Tensor]:
    (work / train_denoiser.CHECKPOINT).unlink()
    for stop in stops:
        trained = train_denoiser.train(PLAN, work=work, stop_at=stop)
    return {**trained.average_unet.state_dict(), **trained.average_text_encoder.state_dict()}


def test_a_run_taken_up_again_ends_in_the_same_weights(work: Path) -> None:
    """Control: leaving "optimizer" out of Trainee.restore turns this red."""
    whole = trained_weights(work, stops=(3,))
    in_parts = trained_weights(work, stops=(1, 2, 3))
    assert all(torch.equal(whole[name], in_parts[name]) for name in whole)


def test_the_autoencoder_is_taken_up_again_in_the_same_way(tmp_path: Path) -> None:
    plan = train_autoencoder.Plan(steps=2, batch=1, save_every=1)
    whole = train_autoencoder.train(plan, work=tmp_path / "whole").state_dict()
    shorter = train_autoencoder.Plan(steps=1, batch=1, save_every=1)
    train_autoencoder.train(shorter, work=tmp_path / "parts")
    in_parts = train_autoencoder.train(plan, work=tmp_path / "parts").state_dict()
    assert all(torch.equal(whole[name], in_parts[name]) for name in whole)


def test_the_exported_folder_is_an_ordinary_pipeline_that_generates(work: Path, tmp_path: Path) -> None:
    pipeline = export.assemble(work=work, size=SIZE, seed=PLAN.seed)
    export.export(pipeline, folder=tmp_path / "model")
    loaded = StableDiffusionPipeline.from_pretrained(tmp_path / "model", local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(1)
    image = loaded("a red circle", num_inference_steps=2, generator=generator).images[0]
    assert image.size == (64, 64)
    assert loaded.safety_checker is None
    assert loaded.unet.config.cross_attention_dim == loaded.text_encoder.config.hidden_size


def test_exporting_again_keeps_the_model_card_and_the_hash(work: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    pipeline = export.assemble(work=work, size=SIZE, seed=PLAN.seed)
    export.export(pipeline, folder=folder)
    (folder / "README.md").write_text("card", encoding="utf-8")
    before = export.weights_hash(folder)
    export.export(pipeline, folder=folder)
    assert (folder / "README.md").read_text(encoding="utf-8") == "card"
    assert export.weights_hash(folder) == before


@torch.no_grad()
def test_folding_brings_latents_to_unit_scale_and_changes_no_picture() -> None:
    """Control: leaving the mean out of post_quant_conv's bias turns this red."""
    torch.manual_seed(0)
    model = autoencoder.build().eval()
    pictures = torch.rand(4, 3, 64, 64) * 2 - 1
    before = model.encode(pictures).latent_dist.mean
    restored = model.decode(before).sample
    autoencoder.fold_normalisation(model, latents=before)
    after = model.encode(pictures).latent_dist.mean
    assert torch.allclose(after.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(after.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-4)
    assert torch.allclose(model.decode(after).sample, restored, atol=1e-4)


@torch.no_grad()
def test_unfolding_brings_picture_channels_back_and_changes_no_picture() -> None:
    """Control: unfolding with the deviation instead of its inverse turns this red."""
    torch.manual_seed(0)
    model = autoencoder.build().eval()
    pictures = torch.rand(4, 3, 64, 64) * 2 - 1
    latents = model.encode(pictures).latent_dist.mean
    restored = model.decode(latents).sample
    autoencoder.fold_normalisation(model, latents=latents)
    autoencoder.unfold_normalisation(model, pictures=pictures)
    again = model.encode(pictures).latent_dist.mean
    averaged = nn.functional.avg_pool2d(pictures, 4)
    assert torch.allclose(again[:, :3].mean(dim=(0, 2, 3)), averaged.mean(dim=(0, 2, 3)), atol=1e-4)
    assert torch.allclose(again[:, :3].std(dim=(0, 2, 3)), averaged.std(dim=(0, 2, 3)), atol=1e-4)
    assert torch.allclose(model.decode(again).sample, restored, atol=1e-4)


def test_training_starts_from_an_exported_model(work: Path, tmp_path: Path) -> None:
    """Control: leaving out _start_from in train_denoiser.build turns this red."""
    export.export(export.assemble(work=work, size=SIZE, seed=PLAN.seed), folder=tmp_path / "model")
    exported = StableDiffusionPipeline.from_pretrained(tmp_path / "model", local_files_only=True)
    plan = dataclasses.replace(PLAN, start_from=tmp_path / "model")
    started = train_denoiser.build(plan, words=tokenizer.build())
    for network in ("unet", "text_encoder"):
        mine, theirs = (getattr(one, network).state_dict() for one in (started, exported))
        assert all(torch.equal(mine[name], theirs[name].float()) for name in mine)
    first = train_autoencoder.Plan(steps=1, batch=1, start_from=tmp_path / "model")
    assert train_autoencoder.train(first, work=tmp_path / "again")


@torch.no_grad()
def test_a_vocabulary_that_grew_keeps_the_vectors_of_its_words() -> None:
    """Control: copying rows by number instead of by word in take_over turns this red."""
    words = tokenizer.build()
    earlier, later = denoiser.build_text_encoder(words), denoiser.build_text_encoder(words)
    shifted = {token: (number + 5) % len(words) for token, number in words.get_vocab().items()}
    denoiser.take_over(later, earlier=earlier, vocabulary=shifted, earlier_vocabulary=words.get_vocab())
    number = words.get_vocab()["circle</w>"]
    tables = [one.get_input_embeddings().weight for one in (earlier, later)]
    assert torch.equal(tables[1][shifted["circle</w>"]], tables[0][number])
    assert not torch.equal(tables[1][number], tables[0][number])


def test_the_noise_schedule_is_the_schedulers() -> None:
    """Outside truth: the sampler's own table."""
    table = denoiser.build_scheduler().alphas_cumprod
    assert torch.allclose(denoiser.signal_shares(), table, atol=1e-6)


def test_a_perfect_velocity_has_no_loss() -> None:
    """Outside truth: v = sqrt(share) noise - sqrt(1 - share) latent, and the sampler's own conversion."""
    generator = torch.Generator().manual_seed(2)
    clean, noise = (torch.randn(2, 4, 16, 16, generator=generator) for _ in range(2))
    scheduler = denoiser.build_scheduler()
    shares = denoiser.signal_shares()
    timesteps = torch.tensor([100, 800])

    class Perfect(nn.Module):
        def forward(self, noisy: torch.Tensor, at: torch.Tensor, **_: object) -> object:
            share = shares[at][:, None, None, None]
            velocity = (share.sqrt() * noisy - clean) / (1 - share).sqrt()
            return type("Out", (), {"sample": velocity})

    losses = denoiser.velocity_loss(
        Perfect(),
        latents=clean,
        text=torch.zeros(2, 32, 128),
        timesteps=timesteps,
        noise=noise,
        shares=shares,
    )
    assert torch.allclose(losses, torch.zeros(2), atol=1e-5)
    assert scheduler.config.prediction_type == "v_prediction"


def test_timesteps_lie_where_training_looks() -> None:
    generator = torch.Generator().manual_seed(4)
    drawn = denoiser.draw_timesteps(4000, shares=denoiser.signal_shares(), generator=generator)
    assert int(drawn.min()) >= 0
    assert int(drawn.max()) <= 999
    shares = denoiser.signal_shares()[drawn]
    log_sigma = 0.5 * torch.log((1 - shares) / shares)
    assert float(log_sigma.median()) == pytest.approx(denoiser.LOG_SIGMA_MEAN, abs=0.2)


def test_muon_moves_matrices_along_orthogonal_directions() -> None:
    """Outside truth: the polar factor from numpy's singular values."""
    matrix = torch.randn(12, 30, generator=torch.Generator().manual_seed(5))
    left, _, right = np.linalg.svd(matrix.numpy(), full_matrices=False)
    close = orthogonal(matrix).numpy()
    values = np.linalg.svd(close, compute_uv=False)
    assert values.min() > 0.4
    assert values.max() < 1.4
    assert np.sum(close * (left @ right)) / 12 > 0.7


def test_muon_leaves_embedding_tables_to_adam() -> None:
    table = nn.Embedding(50, 16)
    optimizer = Muon([table, nn.Linear(16, 16)], rate=1e-3)
    kinds = {group["kind"]: sum(p.numel() for p in group["params"]) for group in optimizer.param_groups}
    assert kinds == {"matrix": 256, "other": 50 * 16 + 16}


def test_the_autoencoder_sees_every_background_often() -> None:
    drawn = train_autoencoder.on_every_background(list(itertools.islice(scenes(8), 40)))
    seen = [scene.background for scene in drawn]
    assert min(seen.count(name) for name in BACKGROUNDS) >= 10
