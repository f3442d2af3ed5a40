import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics import item_scores
from evaluation.metrics.counting import distinct, numbered

FINE = st.floats(-100, 100, allow_nan=False)
ratings = st.lists(
    st.lists(st.one_of(st.integers(1, 5).map(float), FINE), min_size=0, max_size=7), min_size=1, max_size=8
)


def flat(items: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    index = np.repeat(np.arange(len(items)), [len(i) for i in items])
    return np.array([s for scores in items for s in scores], dtype=float), index


def expected(items: list[list[float]], middle: str) -> tuple[list[float], list[float]]:
    function = getattr(np, middle)
    value = [float(function(i)) if i else np.nan for i in items]
    left_out = [
        float(function(i[:j] + i[j + 1 :])) if len(i) > 1 else np.nan for i in items for j in range(len(i))
    ]
    return value, left_out


@given(
    numbers=st.lists(st.integers(0, 40), max_size=30)
    | st.lists(st.integers(0, 2**40), min_size=1, max_size=9)
)
def test_numbers_are_told_apart_as_numpy_does_it(numbers: list[int]) -> None:
    """Control: leave out that places count from 0."""
    for found, expected in zip(
        numbered(np.array(numbers, dtype=np.int64)),
        np.unique(np.array(numbers, dtype=np.int64), return_inverse=True),
        strict=True,
    ):
        assert found.tolist() == expected.tolist()


@given(items=ratings)
def test_medians_and_means_equal_numpy_item_by_item(items: list[list[float]]) -> None:
    scores, index = flat(items)
    for name in ("median", "mean"):
        ours = getattr(item_scores, name + "s")(scores, item_index=index, n_items=len(items))
        value, left_out = expected(items, name)
        np.testing.assert_allclose(ours.value, value, atol=1e-9)
        np.testing.assert_allclose(ours.left_out, left_out, atol=1e-9)


@given(items=st.lists(st.lists(st.sampled_from([1.0, 1.5, 3.0, 5.0]), max_size=6), min_size=1, max_size=9))
def test_counting_and_sorting_give_the_same_medians(items: list[list[float]]) -> None:
    scores, index = flat(items)
    shuffled = np.random.default_rng(0).permutation(scores.size)
    scores, index = scores[shuffled], index[shuffled]
    levels = item_scores._levels(scores)
    assert levels is not None
    counted = item_scores._medians_by_counting(scores, levels=levels, item_index=index, n_items=len(items))
    by_sort = item_scores._medians_by_sorting(scores, item_index=index, n_items=len(items))
    np.testing.assert_array_equal(counted.value, by_sort.value)
    np.testing.assert_array_equal(counted.left_out, by_sort.left_out)


@pytest.mark.parametrize(
    ("ratings", "median"), [([1, 2], 1.5), ([5, 1, 3], 3), ([1, 1, 5, 5], 3), ([2, 4, 4, 5], 4)]
)
def test_an_even_number_takes_the_mean_of_the_middle_two(ratings: list[float], median: float) -> None:
    ours = item_scores.medians(np.array(ratings, float), item_index=np.zeros(len(ratings), int), n_items=1)
    assert ours.value.tolist() == [median]


def test_items_with_very_many_ratings_have_a_form_of_their_own() -> None:
    """Two hundred ratings on five levels: too many forms to enumerate."""
    scores = np.random.default_rng(1).integers(1, 6, 400).astype(float)
    index = np.repeat([0, 1], 200)
    ours = item_scores.medians(scores, item_index=index, n_items=2)
    assert ours.value.tolist() == [np.median(scores[:200]), np.median(scores[200:])]
    assert ours.left_out[7] == np.median(np.delete(scores[:200], 7))


@given(st.one_of(st.lists(st.integers(-3, 12_000).map(float), max_size=8), st.lists(FINE, max_size=8)))
def test_distinct_values_are_numpys(values: list[float]) -> None:
    """Outside truth: np.unique. Control: keep numbers that don't occur in `counting.distinct`."""
    found, place = distinct(np.array(values, dtype=float))
    expected, of_each = np.unique(values, return_inverse=True)
    assert (found.tolist(), place.tolist()) == (expected.tolist(), of_each.tolist())


def test_no_place_is_given_to_a_number_that_is_none() -> None:
    """Control: leave the check out of `counting.distinct`."""
    with pytest.raises(ValueError, match="NaN has no place"):
        distinct(np.array([1.0, np.nan]))
