"""The definitions against values worked out by hand or by slower code of another kind."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from generation.attribution import aggregation, trace
from generation.attribution.sums import GridSums, LayerSums


def layer(path: str, sums: torch.Tensor, steps: int = 1) -> LayerSums:
    """Sums of all heads. sums: (heads, height, width) of one image and one token."""
    return LayerSums(path=path, sums=sums[None, None], heads=tuple(range(len(sums))), steps=steps)


def kernel(distance: float) -> float:
    """Keys 1981, cubic convolution with a = -0.75."""
    a, x = -0.75, abs(distance)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


def enlarged_by_hand(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each pixel from its sixteen neighbours, edges repeated."""
    out = np.zeros(size)
    for row in range(size[0]):
        for column in range(size[1]):
            y = (row + 0.5) * image.shape[0] / size[0] - 0.5
            x = (column + 0.5) * image.shape[1] / size[1] - 0.5
            for i in range(int(np.floor(y)) - 1, int(np.floor(y)) + 3):
                for j in range(int(np.floor(x)) - 1, int(np.floor(x)) + 3):
                    value = image[min(max(i, 0), image.shape[0] - 1), min(max(j, 0), image.shape[1] - 1)]
                    out[row, column] += value * kernel(y - i) * kernel(x - j)
    return out


@pytest.mark.parametrize("size", [(8, 8), (6, 10), (9, 15)])
def test_bicubic_is_the_written_out_kernel(size: tuple[int, int]) -> None:
    """Control: a = -0.5, as Pillow has it, or aligned corners."""
    image = np.random.default_rng(0).random((3, 5))
    found = aggregation.bicubic(torch.from_numpy(image), out_hw=size).numpy()
    assert np.abs(found - enlarged_by_hand(image, size)).max() < 1e-12


