import math

import numpy as np
import pytest
from scipy import stats

from evaluation.metrics import item_scores
from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.two_way import TwoWayParts, ratings_two_way, two_way, two_way_parts


def study(n_items: int = 40, n_raters: int = 9, k: int = 3, seed: int = 3) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    item = np.repeat(np.arange(n_items), k)
    rater = np.concatenate([rng.permutation(n_raters)[:k] for _ in range(n_items)])
    latent = 3 + rng.normal(size=n_items)[item] + 0.7 * rng.normal(size=n_raters)[rater]
    return np.clip(np.rint(latent + 0.7 * rng.normal(size=item.size)), 1, 5), item, rater


def test_the_parts_equal_the_formula_written_as_loops() -> None:
    """The double sum of the module's docstring, for the median, by brute force."""
    scores, item, rater = study()
    n_items, raters = 40, set(rater.tolist())
    median = [float(np.median(scores[item == i])) for i in range(n_items)]
    total = 0.0
    for r in raters:
        influence = [
            median[i] - float(np.median(scores[(item == i) & (rater != r)])) for i in item[rater == r]
        ]
        total += sum(a * b for x, a in enumerate(influence) for y, b in enumerate(influence) if x != y)
    expected = max(0.0, total / n_items**2 * n_items / (n_items - 1) * (len(raters) - 1) / len(raters))
    ours = item_scores.medians(scores, item_index=item, n_items=n_items)
    parts = two_way_parts(ours.value, item_index=item, rater_index=rater, left_out=ours.left_out)[0]
    assert expected > 0
    assert parts.rater_variance == pytest.approx(expected, abs=1e-12)
    assert parts.item_variance == pytest.approx(np.var(median, ddof=1) / n_items, abs=1e-12)
    interval = two_way(parts)
    half = stats.t.ppf(0.975, len(raters) - 1) * math.sqrt(parts.item_variance + parts.rater_variance)
    assert interval.high - interval.estimate == pytest.approx(half, abs=1e-10)


def test_fully_crossed_means_give_the_textbook_variance() -> None:
    """All raters rate all items: Var = MS_items/(Nk) + MS_raters/(Nk) - MS_error/(Nk), two-way ANOVA."""
    rng = np.random.default_rng(5)
    n, k = 12, 6
    y = rng.normal(size=(n, 1)) + 2 * rng.normal(size=(1, k)) + rng.normal(size=(n, k))
    rows, columns = y.mean(axis=1), y.mean(axis=0)
    error = y - rows[:, None] - columns[None, :] + y.mean()
    ms_items = k * rows.var(ddof=1)
    ms_raters = n * columns.var(ddof=1)
    ms_error = float((error**2).sum()) / ((n - 1) * (k - 1))
    item, rater = np.repeat(np.arange(n), k), np.tile(np.arange(k), n)
    ours = item_scores.means(y.ravel(), item_index=item, n_items=n)
    parts = two_way_parts(ours.value, item_index=item, rater_index=rater, left_out=ours.left_out)[0]
    expected = (ms_items + ms_raters - ms_error) / (n * k)
    assert parts.item_variance + parts.rater_variance == pytest.approx(expected, abs=1e-12)


def test_groups_at_once_equal_groups_one_by_one() -> None:
    scores, item, rater = study(n_items=60)
    group = np.arange(60) % 3
    ours = item_scores.medians(scores, item_index=item, n_items=60)
    together = two_way_parts(
        ours.value, item_index=item, rater_index=rater, left_out=ours.left_out, group_index=group, n_groups=3
    )
    for g in range(3):
        rows = group[item] == g
        local = np.searchsorted(np.flatnonzero(group == g), item[rows])
        alone = two_way_parts(
            ours.value[group == g], item_index=local, rater_index=rater[rows], left_out=ours.left_out[rows]
        )[0]
        assert together[g].item_variance == pytest.approx(alone.item_variance, abs=1e-12)
        assert together[g].rater_variance == pytest.approx(alone.rater_variance, abs=1e-12)
        assert (together[g].n_items, together[g].n_raters) == (alone.n_items, alone.n_raters)


def parts_of(scores: list[float], item: list[int], rater: list[int]) -> TwoWayParts:
    values, index = np.array(scores, float), np.array(item, dtype=np.int64)
    ours = item_scores.medians(values, item_index=index, n_items=max(item, default=-1) + 1)
    raters = np.array(rater, dtype=np.int64)
    return two_way_parts(ours.value, item_index=index, rater_index=raters, left_out=ours.left_out)[0]


@pytest.mark.parametrize(
    ("scores", "item", "rater", "reason"),
    [
        ([], [], [], "no item"),
        ([1, 2], [0, 0], [0, 1], "one item"),
        ([1, 2], [0, 1], [0, 0], "one rater"),
        ([3, 3, 3, 3], [0, 0, 1, 1], [0, 1, 0, 1], "equal"),
    ],
)
def test_undefined_says_why(scores: list[float], item: list[int], rater: list[int], reason: str) -> None:
    """Control: without the reasons, three equal items draw an interval of width zero."""
    interval = two_way(parts_of(scores, item, rater))
    assert reason in interval.reason
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_items_with_one_rating_still_bind_their_rater() -> None:
    """Two raters, each alone on half of the items, far apart: the rater part must say so.

    Control: dropping single ratings from the rater sums (influence 0) makes it 0.
    """
    parts = parts_of([1, 1, 2, 1, 5, 4, 5, 5], list(range(8)), [0, 0, 0, 0, 1, 1, 1, 1])
    assert parts.rater_variance > 2 * parts.item_variance


def test_the_mean_of_ratings_equals_the_published_estimator() -> None:
    """Cameron, Gelbach and Miller 2011, eq. 2.11, as three one-way sandwich terms with their factors."""
    scores, item, rater = study()
    residual = scores - scores.mean()

    def one_way(index: np.ndarray) -> float:
        n = len(set(index.tolist()))
        return float(n / (n - 1) * sum(residual[index == c].sum() ** 2 for c in set(index.tolist())))

    variance = (one_way(item) + one_way(rater) - one_way(np.arange(scores.size))) / scores.size**2
    ours = ratings_two_way(scores, item_index=item, rater_index=rater)
    assert ours.standard_error == pytest.approx(math.sqrt(variance), abs=1e-12)
    assert ours.degrees == 8


def test_satterthwaite_lies_between_both_degrees() -> None:
    scores, item, rater = study()
    ours = item_scores.medians(scores, item_index=item, n_items=40)
    parts = two_way_parts(ours.value, item_index=item, rater_index=rater, left_out=ours.left_out)[0]
    assert 8 < two_way(parts, method=IntervalMethod.TWO_WAY_SATTERTHWAITE).degrees < 47
    with pytest.raises(ValueError, match="not a two-way method"):
        two_way(parts, method=IntervalMethod.WILSON)
