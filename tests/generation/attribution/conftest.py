"""Pipelines with random weights, built once, and an independent recorder to compare with."""

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from benchmarks.models import mini_sdxl, tiny_pipeline

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture(scope="session")
def _tiny() -> StableDiffusionPipeline:
    pipeline = tiny_pipeline()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture
def tiny(_tiny: StableDiffusionPipeline) -> StableDiffusionPipeline:
    """Stable Diffusion with two grids (and a middle block)."""
    return _tiny


@pytest.fixture(scope="session")
def tiny_xl() -> StableDiffusionXLPipeline:
    """Stable Diffusion XL with two tokenizers, at its smallest."""
    pipeline = mini_sdxl(sample_size=8)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="session")
def draw() -> Callable[..., Any]:
    """Runs a pipeline for two steps from a fixed seed; returns (images, height, width, 3) in [0, 1]."""

    def run(pipeline: Any, prompt: Any = "a red circle", **settings: Any) -> Any:
        defaults = {
            "num_inference_steps": 2,
            "output_type": "np",
            "generator": torch.Generator().manual_seed(5),
        }
        return pipeline(prompt, **{**defaults, **settings}).images

    return run
