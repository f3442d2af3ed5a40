"""Outside truth: published examples, the package `krippendorff`, and the definitions written as loops."""

import math
from itertools import permutations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.agreement import opinion_agreement
from evaluation.metrics.alpha import Level, krippendorff_alpha
from evaluation.metrics.alpha_bootstrap import alpha_with_interval, alphas_with_intervals
from evaluation.metrics.icc import IccForm, intraclass_correlation
from evaluation.metrics.intervals import Interval
from evaluation.metrics.kappas import Weights, cohen_kappa, fleiss_kappa, gwet_ac
from evaluation.metrics.tables import AnswerRow, RatingTable

NOTHING = math.nan
# Krippendorff's example of four observers and twelve units; also Gwet's (Handbook, table 5.1 of raw ratings).
FOUR_OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NOTHING, NOTHING, NOTHING],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NOTHING, 3],
        [NOTHING, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NOTHING],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NOTHING],
    ]
).T
# Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)
# Fleiss 1971, the worked example: ten subjects, fourteen raters, counts of five categories.
FLEISS = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
)  # fmt: skip


def table_of(scores: np.ndarray) -> RatingTable:
    """(items, raters), NaN = not asked."""
    return RatingTable.from_rows(
        (
            AnswerRow(item=f"i{i}", rater=f"r{r}", score=float(scores[i, r]))
            for i, r in np.ndindex(scores.shape)
            if not math.isnan(scores[i, r])
        ),
        scale=(-1e9, 1e9),
    )


def assert_not_silent(interval: Interval) -> None:
    """Bounds are numbers, in order, or NaN with a reason; the estimate is never infinite."""
    assert not math.isinf(interval.estimate)
    if interval.reason:
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)
    else:
        assert interval.low < interval.high


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_equals_krippendorffs_example(level: Level, published: float) -> None:
    assert round(krippendorff_alpha(table_of(FOUR_OBSERVERS), level=Level(level)).estimate, 3) == published


scores_of_items = st.lists(
    st.lists(st.one_of(st.integers(0, 5).map(float), st.just(NOTHING)), min_size=4, max_size=4),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60)
@given(scores=scores_of_items, level=st.sampled_from(Level))
def test_alpha_equals_the_package_on_any_table(scores: list[list[float]], level: Level) -> None:
    """And where the package has no number, ours has a reason."""
    matrix = np.array(scores)
    ours = krippendorff_alpha(table_of(matrix), level=level)
    pairable = [row[~np.isnan(row)] for row in matrix if (~np.isnan(row)).sum() > 1]
    if len(set(np.concatenate([*pairable, np.zeros(0)]).tolist())) < 2:
        assert math.isnan(ours.estimate)
        assert ours.reason
    else:
        theirs = krippendorff.alpha(matrix.T, level_of_measurement=level.value)
        assert ours.estimate == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=40)
@given(scores=st.lists(st.lists(st.floats(-50, 50), min_size=3, max_size=3), min_size=2, max_size=6))
def test_interval_alpha_equals_the_definition_on_any_scores(scores: list[list[float]]) -> None:
    matrix = np.array(scores)
    flat = matrix.ravel()
    expected = sum((a - b) ** 2 for a, b in permutations(flat, 2)) / (flat.size - 1)
    if np.unique(flat).size < 2 or expected < 1e-6:
        return
    observed = sum((a - b) ** 2 for row in matrix for a, b in permutations(row, 2)) / 2
    ours = krippendorff_alpha(table_of(matrix), level=Level.INTERVAL)
    assert ours.estimate == pytest.approx(1 - observed / expected, abs=1e-9)


def test_the_alpha_bootstrap_equals_resampling_items_one_by_one() -> None:
    """Patterns drawn by a multinomial and items drawn with replacement have the same distribution."""
    rng = np.random.default_rng(2)
    scores = np.clip(np.rint(3 + rng.normal(size=(60, 1)) + 0.8 * rng.normal(size=(60, 3))), 1, 5)
    ours = alpha_with_interval(table_of(scores), rng=np.random.default_rng(3), n_resamples=3000)
    slow = [
        krippendorff.alpha(scores[rng.integers(0, 60, 60)].T, level_of_measurement="ordinal")
        for _ in range(500)
    ]
    assert ours.estimate == krippendorff_alpha(table_of(scores)).estimate
    np.testing.assert_allclose([ours.low, ours.high], np.quantile(slow, [0.025, 0.975]), atol=0.03)


