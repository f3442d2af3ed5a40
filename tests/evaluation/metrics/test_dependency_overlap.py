import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

from evaluation.metrics.clustered import t_clustered
from evaluation.metrics.dependency_overlap import ALL_PAIRS, RelationOverlap, overlap_by_relation
from evaluation.metrics.overlap import OverlapStatus, PairCounts, count_pairs


def pairs(*, seed: int = 0, n: int = 240) -> tuple[PairCounts, list[str], list[str]]:
    """Two relations and a baseline, four pairs an image; in "nsubj" the head's disc is larger and covers."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:24, :24]
    heads, dependents, relations, images = [], [], [], []
    for pair in range(n):
        relation = ("nsubj", "compound", "unrelated")[pair % 3]
        y, x = rng.integers(6, 18, 2)
        shift = rng.integers(-3, 4, 2)
        wide = rng.integers(5, 9) if relation == "nsubj" else rng.integers(3, 7)
        narrow = rng.integers(3, 7)
        heads.append((rows - y) ** 2 + (columns - x) ** 2 < wide**2)
        dependents.append((rows - y - shift[0]) ** 2 + (columns - x - shift[1]) ** 2 < narrow**2)
        relations.append(relation)
        images.append(f"image {pair // 12}")
    return count_pairs(np.stack(heads), np.stack(dependents)), relations, images


def by_name(rows: tuple[RelationOverlap, ...]) -> dict[str, RelationOverlap]:
    return {row.relation: row for row in rows}


def test_the_table_is_what_means_and_tests_by_other_hands_give() -> None:
    """Truth: numpy means; statsmodels' OLS with clustered errors; its Holm; scipy's Wilcoxon."""
    counts, relations, images = pairs()
    rows = by_name(overlap_by_relation(counts, relations=relations, images=images))
    p_values = []
    for relation in ("nsubj", "compound"):
        own = np.array([r == relation for r in relations])
        iod, ioh = counts.inter_over_second()[own], counts.inter_over_first()[own]
        row = rows[relation]
        assert row.miou.estimate == pytest.approx(counts.iou()[own].mean(), abs=1e-12)
        assert row.miod.estimate == pytest.approx(iod.mean(), abs=1e-12)
        assert row.mioh.estimate == pytest.approx(ioh.mean(), abs=1e-12)
        image = np.unique(np.array(images)[own], return_inverse=True)[1]
        model = sm.OLS(iod - ioh, np.ones(own.sum())).fit()
        robust = model.get_robustcov_results("cluster", groups=image, use_t=True)
        n, groups = own.sum(), image.max() + 1
        # statsmodels scales by G/(G-1) (n-1)/(n-k); the factor of n and k is 1 for a mean alone.
        assert row.difference.effect.standard_error == pytest.approx(float(robust.bse[0]), abs=1e-12)
        assert (row.n_pairs, row.n_images) == (n, groups)
        assert row.wilcoxon.p_value == pytest.approx(
            stats.wilcoxon(iod - ioh, zero_method="pratt").pvalue, abs=1e-12
        )
        p_values.append(row.difference.p_value)
    expected = multipletests(p_values, method="holm")[1]
    assert [rows["nsubj"].p_holm, rows["compound"].p_holm] == pytest.approx(list(expected))


def test_containment_is_said_in_words() -> None:
    """Control: head and dependent swapped turns the sentence around."""
    counts, relations, images = pairs()
    row = by_name(overlap_by_relation(counts, relations=relations, images=images))["nsubj"]
    assert row.verdict == "the head's map contains the dependent's"
    swapped = PairCounts(both=counts.both, first=counts.second, second=counts.first, pixels=counts.pixels)
    row = by_name(overlap_by_relation(swapped, relations=relations, images=images))["nsubj"]
    assert row.verdict == "the dependent's map contains the head's"


def test_baselines_stand_outside_the_family_of_tests() -> None:
    counts, relations, images = pairs()
    rows = by_name(overlap_by_relation(counts, relations=relations, images=images))
    assert rows["unrelated"].is_baseline
    assert np.isnan(rows["unrelated"].p_holm)
    assert rows[ALL_PAIRS].n_pairs == rows["nsubj"].n_pairs + rows["compound"].n_pairs


def test_pairs_with_an_empty_map_are_counted_and_kept_out_of_the_difference() -> None:
    """Control: an empty map scored 0 on the one side and left out on the other fakes a difference."""
    counts = PairCounts(
        both=np.array([0, 0, 2, 3]), first=np.array([4, 0, 4, 4]), second=np.array([0, 0, 3, 4]), pixels=9
    )
    row = overlap_by_relation(counts, relations=["r"] * 4, images=list("abcd"))[0]
    assert row.counts[OverlapStatus.EMPTY_PREDICTION] == 1
    assert row.counts[OverlapStatus.BOTH_EMPTY] == 1
    assert row.difference.n == 2
    assert row.miou.estimate == pytest.approx(np.mean([0, 2 / 5, 3 / 5]))


def test_no_pairs_give_no_rows_and_uneven_input_is_refused() -> None:
    nothing = PairCounts(both=np.zeros(0, int), first=np.zeros(0, int), second=np.zeros(0, int), pixels=9)
    assert overlap_by_relation(nothing, relations=[], images=[]) == ()
    with pytest.raises(ValueError, match="1 relations"):
        overlap_by_relation(nothing, relations=["a"], images=[])


def test_the_clustered_t_of_single_clusters_is_students() -> None:
    values = np.random.default_rng(0).random(20)
    ours = t_clustered(values, clusters=[str(i) for i in range(20)])
    expected = stats.t.interval(0.95, 19, loc=values.mean(), scale=stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx(expected, abs=1e-12)
    assert t_clustered(np.zeros(0)).reason == "no value"
    assert t_clustered(np.array([1.0, 2.0]), clusters=["a", "a"]).reason.startswith("one cluster")
