"""Other pipelines of the Stable Diffusion family: the conditional rows are found whatever their layout."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPAGPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
)
from PIL import Image

from benchmarks import oracle
from benchmarks.models import mini_sdxl, tiny_pipeline
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


def v_prediction() -> tuple[Any, dict[str, Any]]:
    """Stable Diffusion 2 as it differs from 1: linear projections, and the model predicts v."""
    parts = tiny_pipeline(unet={"use_linear_projection": True}).components
    parts["scheduler"] = DDIMScheduler.from_config(parts["scheduler"].config, prediction_type="v_prediction")
    return StableDiffusionPipeline(**parts, requires_safety_checker=False), {}


def channels_last() -> tuple[Any, dict[str, Any]]:
    pipeline = StableDiffusionPipeline(**components(), requires_safety_checker=False)
    pipeline.unet.to(memory_format=torch.channels_last)
    return pipeline, {}


def xl_image_to_image() -> tuple[Any, dict[str, Any]]:
    parts = mini_sdxl(sample_size=8).components
    pipeline = StableDiffusionXLImg2ImgPipeline(**parts, add_watermarker=False)
    small = PICTURE.resize((16, 16))
    return pipeline, {
        "image": [small, small],
        "strength": 0.9,
        "num_inference_steps": 3,
        "original_size": (64, 32),
        "crops_coords_top_left": (4, 0),
        "negative_original_size": (16, 16),
        "negative_target_size": (16, 16),
    }


def perturbed_attention() -> tuple[Any, dict[str, Any]]:
    return StableDiffusionPAGPipeline(**components(), requires_safety_checker=False), {"pag_scale": 2.0}


def perturbed_attention_alone() -> tuple[Any, dict[str, Any]]:
    """Without guidance: the prompt's rows, and the same again with perturbed attention."""
    pipeline, how = perturbed_attention()
    return pipeline, {**how, "guidance_scale": 0.0}


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
        (v_prediction, slice(2, 4)),
        (channels_last, slice(2, 4)),
        (xl_image_to_image, slice(2, 4)),
        (perturbed_attention, slice(2, 4)),
        (perturbed_attention_alone, slice(0, 2)),
        (pix2pix, slice(0, 2)),
    ],
)
def test_the_rows_that_carry_the_prompt_are_traced(build: Any, rows: slice) -> None:
    """Rows as each pipeline's source lays them out. Control: always taking the second half of the batch."""
    pipeline, how = build()
    pipeline.set_progress_bar_config(disable=True)

    def run() -> None:
        generator = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        settings = {"num_inference_steps": 2, "guidance_scale": 5.0, "output_type": "latent", **how}
        pipeline(PROMPTS, generator=generator, **settings)

    with oracle.recorded(pipeline.unet) as expected:
        run()
    with trace(pipeline, keep="heads") as recording:
        run()
    assert recording.prompts == tuple(PROMPTS)
    for layer in recording.layer_sums():
        total = torch.stack(expected[layer.path]).sum(dim=0)[rows]
        wanted = total[..., : layer.sums.shape[1]].permute(0, 3, 1, 2).reshape(layer.sums.shape)
        assert (layer.sums.double() - wanted).abs().max() < 5e-6 * layer.steps
    assert np.isfinite(recording.word_map("square", image=1)).all()


def test_what_a_control_net_attends_to_is_not_recorded() -> None:
    pipeline, how = controlnet()
    pipeline.set_progress_bar_config(disable=True)
    with trace(pipeline, keep="heads") as recording:
        pipeline(PROMPTS, num_inference_steps=1, output_type="latent", **how)
    own = {path for path, _ in pipeline.unet.named_modules()}
    layers = recording.layer_sums()
    assert {layer.path for layer in layers} <= own
    assert len(layers) == 7
    assert all(layer.steps == 1 for layer in layers)