def test_items_that_show_one_thing_are_resampled_together() -> None:
    """Against drawing things with replacement and the package's alpha of all their items.

    Control: leave `clusters` out of `_draws`: the interval is then half as wide.
    """
    rng = np.random.default_rng(4)
    quality = np.repeat(rng.normal(size=(15, 1)), 8, axis=0)
    noise = np.repeat(rng.choice([0.2, 2.0], size=(15, 1)), 8, axis=0)
    scores = np.clip(np.rint(3 + quality + noise * rng.normal(size=(120, 3))), 1, 5)
    things = np.repeat(np.arange(15), 8)
    ours = alphas_with_intervals(table_of(scores), rng=np.random.default_rng(5), clusters=things)
    slow = [
        krippendorff.alpha(
            np.concatenate([scores[things == thing] for thing in rng.integers(0, 15, 15)]).T,
            level_of_measurement="interval",
        )
        for _ in range(800)
    ]
    found = ours[Level.INTERVAL]
    np.testing.assert_allclose([found.low, found.high], np.quantile(slow, [0.025, 0.975]), atol=0.04)


def test_a_one_way_icc_takes_other_raters_for_every_item() -> None:
    """Shrout and Fleiss' scores with each item's judges renamed: ICC(1) is the same, two-way has none.

    Control: let one-way forms take columns of raters again.
    """
    rows = [
        AnswerRow(item=f"i{i}", rater=f"r{i}-{r}", score=float(SHROUT_FLEISS[i, r]))
        for i, r in np.ndindex(SHROUT_FLEISS.shape)
    ]
    rows.append(AnswerRow(item="i0", rater="one more", opt_out="image_too_poor"))
    crowd = RatingTable.from_rows([*rows, AnswerRow(item="other", rater="r0-0", score=3.0)], scale=(0, 10))
    estimate, low, high = ICC[IccForm.ONE_WAY]
    ours = intraclass_correlation(crowd, form=IccForm.ONE_WAY)
    assert ours.estimate == pytest.approx(estimate, abs=5e-7)
    assert (round(ours.low, 2), round(ours.high, 2)) == (low, high)
    assert "were scored by all 24 raters" in intraclass_correlation(crowd).reason


def test_fleiss_kappa_equals_his_example() -> None:
    rows = [np.repeat(np.arange(1, 6), counts) for counts in FLEISS]
    assert fleiss_kappa(table_of(np.array(rows, float))).estimate == pytest.approx(
        0.20993070442195522, abs=1e-12
    )


def test_fleiss_kappa_of_unequal_numbers_of_ratings_is_undefined() -> None:
    ours = fleiss_kappa(table_of(FOUR_OBSERVERS))
    assert math.isnan(ours.estimate)
    assert "Krippendorff" in ours.reason


def test_gwet_ac1_equals_his_example() -> None:
    ours = gwet_ac(table_of(FOUR_OBSERVERS))
    assert ours.estimate == pytest.approx(0.77544, abs=5e-6)
    assert ours.standard_error == pytest.approx(0.14295, abs=5e-6)
    assert ours.degrees == 11


# Recorded from statsmodels 0.15.0, cohens_kappa(to_table(...), wt=None, "linear", "quadratic"): kappa,
# std_kappa.
COHEN_ROWS = [(1, 1), (2, 1), (2, 2), (3, 3), (4, 3), (4, 4), (5, 5), (5, 4), (3, 2), (1, 2), (3, 3), (5, 5)]
COHEN = {
    Weights.IDENTITY: (0.47826086956521746, 0.1754139231021308),
    Weights.LINEAR: (0.7321428571428572, 0.09786411265206713),
    Weights.QUADRATIC: (0.8897058823529411, 0.046357749891021066),
}


@pytest.mark.parametrize("weights", list(Weights))
def test_cohen_kappa_equals_statsmodels(weights: Weights) -> None:
    ours = cohen_kappa(table_of(np.array(COHEN_ROWS, float)), raters=("r0", "r1"), weights=weights)
    assert (ours.estimate, ours.standard_error) == pytest.approx(COHEN[weights], abs=1e-9)


def test_the_quadratic_kappa_of_two_raters_is_a_correlation_of_agreement() -> None:
    """Fleiss and Cohen 1973: quadratic kappa = 2 cov / (var + var + difference of means squared)."""
    a, b = np.array(COHEN_ROWS, float).T
    expected = 2 * np.cov(a, b, ddof=0)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    ours = cohen_kappa(table_of(np.array(COHEN_ROWS, float)), raters=("r0", "r1"))
    assert ours.estimate == pytest.approx(expected, abs=1e-12)


