"""Side by side with castorini/daam 0.2.0, in one run of the pipeline: both read the same queries and keys.

In a run of its own the published code makes another image in the last bits, as it replaces the model's
attention call; that difference grows from layer to layer and is none of the maps'.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

from benchmarks.models import mini_sd2, mini_sdxl
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


@pytest.fixture(scope="module", params=["sd2", "sdxl"])
def pipeline(request: pytest.FixtureRequest) -> Any:
    """SD 2's topology with cross-attention on the 8x8 grid too: the level that the published code drops.

    And XL's, with its two tokenizers, at 512 pixels, where both take the latent to be 64 x 64.
    """
    if request.param == "sdxl":
        xl = mini_sdxl(sample_size=64, depths=(1, 1, 2), vae_channels=(8, 8, 8, 8))
        xl.set_progress_bar_config(disable=True)
        return xl
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
    with daam.trace(pipeline) as theirs, trace(pipeline, keep="heads") as ours:
        draw(pipeline, PROMPT, output_type="latent")
        expected = theirs.compute_global_heat_map(prompt=PROMPT)
    found = ours.token_maps(variant="castorini")[0, : len(expected.heat_maps)]
    bound = 2e-6 * float(expected.heat_maps.max() - expected.heat_maps.min())
    assert len(expected.heat_maps) == 16
    assert float((found - expected.heat_maps).abs().max()) < bound


@pytest.mark.parametrize("word", ["circle", "skateboarder"])
def test_word_maps_are_those_of_the_published_code(
    daam: Any, pipeline: Any, draw: Callable[..., Any], word: str
) -> None:
    """One token, and one word of nine tokens."""
    with daam.trace(pipeline) as theirs, trace(pipeline, keep="heads") as ours:
        draw(pipeline, PROMPT, output_type="latent", num_inference_steps=1)
        expected = theirs.compute_global_heat_map(prompt=PROMPT).compute_word_heat_map(word).heatmap
    found = torch.from_numpy(ours.word_map(word, variant="castorini"))
    assert float((found - expected).abs().max()) < 2e-6 * float(expected.max() - expected.min())


def test_the_castorini_variant_is_the_definition_in_float64(
    daam: Any, pipeline: Any, draw: Callable[..., Any]
) -> None:
    """Both against a float64 reading of the same queries and keys: neither may hide behind the other.

    Each within 2e-6 of the range. Control: the bound of 2e-6 between the two alone says not which is off.
    """
    handles, shares = [], {}
    for path, module in pipeline.unet.named_modules():
        if not path.endswith(".attn2") or path.startswith("mid_block"):
            continue
        handed: list[torch.Tensor] = []

        def keep(_: Any, __: Any, output: torch.Tensor, handed: list[torch.Tensor] = handed) -> None:
            handed.append(output[1:].double())

        handles += [module.to_q.register_forward_hook(keep), module.to_k.register_forward_hook(keep)]
        shares[path] = (module.heads, handed)
    with daam.trace(pipeline) as theirs, trace(pipeline, keep="heads") as ours:
        draw(pipeline, PROMPT, output_type="latent")
        peer = theirs.compute_global_heat_map(prompt=PROMPT).heat_maps.double()
    for handle in handles:
        handle.remove()
    maps = []
    for heads, handed in shares.values():
        total: Any = 0
        for query, key in zip(handed[::2], handed[1::2], strict=True):
            q, k = (each.reshape(*each.shape[:2], heads, -1).transpose(1, 2) for each in (query, key))
            total = total + (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1)[0, :, :, : len(peer)]
        side = round(total.shape[1] ** 0.5)
        if side != 8:
            by_head = total.transpose(1, 2).reshape(heads, len(peer), side, side)
            maps.append(functional.interpolate(by_head, size=(64, 64), mode="bicubic").clamp(min=0))
    expected = torch.cat(maps).mean(dim=0)
    bound = 2e-6 * float(expected.max() - expected.min())
    found = ours.token_maps(variant="castorini")[0, : len(peer)].double()
    assert float((found - expected).abs().max()) < bound
    assert float((peer - expected).abs().max()) < bound
