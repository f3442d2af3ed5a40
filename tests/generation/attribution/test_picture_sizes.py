"""Pictures of any size: read whole, at about the model's number of pixels, on grids with odd sides too."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks.models import tiny_pipeline
from generation import pipelines
from generation.attribution.chosen_heads import IN_PROPORTION, MOST_RELEVANT, ChosenHeads
from generation.attribution.denoisers import PipelineDenoiser, encode_image, least_side, pixels_per_step
from generation.attribution.own_image import as_read, picture_information, size_read
from generation.attribution.relevance_counter import heads_in_call_order
from generation.attribution.tracing import trace
from generation.attribution.words import split_words

CAPTION = "a red cat"
NOISE = np.random.default_rng(0).integers(0, 255, (40, 56, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def deep() -> Any:
    """Four levels, as Stable Diffusion has: a latent of 20 x 28 becomes grids of 10 x 14, 5 x 7 and 3 x 4."""
    pipeline = tiny_pipeline(
        unet={
            "block_out_channels": (16, 16, 32, 32),
            "attention_head_dim": (2, 2, 4, 4),
            "down_block_types": ("CrossAttnDownBlock2D",) * 4,
            "up_block_types": ("CrossAttnUpBlock2D",) * 4,
        }
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_a_generated_picture_whose_grids_have_odd_sides_is_taken_apart_by_every_method(deep: Any) -> None:
    """40 x 56 pixels: no multiple of the 16 that four levels ask for. Control: encode_image asks for it."""
    assert (pixels_per_step(deep), least_side(deep)) == (2, 16)
    request = pipelines.GenerationRequest(prompt=CAPTION, seed=0, words=split_words(CAPTION))
    settings = pipelines.GenerationSettings(
        steps=2, guidance=2.0, scheduler="ddim", height=40, width=56, negative_prompt=""
    )
    found = pipelines.explore(deep, request=request, settings=settings, levels=2, heads={})
    assert found.image.size == (56, 40)
    for word in found.words.values():
        assert list(word.methods) == ["paper", "castorini", "v1", "MI", "CMI", "attention + information"]
        assert {each.shape for each in word.methods.values()} == {(20, 28)}


def test_on_grids_with_odd_sides_all_tokens_together_get_all_attention(deep: Any) -> None:
    """Control: a grid guessed from a square root, or rows of it left out."""
    latents = encode_image(deep, Image.fromarray(NOISE))
    denoiser = PipelineDenoiser(deep)
    with trace(deep, positions=range(77)) as recording:
        encoded = denoiser.encode([CAPTION])
        noise = denoiser.estimate(latents[None], log_snr=torch.zeros(1), encoded=encoded)
    assert noise.shape == (1, 4, 20, 28)
    assert [one.grid for one in recording.grid_sums()] == [(3, 4), (5, 7), (10, 14), (20, 28)]
    for one in recording.grid_sums():
        assert one.sums.shape == (1, 77, *one.grid)
        assert one.sums.sum(dim=1).numpy() == pytest.approx(one.terms, rel=1e-4)


def test_a_picture_that_fits_no_grid_is_read_whole_and_its_own_size_is_kept_where_it_fits(deep: Any) -> None:
    """A red edge on the left, a blue one on the right. Control: a cut around the middle loses both."""
    picture = Image.new("RGB", (101, 37), "white")
    picture.paste("red", (0, 0, 8, 37))
    picture.paste("blue", (93, 0, 101, 37))
    read = as_read(picture, pixels=32 * 32, step=2, least=16)
    assert read.size == (52, 20)
    assert read.getpixel((0, 10)) == (255, 0, 0)
    assert read.getpixel((51, 10)) == (0, 0, 255)
    found = picture_information(
        deep, picture=read, caption=CAPTION, words=split_words(CAPTION), levels=2, seed=0
    )
    assert all(each.mi.shape == each.cmi.shape == each.attention.shape == (10, 26) for each in found.words)
    drawn = Image.fromarray(NOISE)
    assert np.array_equal(np.asarray(as_read(drawn, pixels=40 * 56, step=8, least=16)), NOISE)


def test_a_picture_is_turned_as_its_file_says() -> None:
    """Control: maps of a photograph that lies on its side."""
    lying = Image.new("RGB", (32, 16))
    exif = lying.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    lying.info["exif"] = exif.tobytes()
    assert as_read(lying, pixels=16 * 32, step=2, least=16).size == (16, 32)


@given(st.integers(1, 4096), st.integers(1, 4096), st.sampled_from([(64 * 64, 4, 8), (512 * 512, 8, 64)]))
def test_every_size_is_read_at_its_proportions_and_about_the_model_s_pixels(
    height: int, width: int, model: tuple[int, int, int]
) -> None:
    """Control: a side rounded down to nothing, or both brought to the model's square."""
    pixels, step, least = model
    read = size_read((height, width), pixels=pixels, step=step, least=least)
    scale = (pixels / (height * width)) ** 0.5
    for side, given_side in zip(read, (height, width), strict=True):
        assert side % step == 0
        assert side == least if given_side * scale < least else abs(side - given_side * scale) <= step / 2


@pytest.mark.parametrize("size", [(33, 32), (32, 14)])
def test_what_does_not_fit_is_refused_with_the_sizes_that_do(deep: Any, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{size[0]} x {size[1]} pixels.*multiples of 2, of at least 16"):
        encode_image(deep, Image.new("RGB", size))


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 x 5 pixels has nothing to read"):
        size_read((5, 0), pixels=64, step=2, least=2)


def test_chosen_heads_of_one_s_own_picture_are_those_heads_at_its_noise_levels(tiny: Any) -> None:
    """All heads alike give the attention map; two halves of them add up to it; other words get none.

    Control: weights left out, which gives the map of all heads.
    """
    heads = heads_in_call_order(tiny.unet)
    half = {MOST_RELEVANT: dict.fromkeys(heads[::2], 1.0), IN_PROPORTION: dict.fromkeys(heads[1::2], 1.0)}
    chosen = {
        1: ChosenHeads(concept="colours", weights={MOST_RELEVANT: dict.fromkeys(heads, 1.0)}),
        2: ChosenHeads(concept="animals", weights=half),
    }
    a, red, cat = picture_information(
        tiny, picture=Image.fromarray(NOISE), caption=CAPTION, words=split_words(CAPTION), levels=4, seed=0,
        heads=chosen,
    ).words  # fmt: skip
    assert a.by_heads == {}
    assert list(red.by_heads) == [MOST_RELEVANT]
    assert red.by_heads[MOST_RELEVANT] == pytest.approx(red.attention, abs=1e-6)
    one, other = cat.by_heads[MOST_RELEVANT], cat.by_heads[IN_PROPORTION]
    share = len(heads[::2]) / len(heads)
    assert share * one + (1 - share) * other == pytest.approx(cat.attention, abs=1e-6)
    assert not np.allclose(one, cat.attention, rtol=1e-2)
