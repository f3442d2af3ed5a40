"""One map per token from the sums of all layers: the published definitions, side by side.

Every function takes sums (see sums.py) and returns (images, tokens, height, width), float32, on the sums'
device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from generation.attribution.sums import Grid, GridSums, LayerSums


def paper(grids: Sequence[GridSums], *, out_hw: Grid) -> Tensor:
    """Mean attention over steps, layers and heads, each layer enlarged bicubically to out_hw.

    The paper's sum divided by the number of summands, so that maps of different step counts compare.
    Enlarging is linear, so it is done once per grid. Bicubic enlarging undershoots: values can be slightly
    negative. Source: Tang et al. 2023 ("What the DAAM", ACL), eq. 6.
    """
    _refuse_empty(grids)
    enlarged = torch.stack([bicubic(grid.sums, out_hw=out_hw) for grid in grids])
    return enlarged.sum(dim=0) / sum(grid.terms for grid in grids)


def v1(grids: Sequence[GridSums], *, out_hw: Grid) -> Tensor:
    """As paper, but each layer is spread evenly over the pixels it covers, so that its mass is kept.

    For a whole-number factor f this is the transposed convolution with stride f and weight 1 / f^2.
    Source: Tang et al. 2022 (arXiv 2210.04885 v1), the definition before eq. 6.
    """
    _refuse_empty(grids)
    enlarged = torch.stack([spread(grid.sums, out_hw=out_hw) for grid in grids])
    return enlarged.sum(dim=0) / sum(grid.terms for grid in grids)


def castorini(layers: Sequence[LayerSums], *, latent_hw: Grid) -> Tensor:
    """What the published code computes: the mean over layers and heads of the enlarged, clamped sums over
    steps.

    The middle block and the grids eight times coarser than the latent are left out; not divided by the steps.
    Source: castorini/daam 0.2.0, compute_global_heat_map.
    """
    kept = [layer for layer in layers if not _left_out_by_castorini(layer, latent_hw)]
    _refuse_empty(kept)
    total = torch.zeros((*kept[0].sums.shape[:2], *latent_hw), device=kept[0].sums.device)
    for layer in kept:
        # Heads before tokens, as they lie in memory.
        total += bicubic(layer.sums.transpose(1, 2), out_hw=latent_hw).relu_().sum(dim=1)
    return total / sum(len(layer.heads) for layer in kept)


def heads(layers: Sequence[LayerSums], *, weights: Mapping[tuple[str, int], float], out_hw: Grid) -> Tensor:
    """As paper, but each head counts by its weight; heads without one don't count.

    weights: (module path, head) -> weight >= 0, such as 1 for each of the heads most relevant to a concept.
    Divided by steps times the sum of the weights. Raises ValueError for heads that were not traced.
    """
    traced = {(layer.path, head) for layer in layers for head in layer.heads}
    if missing := sorted(set(weights) - traced):
        raise ValueError(f"no sums for head {missing[0][1]} of {missing[0][0]}")
    for (path, head), weight in weights.items():
        if not 0 <= weight < math.inf:
            raise ValueError(f"head weights: {weight} for head {head} of {path}; give finite numbers >= 0")
    if sum(weights.values()) <= 0:
        raise ValueError("head weights must be >= 0 and not all 0")
    by_grid: dict[Grid, Tensor] = {}
    divisor = 0.0
    for layer in layers:
        chosen = torch.tensor([weights.get((layer.path, head), 0.0) for head in layer.heads])
        divisor += layer.steps * float(chosen.sum())
        weighted = torch.einsum("nthyx,h->ntyx", layer.sums, chosen.to(layer.sums))
        by_grid[layer.grid] = by_grid[layer.grid] + weighted if layer.grid in by_grid else weighted
    enlarged = [bicubic(sums, out_hw=out_hw) for sums in by_grid.values()]
    return torch.stack(enlarged).sum(dim=0) / divisor


def top_heads(scores: Mapping[tuple[str, int], float], *, count: int) -> dict[tuple[str, int], float]:
    """Weight 1 for each of the highest-scoring heads, none for the others; for heads().

    scores: (module path, head) -> relevance to a concept.  Ties go to the head that stands first in scores.
    Source: "Selective Aggregation of Attention Maps", top 30 of Stable Diffusion 1.4's 128 heads.
    """
    if not 1 <= count <= len(scores):
        raise ValueError(f"count must lie between 1 and {len(scores)}, not {count}")
    ranked = sorted(scores, key=lambda head: -scores[head])
    return dict.fromkeys(ranked[:count], 1.0)


def bicubic(maps: Tensor, *, out_hw: Grid) -> Tensor:
    """Maps of any leading shape enlarged to (height, width) with the bicubic kernel a = -0.75.

    As torch.nn.functional.interpolate does it, but for rounding: the kernel is the same along rows and
    columns, so two products with its matrix do, in a tenth of the time.
    """
    height, width = maps.shape[-2:]
    if (height, width) == out_hw:
        return maps.clone()
    rows = _bicubic_matrix(height, out_hw[0], maps.device, maps.dtype)
    columns = _bicubic_matrix(width, out_hw[1], maps.device, maps.dtype)
    wide = maps.reshape(-1, width) @ columns.mT
    enlarged = torch.matmul(rows, wide.view(-1, height, out_hw[1]))
    return enlarged.view(*maps.shape[:-2], *out_hw)


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def _bicubic_matrix(cells: int, pixels: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(pixels, cells): what each pixel takes of each cell, edges repeated."""
    each = torch.eye(cells, dtype=torch.float64)[None, :, :, None].expand(-1, -1, -1, 2)
    enlarged = functional.interpolate(each, size=(pixels, 2), mode="bicubic")
    return enlarged[0, :, :, 0].mT.contiguous().to(device=device, dtype=dtype)


def spread(maps: Tensor, *, out_hw: Grid) -> Tensor:
    """Maps of any leading shape with each value shared out evenly over the area it covers at out_hw.

    The sum over all pixels stays. Sizes need not divide: a pixel that two values cover takes its share of
    both.
    """
    rows = _shares(maps.shape[-2], out_hw[0]).to(maps)
    columns = _shares(maps.shape[-1], out_hw[1]).to(maps)
    return rows @ maps @ columns.transpose(0, 1)


def _shares(cells: int, pixels: int) -> Tensor:
    """(pixels, cells): the share of each cell that falls on each pixel; every column adds up to 1."""
    pixel_edges = torch.arange(pixels + 1, dtype=torch.float64) / pixels
    cell_edges = torch.arange(cells + 1, dtype=torch.float64) / cells
    upper = torch.minimum(pixel_edges[1:, None], cell_edges[None, 1:])
    lower = torch.maximum(pixel_edges[:-1, None], cell_edges[None, :-1])
    return (upper - lower).clamp(min=0) * cells


def _left_out_by_castorini(layer: LayerSums, latent_hw: Grid) -> bool:
    pixels, latent_pixels = layer.grid[0] * layer.grid[1], latent_hw[0] * latent_hw[1]
    return layer.path.startswith("mid_block") or int((latent_pixels // pixels) ** 0.5) == 8


def _refuse_empty(sums: Sequence[GridSums] | Sequence[LayerSums]) -> None:
    if not sums:
        raise ValueError("no attention was traced; run the pipeline inside the trace, and check its scope")
