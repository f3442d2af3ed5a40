import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from evaluation.metrics.system_comparison import Design, ScoredItem, compare_systems


def system(shift: float, *, prefix: str = "i", seed: int = 0, clusters: bool = False) -> list[ScoredItem]:
    """30 items in each of three groups; groups differ in how much the shift counts."""
    quality = np.random.default_rng(9).uniform(2, 4, 90)
    noise = 0.3 * np.random.default_rng(seed).standard_normal(90)
    return [
        ScoredItem(
            item=f"{prefix}{i}",
            group=f"g{i % 3}",
            score=float(quality[i] + noise[i] + shift * (i % 3)),
            cluster=f"image {i // 6}" if clusters else "",
        )
        for i in range(90)
    ]


def scores(rows: list[ScoredItem], group: str) -> list[float]:
    return [row.score for row in rows if row.group == group]


def test_other_items_are_compared_by_welch_and_corrected_by_holm() -> None:
    """Truth: scipy.stats.ttest_ind and statsmodels' multipletests."""
    first, second = system(0.3), system(0.0, prefix="other", seed=1)
    rows = compare_systems(first, second)
    expected = [
        stats.ttest_ind(scores(first, g), scores(second, g), equal_var=False).pvalue
        for g in ("g0", "g1", "g2")
    ]
    assert [row.test.method for row in rows] == ["welch_t"] * 3
    np.testing.assert_allclose([row.test.p_value for row in rows], expected, atol=1e-12)
    np.testing.assert_allclose([row.p_holm for row in rows], multipletests(expected, method="holm")[1])


def test_shared_items_are_compared_in_pairs() -> None:
    first, second = system(0.1), system(0.0, seed=1)
    rows = compare_systems(first, second)
    expected = [stats.ttest_rel(scores(first, g), scores(second, g)).pvalue for g in ("g0", "g1", "g2")]
    assert [row.test.method for row in rows] == ["paired_t"] * 3
    np.testing.assert_allclose([row.test.p_value for row in rows], expected, atol=1e-12)


def test_pairs_are_the_design_with_the_shorter_interval() -> None:
    """The reason to rate the same items. Control: an effect whose interval ignores the pairing."""
    first, second = system(0.1), system(0.0, seed=1)
    paired = compare_systems(first, second, design=Design.PAIRED)[2].test.effect
    unpaired = compare_systems(first, second, design=Design.UNPAIRED)[2].test.effect
    assert (paired.high - paired.low) < 0.6 * (unpaired.high - unpaired.low)


def test_items_of_one_system_alone_are_counted_not_hidden() -> None:
    second = [row for row in system(0.0, seed=1) if row.item != "i0"]
    most = compare_systems(system(0.1), second)[0]
    assert (most.test.method, most.n_shared, most.n_unpaired, most.test.n) == ("paired_t", 29, 1, 29)
    assert most.mean_first - most.mean_second == pytest.approx(most.test.effect.estimate)
    few = compare_systems(system(0.1), [row for row in second if int(row.item[1:]) < 30])[0]
    assert (few.test.method, few.n_shared, few.n_unpaired) == ("welch_t_clustered", 9, 0)


def test_pairs_of_one_image_are_clustered() -> None:
    rows = compare_systems(system(0.1, clusters=True), system(0.0, seed=1))
    assert rows[0].test.method == "paired_t_clustered"
    assert rows[0].test.degrees == 14


def test_an_item_in_two_groups_or_twice_is_refused() -> None:
    row = ScoredItem(item="a", score=1.0, group="x")
    with pytest.raises(ValueError, match="twice"):
        compare_systems([row, row], [])
    with pytest.raises(ValueError, match="two groups"):
        compare_systems([row], [ScoredItem(item="a", score=1.0, group="y")])


def test_a_group_of_one_system_has_a_reason() -> None:
    row = compare_systems([ScoredItem(item="a", score=1.0)], [])[0]
    assert row.test.reason == "a group has fewer than two values"
    assert np.isnan(row.p_holm)
    assert np.isnan(row.mean_second)
