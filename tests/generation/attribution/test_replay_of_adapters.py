"""Fixed attention refuses attention to pictures before anything runs, and leaves the pipeline as it was."""

from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0

from benchmarks.models import tiny_pipeline
from generation.attribution.replay import fixed_attention


@pytest.fixture
def pipeline() -> Any:
    """One of its own: the test changes its processors."""
    made = tiny_pipeline()
    made.set_progress_bar_config(disable=True)
    return made


def test_processors_with_weights_are_refused_by_name(pipeline: Any) -> None:
    """Control: the check left out: torch can't assign the wrapper over a child module."""
    site = next(path for path in pipeline.unet.attn_processors if "attn2" in path)
    module = pipeline.unet.get_submodule(site.removesuffix(".processor"))
    module.set_processor(IPAdapterAttnProcessor2_0(module.inner_dim, 32, num_tokens=(2,)))
    before = dict(pipeline.unet.attn_processors)
    said = rf"{site.removesuffix('.processor')}: IPAdapterAttnProcessor2_0 .*unload_ip_adapter\(\)"
    with pytest.raises(ValueError, match=said), fixed_attention(pipeline):
        pytest.fail("it was fixed")
    assert pipeline.unet.attn_processors == before
    assert not pipeline.unet._forward_pre_hooks


def test_a_unet_that_takes_pictures_is_refused(pipeline: Any) -> None:
    """Control: the check left out."""
    pipeline.unet.register_to_config(encoder_hid_dim_type="ip_image_proj")
    with pytest.raises(ValueError, match=r"an image adapter in its UNet.*unload"), fixed_attention(pipeline):
        pytest.fail("it was fixed")


def test_states_of_texts_and_pictures_together_are_refused(pipeline: Any) -> None:
    """Control: the check left out, an AttributeError of a tuple."""
    sample, states = torch.zeros(1, 4, 8, 8), torch.zeros(1, 77, 32)
    with fixed_attention(pipeline), pytest.raises(ValueError, match="encoder_hidden_states as a tuple"):
        pipeline.unet(sample, 0, encoder_hidden_states=(states, [states]))
