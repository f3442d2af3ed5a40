"""Outside truth: pycocotools' mask IoU, scikit-learn's definitions written as sets, and cases done by
hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from evaluation.metrics.overlap import OverlapStatus, binarise, count_pairs

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
pairs = shapes.flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)  # fmt: skip


@given(masks=pairs)
def test_iou_equals_pycocotools_and_the_set_definitions(masks: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = masks
    counts = count_pairs(first, second)
    a, b = ({tuple(p) for p in np.argwhere(m)} for m in masks)
    assert (counts.both[0], counts.first[0], counts.second[0]) == (len(a & b), len(a), len(b))
    if a or b:
        encoded = [coco.encode(np.asfortranarray(m.astype(np.uint8))) for m in masks]
        assert counts.iou()[0] == pytest.approx(coco.iou([encoded[0]], [encoded[1]], [0])[0, 0], abs=1e-12)
        assert counts.dice()[0] == pytest.approx(2 * len(a & b) / (len(a) + len(b)), abs=1e-12)
    else:
        assert math.isnan(counts.iou()[0])
        assert math.isnan(counts.dice()[0])
    assert counts.pixel_accuracy()[0] == pytest.approx(float((first == second).mean()), abs=1e-12)


def test_many_pairs_equal_one_by_one() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.random((5, 13, 11)) < 0.4, rng.random((5, 13, 11)) < 0.6
    together = count_pairs(first, second)
    for i in range(5):
        alone = count_pairs(first[i], second[i])
        assert (together.both[i], together.first[i], together.second[i]) == (
            alone.both[0],
            alone.first[0],
            alone.second[0],
        )


def test_the_head_contains_the_dependent_when_iod_is_larger() -> None:
    head, dependent = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    head[:, :2] = True
    dependent[:2, :2] = True
    counts = count_pairs(head, dependent)
    assert (counts.inter_over_second()[0], counts.inter_over_first()[0]) == (1.0, 0.5)


@pytest.mark.parametrize(
    ("truth", "prediction", "status"),
    [
        (True, True, OverlapStatus.OK),
        (False, True, OverlapStatus.EMPTY_TRUTH),
        (True, False, OverlapStatus.EMPTY_PREDICTION),
        (False, False, OverlapStatus.BOTH_EMPTY),
    ],
)
def test_an_empty_mask_has_a_status(truth: bool, prediction: bool, status: OverlapStatus) -> None:
    """Control: 0/0 taken as 0, or as 1, hides two empty masks in a mean."""
    counts = count_pairs(np.full((3, 3), truth), np.full((3, 3), prediction))
    assert counts.statuses() == (status,)
    assert math.isnan(counts.iou()[0]) == (status == OverlapStatus.BOTH_EMPTY)


def test_unequal_shapes_are_refused_not_resized() -> None:
    with pytest.raises(ValueError, match="one shape"):
        count_pairs(np.ones((4, 4), bool), np.ones((4, 5), bool))


def test_maps_are_refused_where_masks_are_meant() -> None:
    with pytest.raises(ValueError, match="binarise"):
        count_pairs(np.ones((2, 2)), np.ones((2, 2), bool))  # type: ignore[arg-type]


def test_the_threshold_is_a_share_of_the_maps_own_peak() -> None:
    """Control: > instead of >=, or one peak for the whole stack."""
    maps = np.array([[[0.0, 4.0, 10.0]], [[0.0, 0.39, 1.0]]])
    assert binarise(maps, tau=0.4).tolist() == [[[False, True, True]], [[False, False, True]]]


def test_an_all_zero_map_has_no_pixels() -> None:
    assert not binarise(np.zeros((3, 3)), tau=0.4).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_broken_map_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="finite numbers from 0 up"):
        binarise(np.array([[1.0, bad]]), tau=0.4)
