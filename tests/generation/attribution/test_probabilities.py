"""Attention of one small module, worked out by hand."""

import math

import pytest
import torch
from diffusers.models.attention_processor import Attention

from generation.attribution.probabilities import additive_mask, split_heads, token_probabilities

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
    ((images, found),) = token_probabilities(QUERY, KEY, scale=1.0, bias=None, columns=columns)
    expected = BY_HAND if columns is None else BY_HAND[..., list(columns)]
    assert images == slice(0, 1)
    assert torch.allclose(found[0], expected, atol=1e-6)


def test_the_scale_multiplies_the_scores() -> None:
    ((_, found),) = token_probabilities(QUERY / 4, KEY, scale=4.0, bias=None, columns=None)
    assert torch.allclose(found[0], BY_HAND, atol=1e-6)


def test_a_masked_key_gets_nothing() -> None:
    bias = torch.tensor([0.0, 0.0, -math.inf]).expand(1, 2, 1, 3)
    ((_, found),) = token_probabilities(QUERY, KEY, scale=1.0, bias=bias, columns=None)
    assert torch.allclose(found[0, 0, 0], torch.tensor([1 / 3, 2 / 3, 0.0]))


def test_many_images_are_taken_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts cover every image once. Control: a slice that forgets the last ones."""
    monkeypatch.setattr("generation.attribution.probabilities._SCORE_BYTES", 4 * 2 * 4 * 3 * 2)
    query, key = QUERY.repeat(5, 1, 1, 1), KEY.repeat(5, 1, 1, 1)
    parts = list(token_probabilities(query, key, scale=1.0, bias=None, columns=None))
    assert [(part.start, part.stop) for part, _ in parts] == [(0, 2), (2, 4), (4, 5)]
    assert torch.allclose(torch.cat([found for _, found in parts]), BY_HAND.expand(5, -1, -1, -1), atol=1e-6)


def test_heads_and_rows_are_split_as_the_module_splits_them() -> None:
    attention = Attention(query_dim=6, cross_attention_dim=6, heads=3, dim_head=2)
    projected = torch.arange(4 * 5 * 6.0).view(4, 5, 6).half()
    found = split_heads(attention, projected, rows=slice(2, 4), heads=(0, 2))
    assert found.dtype == torch.float32
    assert found.shape == (2, 2, 5, 2)
    assert torch.equal(found[1, 1, 4], projected[3, 4, 4:6].float())


def test_a_text_mask_reaches_the_scores_of_its_own_rows() -> None:
    attention = Attention(query_dim=6, cross_attention_dim=6, heads=3, dim_head=2)
    mask = torch.zeros(4, 1, 5)
    mask[3, 0, 4] = -10000.0
    found = additive_mask(attention, mask, rows=slice(2, 4), heads=(0, 2), shape=(4, 5))
    assert found is not None
    assert found.shape == (2, 2, 1, 5)
    assert found[0].abs().max() == 0
    assert (found[1, :, 0, 4] == -10000.0).all()
    assert additive_mask(attention, None, rows=slice(2, 4), heads=(0, 2), shape=(4, 5)) is None
