"""Every method a protocol can name gives its own interval, and says so."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from evaluation.metrics.bootstrap import bootstrap_items
from evaluation.metrics.bootstrap_two_way import Grouping, resample_two_way, two_way_acceleration
from evaluation.metrics.bounded import ZeroWidth
from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.methods import METHOD_CARDS, IntervalOf, MethodCard, method_card, methods_for_means
from evaluation.metrics.opinion import PRESETS, Protocol, opinion_report
from evaluation.metrics.tables import RatingTable
from evaluation.metrics.worlds import WORLDS, World, simulate


def simulated(world: World, *, seed: int = 1) -> RatingTable:
    study = simulate(world, rng=np.random.default_rng(seed))
    return RatingTable.from_columns(
        items=[str(i) for i in study.item_index],
        raters=[str(r) for r in study.rater_index],
        scores=study.scores,
        groups=[f"g{i % 2}" for i in study.item_index],
    )


def test_every_method_has_one_card_and_every_card_is_a_method() -> None:
    """Control: a method added to IntervalMethod without a card turns this red."""
    assert sorted(card.name for card in METHOD_CARDS) == sorted(IntervalMethod)
    with pytest.raises(ValueError, match="two_way"):
        method_card("three_way")


@pytest.mark.parametrize("card", methods_for_means(), ids=lambda card: card.name)
def test_a_protocol_can_name_any_method_and_the_result_says_which(card: MethodCard) -> None:
    protocol = Protocol(interval=card.name, also=(IntervalMethod.TWO_WAY,), n_resamples=400)
    report = opinion_report(simulated(WORLDS[1]), protocol=protocol)
    for group in (*report.groups, report.overall):
        assert group.mos.method == card.name
        assert group.mos.low < group.mos.estimate < group.mos.high
        assert [interval.method for interval in group.also] == ["two_way"]
        if card.of == IntervalOf.MEAN:
            assert group.mos.estimate == group.also[0].estimate


def test_every_preset_runs_and_names_its_choices() -> None:
    table = simulated(WORLDS[1])
    for protocol in PRESETS.values():
        assert opinion_report(table, protocol=protocol).overall.mos.method == protocol.interval


def test_the_t_interval_of_all_ratings_is_scipys() -> None:
    table = simulated(WORLDS[1])
    mos = opinion_report(table, protocol=PRESETS["p800"]).overall.mos
    n = table.score.size
    expected = stats.t.interval(0.95, n - 1, loc=table.score.mean(), scale=stats.sem(table.score))
    assert (mos.low, mos.high) == pytest.approx(expected, abs=1e-9)


def test_the_bca_interval_of_items_is_scipys() -> None:
    """Two streams of random numbers: equal to within their noise, which percentiles here exceed."""
    values = np.random.default_rng(0).exponential(size=60).round(1)
    ours = bootstrap_items(
        values, rng=np.random.default_rng(1), n_resamples=40_000, method=IntervalMethod.BOOTSTRAP_ITEMS_BCA
    )
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.008)
    percentile = bootstrap_items(values, rng=np.random.default_rng(1), n_resamples=40_000)
    assert abs(percentile.high - theirs.high) > 0.02


def weighted_study(table: RatingTable, *, rng: np.random.Generator) -> float:
    """One pigeonhole resample done by hand: copies of ratings, one median after the other."""
    raters = rng.integers(0, table.n_raters, table.n_raters)
    copies = np.bincount(raters, minlength=table.n_raters)
    scores = {}
    for item in range(table.n_items):
        rows = table.item_index == item
        repeated = np.repeat(table.score[rows], copies[table.rater_index[rows]])
        if repeated.size:
            scores[item] = float(np.median(repeated))
    drawn = rng.integers(0, table.n_items, table.n_items)
    return float(np.mean([scores[item] for item in drawn if item in scores]))


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_the_two_way_resamples_are_spread_as_those_done_by_hand(scale: float) -> None:
    """Control: raters' weights left at one, or items not drawn, changes the spread by far more.

    scale 0.7: scores that are no whole numbers take the other path.
    """
    world = World(name="small", n_items=25, n_raters=6, bias_sd=0.6)
    table = simulated(world)
    everything = Grouping(index=np.zeros(table.n_items, dtype=np.int64), n=1)
    means = resample_two_way(
        table.score * scale, item_index=table.item_index, rater_index=table.rater_index,
        n_items=table.n_items, groupings=(everything,), rng=np.random.default_rng(5), n_resamples=6_000,
    )[0][:, 0]  # fmt: skip
    by_hand = np.array([weighted_study(table, rng=np.random.default_rng(s)) for s in range(1_500)]) * scale
    assert means.std() == pytest.approx(by_hand.std(), rel=0.08)
    assert means.mean() == pytest.approx(by_hand.mean(), abs=0.03)


def test_items_with_many_ratings_take_the_other_path_to_the_same_medians() -> None:
    """Forty ratings an item; truth: the medians of the copies, resample by resample."""
    rng = np.random.default_rng(0)
    scores = rng.integers(1, 6, (3, 40)).astype(float)
    table = RatingTable.from_columns(
        items=[str(i) for i in range(3) for _ in range(40)],
        raters=[str(r) for _ in range(3) for r in range(40)],
        scores=scores.ravel(),
    )
    each = Grouping(index=np.arange(3), n=3)
    means = resample_two_way(
        table.score, item_index=table.item_index, rater_index=table.rater_index, n_items=3,
        groupings=(each,), rng=np.random.default_rng(5), n_resamples=50,
    )[0]  # fmt: skip
    copies = np.random.default_rng(5).multinomial(40, np.full(40, 1 / 40), size=50)
    expected = [[np.median(np.repeat(row, drawn)) for row in scores] for drawn in copies]
    np.testing.assert_array_equal(means, expected)


def test_resampled_item_means_are_weighted_means() -> None:
    """Three raters who always agree with themselves: the spread of the mean is the raters' alone."""
    table = simulated(World(name="m", n_items=30, n_raters=8, bias_sd=1.0, item_sd=0.01, noise_sd=0.01))
    everything = Grouping(index=np.zeros(table.n_items, dtype=np.int64), n=1)
    means = resample_two_way(
        table.score, item_index=table.item_index, rater_index=table.rater_index, n_items=table.n_items,
        groupings=(everything,), rng=np.random.default_rng(5), item_score=ItemScore.MEAN, n_resamples=4_000,
    )[0][:, 0]  # fmt: skip
    of_rater = np.array([table.score[table.rater_index == r].mean() for r in range(table.n_raters)])
    assert means.std() == pytest.approx(of_rater.std() / math.sqrt(8), rel=0.35)


