"""Side by side with castorini/daam 0.2.0: the same pipeline, the same seed, the same process."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.models import mini_sd2
from benchmarks.peer import load_daam
from generation.attribution import trace

PROMPT = "a red circle and a skateboarder"
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def daam() -> Any:
    """The published code, or a skip that says how to get it."""
    try:
        return load_daam()
    except ImportError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def pipeline() -> Any:
    """SD 2's topology with cross-attention on the 8x8 grid too: the level that the published code drops."""
    shape = {
        "attention_head_dim": (1, 2, 2, 2),
        "down_block_types": ("CrossAttnDownBlock2D",) * 4,
        "up_block_types": ("CrossAttnUpBlock2D",) * 4,
        "layers_per_block": 1,
    }
    made = mini_sd2(width=8, unet=shape)
    made.set_progress_bar_config(disable=True)
    return made


def test_the_castorini_variant_is_what_the_published_code_computes(
    daam: Any, pipeline: Any, draw: Callable[..., Any]
) -> None:
    """Within 2e-6 of the maps' range. Control: keeping the middle block, or the 8x8 grid, or not clamping."""
    with daam.trace(pipeline) as theirs:
        draw(pipeline, PROMPT, output_type="latent")
        expected = theirs.compute_global_heat_map(prompt=PROMPT)
    with trace(pipeline, keep="heads") as ours:
        draw(pipeline, PROMPT, output_type="latent")
    found = ours.token_maps(variant="castorini")[0, : len(expected.heat_maps)]
    bound = 2e-6 * float(expected.heat_maps.max() - expected.heat_maps.min())
    assert len(expected.heat_maps) == 16
    assert float((found - expected.heat_maps).abs().max()) < bound


@pytest.mark.parametrize("word", ["circle", "skateboarder"])
def test_word_maps_are_those_of_the_published_code(
    daam: Any, pipeline: Any, draw: Callable[..., Any], word: str
) -> None:
    """One token, and one word of nine tokens."""
    with daam.trace(pipeline) as theirs:
        draw(pipeline, PROMPT, output_type="latent", num_inference_steps=1)
        expected = theirs.compute_global_heat_map(prompt=PROMPT).compute_word_heat_map(word).heatmap
    with trace(pipeline, keep="heads") as ours:
        draw(pipeline, PROMPT, output_type="latent", num_inference_steps=1)
    found = torch.from_numpy(ours.word_map(word, variant="castorini"))
    assert float((found - expected).abs().max()) < 2e-6 * float(expected.max() - expected.min())
