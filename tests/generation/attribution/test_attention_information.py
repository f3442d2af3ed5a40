"""Attention at sampled noise levels of a finished image, against a separate float64 recorder."""

from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.oracle import recorded
from generation.attribution.attention_information import trace_levels
from generation.attribution.denoisers import PipelineDenoiser
from generation.attribution.information import Contrast, information
from generation.attribution.words import split_words

CAPTION = "a red circle"


def _latents() -> torch.Tensor:
    return torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(6))


def test_the_map_is_the_mean_attention_over_levels_layers_and_heads(tiny: Any) -> None:
    with recorded(tiny.unet) as store, trace_levels(
        tiny, latents=_latents(), caption=CAPTION, levels=6, seed=0, rows_at_once=4
    ) as recording:  # fmt: skip
        found = recording.word_map("red", out_hw=(16, 16))
    enlarged = []
    for calls in store.values():
        column = torch.cat(calls)[..., 2].mean(dim=(0, 1))  # token 2: start, a, red
        side = int(column.numel() ** 0.5)
        enlarged.append(
            torch.nn.functional.interpolate(column.reshape(1, 1, side, side), size=(16, 16), mode="bicubic")
        )
        assert torch.cat(calls).shape[0] == 6
    heads = [next(iter(calls)).shape[1] for calls in store.values()]
    weighted = [h * m for h, m in zip(heads, enlarged, strict=True)]
    wanted = torch.stack(weighted).sum(dim=0) / sum(heads)
    assert found == pytest.approx(wanted[0, 0].numpy(), abs=5e-6)


def test_rows_at_once_do_not_change_the_map(tiny: Any) -> None:
    maps = []
    for rows in (1, 6):
        with trace_levels(
            tiny, latents=_latents(), caption=CAPTION, levels=6, seed=0, rows_at_once=rows
        ) as recording:
            maps.append(recording.word_map("circle"))
    assert np.abs(maps[0] - maps[1]).max() < 1e-6


def test_only_the_wanted_words_are_traced_and_hooks_are_gone(tiny: Any) -> None:
    words = split_words(CAPTION)[1:2]
    with trace_levels(tiny, latents=_latents(), caption=CAPTION, levels=2, seed=0, words=words) as recording:
        assert recording.word_map("red").shape == (16, 16)
        with pytest.raises(LookupError):
            recording.word_map("circle")
    assert not any(module._forward_hooks for module in tiny.unet.modules())


def test_its_noise_is_that_of_the_information_maps(tiny: Any, monkeypatch: Any) -> None:
    """Same seed, same noisy images: what attention and information say about them compares."""
    seen: list[torch.Tensor] = []
    own = PipelineDenoiser.estimate

    def listening(self: Any, noisy: torch.Tensor, **others: Any) -> torch.Tensor:
        seen.append(noisy)
        return own(self, noisy, **others)

    monkeypatch.setattr(PipelineDenoiser, "estimate", listening)
    with trace_levels(tiny, latents=_latents(), caption=CAPTION, levels=2, seed=9):
        pass
    contrast = Contrast(given=CAPTION, without="")
    information(PipelineDenoiser(tiny), latents=_latents(), contrasts=[contrast], levels=2, seed=9)
    assert torch.equal(seen[0], seen[1][::2])