def test_the_same_seed_gives_the_same_bounds() -> None:
    table = simulated(WORLDS[1])
    protocol = Protocol(interval=IntervalMethod.BOOTSTRAP_TWO_WAY, n_resamples=500)
    first, second = (opinion_report(table, protocol=protocol).overall.mos for _ in range(2))
    assert (first.low, first.high) == (second.low, second.high)


def test_the_acceleration_of_one_sample_is_scipys_formula() -> None:
    values = np.random.default_rng(1).exponential(size=30)
    jackknife = np.array([np.delete(values, i).mean() for i in range(30)])
    pull = jackknife.mean() - jackknife
    expected = (pull**3).sum() / (6 * (pull**2).sum() ** 1.5)
    ours = two_way_acceleration((values - values.mean()) / 30, rater_influence=np.zeros(0))
    assert ours == pytest.approx(expected, abs=1e-12)


def test_the_acceleration_is_the_same_in_any_unit() -> None:
    """Control: leave the division by the largest influence out: powers of 1e-110 are nothing."""
    items, raters = np.array([1.0, 2.0, 7.0]), np.array([0.5, 0.25, 3.0])
    plain = two_way_acceleration(items, rater_influence=raters)
    assert two_way_acceleration(1e-110 * items, rater_influence=1e-110 * raters) == pytest.approx(plain)


@pytest.mark.parametrize(("scores", "of_thing"), [((2.0, 4.0), (0, 0)), ((2.0, 4.0, 2.0, 4.0), (0, 0, 1, 1))])
def test_what_items_show_is_nothing_to_the_intervals_of_published_code(
    scores: tuple[float, ...], of_thing: tuple[int, ...]
) -> None:
    """One thing, and two of one mean. Control: reasons of `too_few` or `no_spread` for every method."""
    n = len(scores)
    table = RatingTable.from_columns(
        items=[f"i{i}" for i in range(n)] * 2, raters=["a"] * n + ["b"] * n, scores=scores * 2
    )
    things = np.array(of_thing)
    for method, ddof in ((IntervalMethod.Z_196, 1), (IntervalMethod.Z_196_POPULATION, 0)):
        found = opinion_report(table, protocol=Protocol(interval=method), same_thing=things).overall.mos
        assert found.high == pytest.approx(3 + 1.96 * np.std(scores, ddof=ddof) / math.sqrt(n))
        assert found.flag == f"takes all {n} items as independent; some show the same thing"
    words = "all 2 items show one thing" if n == 2 else "whatever the items show has the same mean score"
    for method in (
        IntervalMethod.T_ITEMS,
        IntervalMethod.BOOTSTRAP_TWO_WAY,
        IntervalMethod.BOOTSTRAP_TWO_WAY_BCA,
    ):
        protocol = Protocol(interval=method, zero_width=ZeroWidth.EMPTY)
        assert words in opinion_report(table, protocol=protocol, same_thing=things).overall.mos.reason
    equal = replace(table, score=np.full(table.score.size, 3.0))
    z = opinion_report(equal, protocol=PRESETS["published_z"], same_thing=things).overall.mos
    assert z.reason == f"all {n} item scores are equal"
