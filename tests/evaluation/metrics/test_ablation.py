import numpy as np
import pytest
from scipy import stats

from evaluation.metrics.ablation import ablation_curve
from evaluation.metrics.intensity import boxes_by_group, intensity, tukey_box
from evaluation.metrics.overlap import binarise
from evaluation.metrics.presence import OverlapGroup
from evaluation.metrics.presence_overlap import (
    JoinedOutcome,
    accuracy_by_overlap,
    overlap_by_correctness,
    overlap_effects,
)
from evaluation.metrics.tests import ExactTest


def test_each_setting_is_compared_with_the_reference_on_the_same_pairs() -> None:
    """Truth: scipy.stats.ttest_rel over the pairs that have a value under every setting."""
    rng = np.random.default_rng(0)
    values = rng.random((40, 1)) + np.array([0.0, 0.05, 0.1]) + 0.05 * rng.standard_normal((40, 3))
    values[3, 1] = np.nan
    points = ablation_curve(values, settings=["all", "late", "early"], reference="all")
    complete = np.delete(values, 3, axis=0)
    for setting, point in enumerate(points):
        assert point.n_pairs == 39
        assert point.mean.estimate == pytest.approx(complete[:, setting].mean())
        if setting:
            expected = stats.ttest_rel(complete[:, setting], complete[:, 0])
            assert point.difference.p_value == pytest.approx(expected.pvalue, abs=1e-12)
    assert points[0].difference.reason
    assert np.isnan(points[0].p_holm)


def test_pairs_of_one_image_widen_the_curve() -> None:
    """Control: clusters ignored give the narrower interval of independent pairs."""
    values = np.repeat(np.random.default_rng(1).random((10, 2)), 5, axis=0)
    images = [f"i{p // 5}" for p in range(50)]
    clustered = ablation_curve(values, settings=["a", "b"], reference="a", clusters=images)[1].mean
    alone = ablation_curve(values, settings=["a", "b"], reference="a")[1].mean
    assert clustered.high - clustered.low > 1.8 * (alone.high - alone.low)


def test_an_ablation_that_can_not_be_drawn_is_refused_or_empty() -> None:
    with pytest.raises(ValueError, match="reference 'c'"):
        ablation_curve(np.zeros((2, 2)), settings=["a", "b"], reference="c")
    empty = ablation_curve(np.zeros((0, 2)), settings=["a", "b"], reference="a")
    assert [point.mean.reason for point in empty] == ["no value", "no value"]


def test_intensity_is_the_share_of_pixels_from_two_fifths_of_the_peak_up() -> None:
    word_map = np.array([[0.0, 3.9], [4.0, 10.0]])
    assert intensity(word_map) == 0.5
    assert intensity(word_map) == binarise(word_map, tau=0.4).mean()
    assert np.isnan(intensity(np.zeros((2, 2))))


def test_the_box_is_tukeys() -> None:
    """Whiskers end at data within 1.5 interquartile ranges (3.25, 7.75 here: fences -3.5 and 14.5)."""
    box = tukey_box(np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 30]))
    assert (box.first_quartile, box.median, box.third_quartile) == (3.25, 5.5, 7.75)
    assert (box.low_whisker, box.high_whisker, box.outliers) == (1.0, 9.0, (30.0,))


def test_boxes_keep_empty_groups_and_count_what_is_undefined() -> None:
    boxes = boxes_by_group(np.array([np.nan, 0.5, 0.7]), groups=["DET", "NOUN", "NOUN"])
    assert (boxes[0].reason, boxes[0].n_undefined) == ("no value", 1)
    assert boxes[1].n == 2


OUTCOMES = [
    JoinedOutcome(image=f"{relation}{i}", relation=relation, correct=i < n_correct, iou=iou)
    for relation, rows in {
        "cohyponym": [(0.2, 40, 29), (0.5, 20, 9), (0.8, 41, 4)],
        "other": [(0.4, 30, 23), (0.6, 25, 9), (float("nan"), 3, 2)],
    }.items()
    for iou, n, n_correct in rows
    for i in range(n)
]


def test_accuracy_is_counted_by_overlap_and_relation() -> None:
    """The cut points belong to low and high: 0.4 is low, 0.6 is high."""
    rows = {(row.relation, row.group): row for row in accuracy_by_overlap(OUTCOMES)}
    assert [rows["cohyponym", g].n_correct for g in OverlapGroup] == [29, 9, 4]
    assert [rows["other", g].n_images for g in OverlapGroup] == [30, 0, 25]
    assert rows["other", OverlapGroup.MID].accuracy.reason == "nothing counted"


@pytest.mark.parametrize("test", ExactTest)
def test_low_overlap_is_tested_against_high(test: ExactTest) -> None:
    effects = overlap_effects(OUTCOMES, test=test)
    tests = {
        ExactTest.FISHER: stats.fisher_exact,
        ExactTest.BARNARD: stats.barnard_exact,
        ExactTest.BOSCHLOO: stats.boschloo_exact,
    }
    expected = tests[test]([[29, 4], [11, 37]]).pvalue
    assert effects[0].test.p_value == pytest.approx(expected, rel=1e-9)
    assert effects[0].p_holm == pytest.approx(2 * expected, rel=1e-9)


def test_overlap_is_averaged_by_correctness() -> None:
    rows = {(row.relation, row.correct): row for row in overlap_by_correctness(OUTCOMES)}
    right = rows["cohyponym", True]
    assert right.miou.estimate == pytest.approx((29 * 0.2 + 9 * 0.5 + 4 * 0.8) / 42)
    assert rows["other", True].n_undefined == 2
