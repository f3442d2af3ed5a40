import math

import numpy as np
import pytest

from evaluation.metrics.overlap import OverlapStatus, binarise, count_pairs
from evaluation.metrics.segmentation import (
    Baseline,
    MissingRule,
    baseline,
    choose_threshold,
    compare,
    iou_by_threshold,
    summarise,
    union_of_instances,
)

LEFT = np.array([[True, False], [True, False]])
ALL = np.ones((2, 2), bool)
EMPTY = np.zeros((2, 2), bool)


def test_instances_are_merged_by_union() -> None:
    assert union_of_instances([LEFT, ~LEFT]).all()
    with pytest.raises(ValueError, match="without instances"):
        union_of_instances([])


def test_a_missing_prediction_counts_as_zero_unless_skipped() -> None:
    """Control: skipping by default (as the published code does) lifts the mean from 1/3 to 1/2."""
    pairs = [compare("a", truth=LEFT, prediction=ALL), compare("b", truth=LEFT, prediction=None)]
    counted = summarise([*pairs, compare("c", truth=LEFT, prediction=ALL)])
    assert counted.miou.estimate == pytest.approx(1 / 3)
    skipped = [
        compare("a", truth=LEFT, prediction=ALL),
        compare("b", truth=LEFT, prediction=None, missing=MissingRule.SKIP),
    ]
    summary = summarise(skipped, missing=MissingRule.SKIP)
    assert (summary.miou.estimate, summary.n_pairs) == (0.5, 1)
    assert summary.counts[OverlapStatus.MISSING] == 1


def test_two_empty_masks_are_counted_and_not_averaged() -> None:
    summary = summarise(
        [compare("a", truth=EMPTY, prediction=EMPTY), compare("b", truth=LEFT, prediction=LEFT)]
    )
    assert (summary.miou.estimate, summary.n_pairs, summary.counts[OverlapStatus.BOTH_EMPTY]) == (1.0, 1, 1)


def test_the_ratios_of_one_pair_by_hand() -> None:
    pair = compare("a", truth=LEFT, prediction=ALL)
    assert (pair.iou, pair.dice, pair.pixel_accuracy) == pytest.approx((0.5, 2 / 3, 0.5))
    assert (pair.inter_over_truth, pair.inter_over_prediction) == (1.0, 0.5)


def test_pairs_of_one_image_are_judged_at_a_threshold_that_other_images_chose() -> None:
    """Each image likes another threshold. Control: folds of single pairs let an image choose its own."""
    sizes = [20, 4, 4, 4, 4, 4]
    ious = np.repeat(np.eye(6), sizes, axis=0)
    images = [f"i{image}" for image, size in enumerate(sizes) for _ in range(size)]
    taus = [0.1 * step for step in range(1, 7)]
    by_image, by_pair = (
        choose_threshold(ious, taus=taus, rng=np.random.default_rng(0), folds=6, images=names)
        for names in (images, None)
    )
    assert by_image.cross_validated == 0.0
    assert by_pair.cross_validated == 0.5
    few = choose_threshold(ious[:22], taus=taus, rng=np.random.default_rng(0), images=images[:22])
    assert few.reason == "2 images are too few for 5 folds"


def test_a_summary_of_nothing_has_a_reason() -> None:
    assert summarise([]).miou.reason == "no value"
    assert math.isnan(summarise([]).mean_dice)


def test_every_threshold_from_one_sort_equals_binarising() -> None:
    rng = np.random.default_rng(8)
    word_map, truth = np.round(rng.random((12, 9)), 1), rng.random((12, 9)) < 0.3
    taus = [0.1, 0.3, 0.4, 0.5, 0.7, 1.0]
    expected = [count_pairs(truth, binarise(word_map, tau=tau)).iou()[0] for tau in taus]
    np.testing.assert_allclose(iou_by_threshold(word_map, truth=truth, taus=taus), expected, atol=1e-12)


def test_an_all_zero_map_misses_a_truth_that_exists() -> None:
    ious = iou_by_threshold(np.zeros((2, 2)), truth=LEFT, taus=[0.4])
    assert ious.tolist() == [0.0]


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="resize the map first"):
        iou_by_threshold(np.ones((4, 4)), truth=LEFT, taus=[0.4])


def test_a_threshold_chosen_on_noise_looks_better_than_it_is() -> None:
    """The reason for the cross-validated value: with IoUs of pure noise it lies at the true mean, 0.5."""
    taus = np.linspace(0.01, 1, 60).tolist()
    rng = np.random.default_rng(5)
    choices = [choose_threshold(rng.random((40, 60)), taus=taus, rng=rng) for _ in range(40)]
    assert np.mean([c.in_sample for c in choices]) > 0.58
    assert np.mean([c.cross_validated for c in choices]) == pytest.approx(0.5, abs=0.02)


def test_too_few_pairs_for_folds_say_so() -> None:
    choice = choose_threshold(np.array([[0.1, 0.9]]), taus=[0.3, 0.4], rng=np.random.default_rng(0))
    assert choice.best_tau == 0.4
    assert math.isnan(choice.cross_validated)
    assert "too few" in choice.reason


def test_baselines_know_nothing_and_are_seeded() -> None:
    assert baseline((4, 6), kind=Baseline.WHOLE_IMAGE, rng=np.random.default_rng(1)).all()
    halves = [baseline((64, 64), kind=Baseline.RANDOM_HALF, rng=np.random.default_rng(1)) for _ in range(2)]
    assert (halves[0] == halves[1]).all()
    assert abs(halves[0].mean() - 0.5) < 0.05
