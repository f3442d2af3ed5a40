"""Pipelines whose denoiser does not draw one whole picture a row are refused by name."""

from typing import Any

import pytest
from diffusers import (
    AnimateDiffPipeline,
    DDIMScheduler,
    StableDiffusionPanoramaPipeline,
    TextToVideoSDPipeline,
    UNet3DConditionModel,
    UNetMotionModel,
)

from generation.attribution import trace

FILM = {"num_frames": 4, "height": 32, "width": 32, "num_inference_steps": 1, "output_type": "np"}


def animation(tiny: Any) -> Any:
    unet = UNetMotionModel(
        sample_size=16, block_out_channels=(16, 32), layers_per_block=1, num_attention_heads=2,
        motion_num_attention_heads=2, norm_num_groups=8, cross_attention_dim=32,
        down_block_types=("CrossAttnDownBlockMotion",) * 2, up_block_types=("CrossAttnUpBlockMotion",) * 2,
    )  # fmt: skip
    return AnimateDiffPipeline(
        vae=tiny.vae, text_encoder=tiny.text_encoder, tokenizer=tiny.tokenizer, unet=unet,
        motion_adapter=None, scheduler=DDIMScheduler(beta_schedule="linear"),
    )  # fmt: skip


def video(tiny: Any) -> Any:
    unet = UNet3DConditionModel(
        sample_size=16, block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=32,
        attention_head_dim=8, down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
    )  # fmt: skip
    return TextToVideoSDPipeline(
        vae=tiny.vae, text_encoder=tiny.text_encoder, tokenizer=tiny.tokenizer, unet=unet,
        scheduler=DDIMScheduler(beta_schedule="linear"),
    )  # fmt: skip


@pytest.mark.parametrize("build", [animation, video])
def test_frames_of_a_film_are_not_taken_for_pictures(tiny: Any, build: Any) -> None:
    """Their rows multiply inside the denoiser. Control: a map of a frame of the negative prompt."""
    pipeline = build(tiny)
    pipeline.set_progress_bar_config(disable=True)
    with pytest.raises(ValueError, match=r"draws several frames together"), trace(pipeline):
        pipeline("a red cat", **FILM)


def test_views_that_overlap_are_not_laid_over_each_other(tiny: Any) -> None:
    """Control: a map of the first view's size, the sum over all views."""
    parts = {**tiny.components, "scheduler": DDIMScheduler.from_config(tiny.scheduler.config)}
    pipeline = StableDiffusionPanoramaPipeline(**parts, requires_safety_checker=False)
    with pytest.raises(ValueError, match="views that overlap"), trace(pipeline):
        pytest.fail("it was traced")
