"""Other pipelines of the Stable Diffusion family: the conditional rows are found whatever their layout."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPAGPipeline,
)
from PIL import Image

from benchmarks import oracle
from benchmarks.models import tiny_pipeline
from generation.attribution import trace

PICTURE = Image.effect_noise((32, 32), 80).convert("RGB")
MASK = Image.new("L", (32, 32), 255)
PROMPTS = ["a red circle", "the blue square"]


def components(**changes: Any) -> dict[str, Any]:
    """The parts of a small pipeline."""
    return {**tiny_pipeline().components, **changes}


def img2img() -> tuple[Any, dict[str, Any]]:
    return StableDiffusionImg2ImgPipeline(**components(), requires_safety_checker=False), {
        "image": [PICTURE, PICTURE],
        "strength": 0.8,
        "num_inference_steps": 4,
    }


def inpaint() -> tuple[Any, dict[str, Any]]:
    return StableDiffusionInpaintPipeline(**components(), requires_safety_checker=False), {
        "image": [PICTURE, PICTURE],
        "mask_image": [MASK, MASK],
        "height": 32,
        "width": 32,
        "strength": 1.0,
    }


def controlnet() -> tuple[Any, dict[str, Any]]:
    parts = components()
    control = ControlNetModel.from_unet(parts["unet"], conditioning_channels=3)
    control.controlnet_cond_embedding = torch.nn.Conv2d(3, 16, 3, stride=2, padding=1)
    pipeline = StableDiffusionControlNetPipeline(**parts, controlnet=control, requires_safety_checker=False)
    return pipeline, {"image": [PICTURE, PICTURE], "height": 32, "width": 32}


def perturbed_attention() -> tuple[Any, dict[str, Any]]:
    return StableDiffusionPAGPipeline(**components(), requires_safety_checker=False), {"pag_scale": 2.0}


def pix2pix() -> tuple[Any, dict[str, Any]]:
    parts = tiny_pipeline(unet={"in_channels": 8}).components
    pipeline = StableDiffusionInstructPix2PixPipeline(**parts, requires_safety_checker=False)
    return pipeline, {"image": [PICTURE, PICTURE], "image_guidance_scale": 1.5}


@pytest.mark.parametrize(
    ("build", "rows"),
    [
        (img2img, slice(2, 4)),
        (inpaint, slice(2, 4)),
        (controlnet, slice(2, 4)),
        (perturbed_attention, slice(2, 4)),
        (pix2pix, slice(0, 2)),
    ],
)
def test_the_rows_that_carry_the_prompt_are_traced(build: Any, rows: slice) -> None:
    """Rows as each pipeline's source lays them out. Control: always taking the second half of the batch."""
    pipeline, how = build()
    pipeline.set_progress_bar_config(disable=True)

    def run() -> None:
        generator = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        settings = {"num_inference_steps": 2, "guidance_scale": 5.0, "output_type": "np", **how}
        pipeline(PROMPTS, generator=generator, **settings)

    with oracle.recorded(pipeline.unet) as expected:
        run()
    with trace(pipeline, keep="heads") as recording:
        run()
    assert recording.prompts == tuple(PROMPTS)
    for layer in recording.layer_sums():
        total = torch.stack(expected[layer.path]).sum(dim=0)[rows]
        wanted = total[..., : layer.sums.shape[1]].permute(0, 3, 1, 2).reshape(layer.sums.shape)
        assert (layer.sums.double() - wanted).abs().max() < 5e-6
    assert np.isfinite(recording.word_map("square", image=1)).all()
