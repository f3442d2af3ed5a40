"""Hard maps against masks written out by hand."""

from typing import Any

import numpy as np
import pytest

from generation.attribution.hard import hard

# Shares of the peak: 0.2, 0.5, 0.6, 1. Shares of the range: 0, 0.375, 0.5, 1. All exact in binary.
MAP = np.array([[2.0, 5.0], [6.0, 10.0]])


@pytest.mark.parametrize(
    ("norm", "op", "tau", "expected"),
    [
        ("max", ">=", 0.5, [[0, 1], [1, 1]]),
        ("max", ">", 0.5, [[0, 0], [1, 1]]),
        ("minmax", ">=", 0.5, [[0, 0], [1, 1]]),
        ("minmax", ">", 0.5, [[0, 0], [0, 1]]),
        ("max", ">=", 1.0, [[0, 0], [0, 1]]),
        ("max", ">", 1.0, [[0, 0], [0, 0]]),
        ("minmax", ">=", 0.0, [[1, 1], [1, 1]]),
    ],
)
def test_each_rule_gives_its_own_mask_and_is_kept_with_it(
    norm: Any, op: Any, tau: float, expected: list[list[int]]
) -> None:
    """Control: swapping the norms, or > for >=."""
    found = hard(MAP, norm=norm, tau=tau, op=op)
    assert found.mask.astype(int).tolist() == expected
    assert (found.norm, found.tau, found.op) == (norm, tau, op)


@pytest.mark.parametrize("norm", ["max", "minmax"])
@pytest.mark.parametrize("scale", [1e-6, 3.0])
def test_the_scale_of_a_map_does_not_change_its_mask(norm: Any, scale: float) -> None:
    same = hard(MAP * scale, norm=norm, tau=0.45, op=">=").mask
    assert (same == hard(MAP, norm=norm, tau=0.45, op=">=").mask).all()


def test_a_constant_map_has_no_hard_pixels_by_its_range_and_all_by_its_peak() -> None:
    """Control: 0/0 under minmax."""
    flat = np.full((2, 3), 0.25)
    assert not hard(flat, norm="minmax", tau=0.4, op=">=").mask.any()
    assert hard(flat, norm="max", tau=0.4, op=">=").mask.all()


def test_a_map_of_zeros_has_no_hard_pixels() -> None:
    """Control: 0 >= 0.4 * 0 makes every pixel hard."""
    assert not hard(np.zeros((2, 3)), norm="max", tau=0.4, op=">=").mask.any()


@pytest.mark.parametrize("tau", [-0.1, 1.1])
def test_a_threshold_outside_its_range_is_refused(tau: float) -> None:
    with pytest.raises(ValueError, match="tau"):
        hard(MAP, norm="max", tau=tau, op=">=")


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="rule"):
        hard(MAP, norm="mean", tau=0.4, op=">=")  # type: ignore[arg-type]


def test_what_is_no_map_is_refused() -> None:
    for bad in (np.zeros(4), np.array([[np.nan, 1.0]])):
        with pytest.raises(ValueError, match="word map"):
            hard(bad, norm="max", tau=0.4, op=">=")
