"""Alpha of checklists against alpha of the table of all votes, which is checked against `krippendorff`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics.alpha import Level
from evaluation.metrics.alpha_bootstrap import alphas_with_intervals
from evaluation.metrics.checklist import checklist_alpha
from evaluation.metrics.intervals import Interval
from evaluation.metrics.tables import RatingTable

WORDS = 3


def by_counts(said: np.ndarray, n_raters: np.ndarray, **options: int) -> Interval:
    """said: (items, raters, words) of which the first n_raters of each item count."""
    counted = np.arange(said.shape[1])[None, :] < n_raters[:, None]
    votes = (said & counted[:, :, None]).sum(axis=1)
    item, word = np.nonzero(votes)
    return checklist_alpha(
        n_raters, item=item, votes=votes[item, word], n_words=WORDS, rng=np.random.default_rng(1), **options
    )


def by_votes(said: np.ndarray, n_raters: np.ndarray) -> Interval:
    rows = [
        (i, r, w, said[i, r, w])
        for i, r, w in np.ndindex(said.shape)
        if r < n_raters[i]
    ]  # fmt: skip
    table = RatingTable.from_columns(
        items=[f"{i} {w}" for i, _, w, _ in rows],
        raters=[str(r) for _, r, _, _ in rows],
        scores=[float(yes) for _, _, _, yes in rows],
        scale=(0.0, 1.0),
    )
    images = np.array([int(name.split()[0]) for name in table.item_ids], dtype=np.int64)
    found = alphas_with_intervals(
        table, rng=np.random.default_rng(2), levels=(Level.NOMINAL,), clusters=images, n_resamples=4000
    )
    return found[Level.NOMINAL]


@settings(max_examples=40, deadline=None)
@given(
    said=st.lists(
        st.lists(st.lists(st.booleans(), min_size=WORDS, max_size=WORDS), min_size=3, max_size=3),
        min_size=1,
        max_size=6,
    ),
    seed=st.integers(0, 99),
)
def test_checklists_have_the_alpha_of_all_their_votes(said: list[list[list[bool]]], seed: int) -> None:
    """Control: count items with one rater in, or divide by n_i instead of n_i - 1."""
    answers = np.array(said)
    n_raters = np.random.default_rng(seed).integers(1, 4, len(answers))
    ours, theirs = by_counts(answers, n_raters), by_votes(answers, n_raters)
    assert np.isnan(ours.estimate) == np.isnan(theirs.estimate)
    assert ours.estimate == pytest.approx(theirs.estimate, abs=1e-12, nan_ok=True)


def test_the_interval_draws_whole_items() -> None:
    """The words of an image rise and fall together. Control: draw each (item, word) by itself."""
    rng = np.random.default_rng(3)
    clear = rng.choice([0.02, 0.5], size=(60, 1, 1))
    there = rng.random((60, 1, WORDS)) < 0.5
    said = there ^ (rng.random((60, 3, WORDS)) < clear)
    n_raters = np.full(60, 3)
    ours, theirs = by_counts(said, n_raters, n_resamples=4000), by_votes(said, n_raters)
    assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], abs=0.015)


def test_more_votes_than_raters_are_refused() -> None:
    with pytest.raises(ValueError, match="more votes than raters"):
        checklist_alpha(
            np.array([2]), item=np.array([0]), votes=np.array([3]), n_words=WORDS,
            rng=np.random.default_rng(0),
        )  # fmt: skip