# Shrout and Fleiss 1979, table 4 (.17, .29, .71, .44, .62, .91), with the decimals and bounds that pingouin
# 0.7.0 prints for it.
ICC = {
    IccForm.ONE_WAY: (0.165742, -0.13, 0.72),
    IccForm.AGREEMENT: (0.289764, 0.02, 0.76),
    IccForm.CONSISTENCY: (0.714841, 0.34, 0.95),
    IccForm.ONE_WAY_AVERAGE: (0.442797, -0.88, 0.91),
    IccForm.AGREEMENT_AVERAGE: (0.620051, 0.07, 0.93),
    IccForm.CONSISTENCY_AVERAGE: (0.909316, 0.68, 0.99),
}


@pytest.mark.parametrize("form", list(IccForm))
def test_icc_equals_the_published_example(form: IccForm) -> None:
    ours = intraclass_correlation(table_of(SHROUT_FLEISS.astype(float)), form=form)
    estimate, low, high = ICC[form]
    assert ours.estimate == pytest.approx(estimate, abs=5e-7)
    assert (round(ours.low, 2), round(ours.high, 2)) == (low, high)


def test_a_thing_under_four_conditions_tells_no_more_about_agreement_than_under_one() -> None:
    """The same scores four times over. Control: clusters given to the alphas only: all bounds draw nearer."""
    rng = np.random.default_rng(5)
    once = np.clip(rng.integers(1, 6, (30, 1)) + rng.integers(-1, 2, (30, 2)), 1, 5).astype(float)

    def found(scores: np.ndarray, things: np.ndarray) -> dict[str, Interval]:
        rows = opinion_agreement(
            table_of(scores), same_thing=things, raters_known=True, confidence=0.95, seed=1
        )
        return {row.measure: row.value for row in rows if not row.measure.startswith("krippendorff")}

    alone, copied = found(once, np.arange(30)), found(np.tile(once, (4, 1)), np.tile(np.arange(30), 4))
    assert all(not interval.reason for interval in alone.values())
    for measure, interval in copied.items():
        if measure.startswith("icc"):
            assert interval.reason.startswith("120 items show 30 things")
        else:
            bounds = alone[measure].low, alone[measure].high
            assert (interval.low, interval.high) == pytest.approx(bounds, abs=1e-12), measure


def test_total_agreement_has_no_interval_of_width_zero() -> None:
    """Control: without the check on the error, kappa = 1 is printed with bounds 1 and 1."""
    same = table_of(np.array([[1, 1], [2, 2], [3, 3], [5, 5.0]]))
    for interval in (
        cohen_kappa(same, raters=("r0", "r1")),
        fleiss_kappa(same),
        gwet_ac(same),
        intraclass_correlation(same),
        alpha_with_interval(same, rng=np.random.default_rng(1), n_resamples=200),
    ):
        assert interval.estimate == pytest.approx(1.0)
        assert interval.reason
        assert math.isnan(interval.low)


any_table = st.lists(
    st.lists(
        st.one_of(st.sampled_from([1.0, 2.0, 5.0, NOTHING]), st.floats(-1e6, 1e6)), min_size=3, max_size=3
    ),
    max_size=6,
)


@settings(max_examples=60)
@given(scores=any_table, seed=st.integers(0, 99))
def test_no_table_crashes_an_agreement_and_no_number_is_silent(scores: list[list[float]], seed: int) -> None:
    table = table_of(np.array(scores).reshape(-1, 3))
    for level in Level:
        alpha = krippendorff_alpha(table, level=level)
        assert math.isnan(alpha.estimate) == (alpha.reason != "no interval asked for")
        rng = np.random.default_rng(seed)
        assert_not_silent(alpha_with_interval(table, rng=rng, level=level, n_resamples=20))
    assert_not_silent(fleiss_kappa(table))
    for weights in Weights:
        assert_not_silent(gwet_ac(table, weights=weights))
        if table.n_raters > 1:
            first, second = table.rater_ids[:2]
            assert_not_silent(cohen_kappa(table, raters=(first, second), weights=weights))
    for form in IccForm:
        assert_not_silent(intraclass_correlation(table, form=form))


def test_scores_too_close_for_their_squares_have_no_alpha_but_a_reason() -> None:
    """Control: dividing by an expected disagreement that underflows to 0."""
    table = RatingTable.from_rows(
        [AnswerRow(item="i", rater="a", score=0.0), AnswerRow(item="i", rater="b", score=2.3e-308)],
        scale=(0.0, 5.0),
    )
    found = krippendorff_alpha(table, level=Level.INTERVAL)
    assert math.isnan(found.estimate)
    assert found.reason