@pytest.mark.parametrize("size", [(64, 48), (3, 40), (1, 1)])
def test_bicubic_is_what_torch_s_own_enlarging_gives(size: tuple[int, int]) -> None:
    """Smaller ones too. Control: rows and columns exchanged."""
    maps = torch.rand(2, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(maps, size=size, mode="bicubic")
    assert (aggregation.bicubic(maps, out_hw=size) - expected).abs().max() < 1e-6


def test_a_map_at_its_own_size_is_left_as_it_is() -> None:
    image = torch.rand(2, 3, 4, 5)
    copy = aggregation.bicubic(image, out_hw=(4, 5))
    assert torch.equal(copy, image)
    assert copy.data_ptr() != image.data_ptr()


def test_spreading_a_value_by_hand() -> None:
    spread = aggregation.spread(torch.tensor([[4.0, 8.0]]), out_hw=(2, 4))
    assert spread.tolist() == [[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]
    shared = aggregation.spread(torch.tensor([[3.0, 6.0]]), out_hw=(1, 3))
    assert np.allclose(shared.numpy(), [[2.0, 3.0, 4.0]])


def test_spreading_by_a_whole_number_is_the_transposed_convolution_of_the_paper() -> None:
    """Stride f and weight 1/f^2 (Tang et al. 2022)."""
    maps, f = torch.rand(1, 1, 4, 6, dtype=torch.float64), 4
    weight = torch.full((1, 1, f, f), 1 / f**2, dtype=torch.float64)
    expected = functional.conv_transpose2d(maps, weight, stride=f)
    assert torch.allclose(aggregation.spread(maps, out_hw=(16, 24)), expected, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(0, 99),
)
def test_spreading_keeps_the_mass(grid: tuple[int, int], out_hw: tuple[int, int], seed: int) -> None:
    """Whatever the sizes. Control: dividing by a rounded factor."""
    maps = torch.rand(grid, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    assert torch.isclose(aggregation.spread(maps, out_hw=out_hw).sum(), maps.sum(), rtol=1e-12)


def test_the_paper_s_map_is_the_mean_of_all_enlarged_maps() -> None:
    """Layer by layer and head by head, as eq. 6 is written; the code enlarges once per grid."""
    rng = torch.Generator().manual_seed(0)
    fine = [torch.rand(2, 4, 6, generator=rng) for _ in range(2)]
    coarse = [torch.rand(3, 2, 3, generator=rng)]
    grids = [
        GridSums(sums=torch.cat(fine).sum(dim=0)[None, None], terms=4 * 10),
        GridSums(sums=coarse[0].sum(dim=0)[None, None], terms=3 * 10),
    ]
    each = [aggregation.bicubic(head, out_hw=(8, 12)) for sums in [*fine, *coarse] for head in sums]
    expected = torch.stack(each).sum(dim=0) / 70
    assert torch.allclose(aggregation.paper(grids, out_hw=(8, 12))[0, 0], expected, atol=1e-6)


def test_castorini_clamps_each_head_and_leaves_out_what_the_published_code_does() -> None:
    """Control: clamping the mean, or counting the left-out layers in the divisor."""
    spike = torch.zeros(1, 8, 8)
    spike[0, 3, 3] = 1.0
    shape = (16, 16)
    layers = [
        layer("up_blocks.0.a", spike, steps=4),
        layer("mid_block.a", spike * 100, steps=4),
        layer("down_blocks.3.a", torch.full((1, 2, 2), 100.0), steps=4),
        layer("down_blocks.0.a", torch.full((2, 16, 16), 0.5), steps=4),
    ]
    enlarged = aggregation.bicubic(spike[0], out_hw=shape)
    assert float(enlarged.min()) < -0.01
    expected = (enlarged.clamp(min=0) + 0.5 + 0.5) / 3
    found = aggregation.castorini(layers, latent_hw=shape)[0, 0]
    assert torch.allclose(found, expected, atol=1e-7)


def test_at_256_pixels_no_level_is_dropped_but_the_eightfold_one() -> None:
    """The reference measures levels against 64x64 whatever the image. Control: a constant 64."""
    layers = [layer("up_blocks.0.a", torch.ones(1, 8, 8)), layer("up_blocks.1.a", torch.zeros(1, 32, 32))]
    assert torch.allclose(aggregation.castorini(layers, latent_hw=(32, 32)), torch.tensor(0.5))


def test_equal_head_weights_give_the_paper_s_map(tiny: Any, draw: Callable[..., Any]) -> None:
    with trace(tiny, keep="heads") as recording:
        draw(tiny)
    weights = {(each.path, head): 0.25 for each in recording.layer_sums() for head in each.heads}
    plain = recording.word_map("circle")
    assert np.abs(recording.word_map("circle", head_weights=weights) - plain).max() < 1e-7


def test_one_head_alone_is_that_head_s_mean_over_the_steps() -> None:
    sums = torch.stack([torch.full((2, 2), 6.0), torch.full((2, 2), 10.0)])
    layers = [layer("a", sums, steps=4), layer("b", torch.full((3, 2, 2), 99.0), steps=4)]
    found = aggregation.heads(layers, weights={("a", 1): 7.0}, out_hw=(2, 2))
    assert torch.allclose(found, torch.tensor(2.5))


def test_weights_of_heads_that_were_not_traced_are_refused() -> None:
    layers = [layer("a", torch.ones(2, 2, 2))]
    with pytest.raises(ValueError, match="head 2 of a"):
        aggregation.heads(layers, weights={("a", 2): 1.0}, out_hw=(2, 2))
    for weights in ({}, {("a", 0): 0.0}, {("a", 0): -1.0, ("a", 1): 2.0}):
        with pytest.raises(ValueError, match="weights"):
            aggregation.heads(layers, weights=weights, out_hw=(2, 2))


def test_the_most_relevant_heads_count_one_each_and_ties_go_to_the_earlier_layer() -> None:
    scores = {("b", 0): 0.5, ("a", 1): 0.5, ("a", 0): 0.1, ("c", 0): 0.9}
    assert aggregation.top_heads(scores, count=2) == {("c", 0): 1.0, ("b", 0): 1.0}
    with pytest.raises(ValueError, match="between 1 and 4"):
        aggregation.top_heads(scores, count=5)


def test_no_sums_are_an_error_and_not_a_map_of_zeros() -> None:
    for combine in (aggregation.paper, aggregation.v1):
        with pytest.raises(ValueError, match="no attention"):
            combine([], out_hw=(2, 2))
    with pytest.raises(ValueError, match="no attention"):
        aggregation.castorini([layer("mid_block.a", torch.ones(1, 2, 2))], latent_hw=(2, 2))


def test_v1_keeps_the_mass_of_a_run(tiny: Any, draw: Callable[..., Any]) -> None:
    with trace(tiny) as recording:
        draw(tiny, height=48, width=32)
    masses = torch.stack([grid.sums.sum(dim=(-2, -1)) for grid in recording.grid_sums()]).sum(dim=0)
    terms = sum(grid.terms for grid in recording.grid_sums())
    found = recording.token_maps(variant="v1", out_hw=(48, 32)).sum(dim=(-2, -1))
    assert torch.allclose(found, masses / terms, rtol=1e-5)
