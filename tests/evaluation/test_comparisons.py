"""Groups against each other: pair by pair only where most of what they show is shared."""

import math

import numpy as np
import pytest

from evaluation.comparisons import Comparison
from evaluation.reports import build
from tests.evaluation.test_importing import read


def compared(*, n_shared: int, n_own: int) -> Comparison:
    """Two methods, one a point better throughout, with n_shared things in both and n_own in each alone."""
    rng = np.random.default_rng(7)
    rows = []
    for method, level in (("ours", 3.4), ("theirs", 2.4)):
        names = [f"s{i}" for i in range(n_shared)] + [f"{method}{i}" for i in range(n_own)]
        for name in names:
            for rater in ("ann", "bob", "cleo"):
                rows.append(f"{name},{method},{rater},{int(np.clip(rng.normal(level, 0.8), 1, 5).round())}")
    imported = read("item,method,rater,score\n" + "\n".join(rows) + "\n", groups=("method",))
    (section,) = build(imported.study).sections
    (found,) = section.comparisons
    return found


def test_two_shared_things_do_not_throw_away_four_hundred_others() -> None:
    """Control: pair wherever two things are shared: the p-value rests on two pairs and is near 1."""
    found = compared(n_shared=2, n_own=200)
    assert (found.test.method, found.n_shared, found.n_left_out) == ("welch_t_clustered", 2, 0)
    assert (found.n_first, found.n_second) == (202, 202)
    assert found.test.p_value < 1e-20
    assert math.isnan(found.wilcoxon_p)


@pytest.mark.parametrize(("n_shared", "n_own"), [(2, 200), (30, 20), (0, 40)])
def test_the_means_of_a_row_differ_by_its_effect(n_shared: int, n_own: int) -> None:
    """Control: take the means from all things where the test is paired."""
    found = compared(n_shared=n_shared, n_own=n_own)
    assert found.mean_first - found.mean_second == pytest.approx(found.test.effect.estimate, abs=1e-12)


def test_most_things_shared_are_paired_and_the_others_counted() -> None:
    found = compared(n_shared=30, n_own=20)
    assert (found.test.method, found.n_shared, found.n_left_out, found.test.n) == ("paired_t", 30, 40, 30)
    assert compared(n_shared=30, n_own=30).test.method == "welch_t_clustered"
