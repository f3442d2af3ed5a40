"""Write the trained model as an ordinary Stable Diffusion pipeline folder, in half precision.

    python -m training.demo_model.export --work FOLDER --to generation/demo_model

Only weights and configurations are written; the model card and evaluation.json are left as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging

from training.demo_model import checkpoints, denoiser, tokenizer
from training.demo_model.train_denoiser import CHECKPOINT, finished_autoencoder

PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler", "model_index.json")


def assemble(*, work: Path, size: denoiser.Size, seed: int) -> StableDiffusionPipeline:
    """The pipeline from the averaged weights of the last checkpoint, in single precision."""
    saved = checkpoints.load(work / CHECKPOINT)
    if saved is None:
        raise FileNotFoundError(f"No denoiser in {work}: run training.demo_model.train_denoiser first.")
    words = tokenizer.build()
    unet, text_encoder = denoiser.build_denoiser(size), denoiser.build_text_encoder(words)
    unet.load_state_dict(saved["average_unet"])
    text_encoder.load_state_dict(saved["average_text_encoder"])
    return StableDiffusionPipeline(
        vae=finished_autoencoder(work=work, seed=seed, device="cpu"),
        text_encoder=text_encoder.eval(),
        tokenizer=words,
        unet=unet.eval(),
        scheduler=denoiser.build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def export(pipeline: StableDiffusionPipeline, *, folder: Path) -> None:
    """Replace the pipeline's parts in the folder; everything is written beside it first."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft_name:
        draft = Path(draft_name)
        pipeline.to(torch.float16).save_pretrained(draft, safe_serialization=True)
        _load_in_single_precision(draft / "text_encoder" / "config.json")
        for part in PARTS:
            target = folder / part
            if target.is_dir():
                shutil.rmtree(target)
            (draft / part).replace(target)
    pipeline.to(torch.float32)


def _load_in_single_precision(config: Path) -> None:
    """Say in the text encoder's configuration that it runs in single precision unless asked otherwise.

    The UNet does so by itself; a text encoder that came up in half precision would not fit it.
    """
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings["dtype"] = "float32"
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def weights_hash(folder: Path) -> str:
    """SHA-256 over the weight files, by path in alphabetical order: names and contents."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def weights_bytes(folder: Path) -> int:
    """Size of all pipeline files together."""
    files = [
        path for part in PARTS for path in [folder / part, *(folder / part).rglob("*")] if path.is_file()
    ]
    return sum(path.stat().st_size for path in files)


def main() -> None:
    """Read the options and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder with the checkpoints")
    parser.add_argument("--to", type=Path, default=Path("generation/demo_model"))
    parser.add_argument("--seed", type=int, default=7, help="the seed that the training was run with")
    parser.add_argument("--channels", type=int, nargs="+", default=list(denoiser.Size.channels))
    parser.add_argument("--heads", type=int, nargs="+", default=list(denoiser.Size.heads))
    options = parser.parse_args()
    diffusers_logging.set_verbosity_error()
    size = denoiser.Size(channels=tuple(options.channels), heads=tuple(options.heads))
    pipeline = assemble(work=options.work, size=size, seed=options.seed)
    export(pipeline, folder=options.to)
    print(f"{weights_bytes(options.to) / 1e6:.1f} MB  sha256 {weights_hash(options.to)}")


if __name__ == "__main__":
    main()
