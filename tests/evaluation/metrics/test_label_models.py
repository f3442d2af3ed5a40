import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics.label_models import NO_LABEL, dawid_skene, majority


def simulated(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(truth, item, rater, label): 12 raters, four of them worse than chance at telling 0 from 1."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 300)
    item = np.repeat(np.arange(300), 5)
    rater = np.concatenate([rng.permutation(12)[:5] for _ in range(300)])
    right = np.where(rater < 4, 0.35, 0.85)
    hit = rng.random(item.size) < right
    label = np.where(hit, truth[item], (truth[item] + rng.integers(1, 3, item.size)) % 3)
    return truth, item, rater, label


def test_a_tie_is_flagged_and_gets_no_label() -> None:
    """Control: argmax alone gives the lowest label, by accident."""
    ours = majority(np.array([0, 0, 1, 1, 1]), label=np.array([0, 2, 1, 1, 0]), n_items=3, n_labels=3)
    assert ours.label.tolist() == [NO_LABEL, 1, NO_LABEL]
    assert ours.tied.tolist() == [True, False, False]
    assert ours.share[1] == pytest.approx(2 / 3)


def test_dawid_and_skene_see_through_careless_raters() -> None:
    truth, item, rater, label = simulated()
    sizes = {"n_items": 300, "n_labels": 3}
    model = dawid_skene(item, rater_index=rater, label=label, n_raters=12, **sizes)
    votes = majority(item, label=label, **sizes)
    assert model.converged
    assert (model.label == truth).mean() > (votes.label == truth).mean() + 0.02
    assert np.diagonal(model.confusion, axis1=1, axis2=2).mean(axis=1)[:4].max() < 0.5


def test_the_estimates_are_a_fixed_point_of_the_published_equations() -> None:
    """Dawid and Skene 1979: prior (2.4), confusion (2.3) and beliefs (2.5), each written as loops."""
    _, item, rater, label = simulated(3)
    model = dawid_skene(
        item, rater_index=rater, label=label, n_items=300, n_raters=12, n_labels=3, tolerance=1e-14
    )
    belief = model.probability
    np.testing.assert_allclose(model.prior, belief.mean(axis=0), atol=1e-5)
    for r in range(12):
        rows = rater == r
        for true in range(3):
            weight = belief[item[rows], true]
            expected = [weight[label[rows] == given].sum() / weight.sum() for given in range(3)]
            np.testing.assert_allclose(model.confusion[r, true], expected, atol=1e-5)
    for i in range(0, 300, 37):
        rows = item == i
        joint = model.prior * np.prod(model.confusion[rater[rows], :, label[rows]], axis=0)
        np.testing.assert_allclose(belief[i], joint / joint.sum(), atol=1e-5)


def test_a_run_that_is_cut_short_says_so() -> None:
    _, item, rater, label = simulated()
    model = dawid_skene(
        item, rater_index=rater, label=label, n_items=300, n_raters=12, n_labels=3, max_iterations=2
    )
    assert not model.converged
    assert model.reason == "did not converge in 2 iterations"


votes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2)), max_size=20)


@settings(max_examples=60)
@given(votes=votes)
def test_no_votes_crash_a_label_model(votes: list[tuple[int, int, int]]) -> None:
    item, rater, label = (np.array([v[i] for v in votes], dtype=np.int64) for i in range(3))
    model = dawid_skene(item, rater_index=rater, label=label, n_items=5, n_raters=4, n_labels=3)
    counted = majority(item, label=label, n_items=5, n_labels=3)
    has_votes = np.isin(np.arange(5), item)
    assert (np.isnan(model.probability).all(axis=1) == ~has_votes).all()
    assert (np.isnan(counted.share) == ~has_votes).all()
    assert model.converged or model.reason
    np.testing.assert_allclose(model.probability[has_votes].sum(axis=1), 1.0, atol=1e-9)
