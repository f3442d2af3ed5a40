"""Attention of one small module, worked out by hand."""

import math
from typing import Any

import pytest
import torch
from diffusers.models.attention_processor import Attention

from generation.attribution.probabilities import additive_mask, picked, split_heads, token_probabilities

# One image, 2 heads, a 2x2 grid of queries with one channel, 3 keys. The scores are chosen as logarithms, so
# that the probabilities are fractions: exp(score) is 1, 2 and 5 for the first head.
QUERY = torch.tensor([[[[1.0], [0.0], [1.0], [2.0]], [[0.0], [0.0], [1.0], [1.0]]]])
KEY = torch.log(torch.tensor([[[[1.0], [2.0], [5.0]], [[1.0], [1.0], [2.0]]]]))
BY_HAND = torch.tensor(
    [
        [[1 / 8, 2 / 8, 5 / 8], [1 / 3, 1 / 3, 1 / 3], [1 / 8, 2 / 8, 5 / 8], [1 / 30, 4 / 30, 25 / 30]],
        [[1 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, 1 / 3], [1 / 4, 1 / 4, 2 / 4], [1 / 4, 1 / 4, 2 / 4]],
    ]
)


@pytest.mark.parametrize("columns", [None, (0, 1, 2), (1, 2), (0, 2), (2,)])
def test_probabilities_are_over_all_keys_whichever_are_kept(columns: tuple[int, ...] | None) -> None:
    """Control: a softmax over the kept keys only."""
    (((images, pixels), found),) = token_probabilities(QUERY, KEY, scale=1.0, bias=None, columns=columns)
    expected = BY_HAND if columns is None else BY_HAND[..., list(columns)]
    assert (images, pixels) == (slice(0, 1), slice(0, 4))
    assert torch.allclose(found[0], expected, atol=1e-6)


def test_the_scale_multiplies_the_scores() -> None:
    ((_, found),) = token_probabilities(QUERY / 4, KEY, scale=4.0, bias=None, columns=None)
    assert torch.allclose(found[0], BY_HAND, atol=1e-6)


def test_a_masked_key_gets_nothing() -> None:
    bias = torch.tensor([0.0, 0.0, -math.inf]).expand(1, 2, 1, 3)
    ((_, found),) = token_probabilities(QUERY, KEY, scale=1.0, bias=bias, columns=None)
    assert torch.allclose(found[0, 0, 0], torch.tensor([1 / 3, 2 / 3, 0.0]))


@pytest.mark.parametrize("columns", [None, (0, 1, 2), (1, 2), (0, 2), (2,)])
def test_a_known_divisor_gives_the_same_probabilities(columns: tuple[int, ...] | None) -> None:
    """Control: a divisor over the kept keys only."""
    lse = (QUERY @ KEY.mT).logsumexp(dim=-1)
    ((_, found),) = token_probabilities(QUERY, KEY, scale=1.0, bias=None, columns=columns, lse=lse)
    expected = BY_HAND if columns is None else BY_HAND[..., list(columns)]
    assert torch.allclose(found[0], expected, atol=1e-6)


def test_a_known_divisor_of_masked_scores_goes_with_the_mask() -> None:
    bias = torch.tensor([-1.0, 0.0, -math.inf]).expand(1, 2, 1, 3)
    lse = (QUERY @ KEY.mT + bias).logsumexp(dim=-1)
    how: dict[str, Any] = {"scale": 1.0, "bias": bias, "columns": (0, 2)}
    ((_, expected),) = token_probabilities(QUERY, KEY, **how)
    ((_, found),) = token_probabilities(QUERY, KEY, **how, lse=lse)
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("with_lse", [False, True])
@pytest.mark.parametrize(("images_held", "pixels_held"), [(2, 4), (1, 4), (1, 3), (1, 1)])
def test_many_images_and_places_are_taken_in_turns(
    monkeypatch: pytest.MonkeyPatch, images_held: int, pixels_held: int, with_lse: bool
) -> None:
    """The parts cover every image and place once. Control: a slice that forgets the last ones."""
    held = 4 * 2 * pixels_held * 3 * images_held
    monkeypatch.setattr("generation.attribution.probabilities._SCORE_BYTES", held)
    query, key = QUERY.repeat(5, 1, 1, 1), KEY.repeat(5, 1, 1, 1)
    bias = torch.arange(4 * 3.0).view(1, 1, 4, 3).expand(5, 2, -1, -1) / 10
    scores = query @ key.mT + bias
    lse = scores.logsumexp(dim=-1) if with_lse else None
    found = torch.full((5, 2, 4, 3), math.nan)
    parts = list(token_probabilities(query, key, scale=1.0, bias=bias, columns=None, lse=lse))
    for (images, pixels), part in parts:
        assert found[images, :, pixels].isnan().all()
        found[images, :, pixels] = part
    assert len(parts) == -(-5 // images_held) * -(-4 // pixels_held)
    assert torch.allclose(found, scores.softmax(dim=-1), atol=1e-6)


def test_heads_are_split_as_the_module_splits_them() -> None:
    attention = Attention(query_dim=6, cross_attention_dim=6, heads=3, dim_head=2)
    projected = torch.arange(4 * 5 * 6.0).view(4, 5, 6)
    found = split_heads(attention, projected)
    assert found.shape == (4, 3, 5, 2)
    assert torch.equal(found[3, 2, 4], projected[3, 4, 4:6])


def test_half_precision_queries_are_multiplied_in_full_precision() -> None:
    query, key = (torch.randn(1, 2, 9, 8, generator=torch.Generator().manual_seed(n)).half() for n in (1, 2))
    ((_, found),) = token_probabilities(query, key, scale=1.0, bias=None, columns=None)
    assert found.dtype == torch.float32
    assert (found.double() - (query.double() @ key.double().mT).softmax(dim=-1)).abs().max() < 1e-6


def test_a_text_mask_reaches_the_scores_of_its_own_rows() -> None:
    attention = Attention(query_dim=6, cross_attention_dim=6, heads=3, dim_head=2)
    mask = torch.zeros(4, 1, 5)
    mask[3, 0, 4] = -10000.0
    found = additive_mask(attention, mask, shape=(4, 5))
    assert found is not None
    assert found.shape == (4, 3, 1, 5)
    assert found[:3].abs().max() == 0
    assert (found[3, :, 0, 4] == -10000.0).all()
    assert additive_mask(attention, None, shape=(4, 5)) is None


def test_the_kept_columns_come_in_their_order_and_side_by_side_ones_as_a_view() -> None:
    """Control: taking any columns as many as their span for neighbours."""
    tensor = torch.arange(10.0).view(2, 5)
    assert picked(tensor, (1, 3, 4), dim=1).tolist() == [[1, 3, 4], [6, 8, 9]]
    side_by_side = picked(tensor, (1, 2, 3), dim=1)
    assert side_by_side.tolist() == [[1, 2, 3], [6, 7, 8]]
    assert side_by_side.data_ptr() == tensor[:, 1:].data_ptr()
    assert picked(tensor, None, dim=1) is tensor
