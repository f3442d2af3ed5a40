"""Does the headline interval contain the truth as often as it says? A small, seeded share of
`python -m benchmarks.statistics --coverage`; 700 studies leave a standard error of 0.8 points."""

import numpy as np
import pytest

from evaluation.metrics import item_scores
from evaluation.metrics.alpha import Level, krippendorff_alpha
from evaluation.metrics.alpha_bootstrap import alphas_with_intervals
from evaluation.metrics.bootstrap_two_way import grouping_of
from evaluation.metrics.intervals import Interval, IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.mean_intervals import Resampling, ScoredRatings, mean_intervals, over_items
from evaluation.metrics.tables import RatingTable
from evaluation.metrics.tests import paired_t
from evaluation.metrics.two_way import two_way
from evaluation.metrics.worlds import WORLDS, SimulatedRatings, World, simulate, studies

N_STUDIES = 700


def coverages(world: World) -> tuple[float, float]:
    """Shares of studies whose (two-way, items-only) interval contains the truth, in percent."""
    parts = studies(world, item_score=ItemScore.MEDIAN, n_studies=N_STUDIES, rng=np.random.default_rng(11))
    truth = float(np.mean([p.estimate for p in parts]))
    headline = [two_way(p) for p in parts]
    items_only = [over_items(p, method=IntervalMethod.T_ITEMS, confidence=0.95) for p in parts]
    hits = [100 * np.mean([i.low <= truth <= i.high for i in group]) for group in (headline, items_only)]
    return float(hits[0]), float(hits[1])


@pytest.mark.parametrize("world", [w for w in WORLDS if w.most_coverage == 97.0], ids=lambda w: w.name)
def test_the_headline_interval_covers_what_it_says(world: World) -> None:
    """Controls: rater_variance set to 0 (or the cross products divided by n_ratings) turns the biased worlds
    red; things=None in `worlds.parts_of`, which takes an item under four conditions for four items, those of
    several conditions (80 to 91 %)."""
    headline, _ = coverages(world)
    assert 93.0 <= headline <= 97.0


def test_an_interval_over_items_alone_is_too_short_when_raters_have_a_bias() -> None:
    """The reason for the two-way interval, and the proof that the test above can fail."""
    _, items_only = coverages(WORLDS[1])
    assert items_only < 89.0


FOUR_CONDITIONS = World(name="four conditions", n_items=30, n_raters=20, mean=2.8, conditions=4)


def scored(study: SimulatedRatings) -> ScoredRatings:
    found = item_scores.means(study.scores, item_index=study.item_index, n_items=study.things.size)
    return ScoredRatings(
        scores=study.scores, item_index=study.item_index, rater_index=study.rater_index,
        left_out=found.left_out, item_scores=found.value, scale=(1.0, 5.0), item_score=ItemScore.MEAN,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "least"), [(IntervalMethod.BOOTSTRAP_ITEMS, 91.0), (IntervalMethod.BOOTSTRAP_TWO_WAY, 94.0)]
)
def test_bootstraps_draw_what_the_items_show(method: IntervalMethod, least: float) -> None:
    """400 studies of 30 prompts under four conditions. Percentiles of 30 draws are a little short by nature.

    Control: things=None in `bootstrap_two_way.grouping_of`: 76 and 87 %.
    """
    rng, n_studies = np.random.default_rng(5), 400
    found: list[Interval] = []
    for seed in range(n_studies):
        study = simulate(FOUR_CONDITIONS, rng=rng)
        everything = grouping_of(np.zeros(study.things.size, dtype=np.int64), n=1, same_thing=study.things)
        resampling = Resampling(n_resamples=200, seed=seed)
        ((interval,),) = mean_intervals(
            scored(study), groupings=(everything,), method=method, resampling=resampling
        )
        found.append(interval)
    truth = np.mean([interval.estimate for interval in found])
    assert 100 * np.mean([interval.low <= truth <= interval.high for interval in found]) >= least


@pytest.mark.parametrize("bias_sd", [0.0, 0.5], ids=["no rater bias", "rater bias"])
def test_a_paired_comparison_of_two_conditions_covers_what_it_says(bias_sd: float) -> None:
    """Control: welch_t in place of paired_t, which forgets that both conditions share their items: 99.7 %."""
    world = World(name="two", n_items=30, n_raters=20, mean=3.0, bias_sd=bias_sd, conditions=2)
    rng = np.random.default_rng(3)
    effects = []
    for _ in range(N_STUDIES):
        values = scored(simulate(world, rng=rng)).item_scores
        effects.append(paired_t(values[::2], values[1::2]).effect)
    truth = np.mean([effect.estimate for effect in effects])
    assert 93.0 <= 100 * np.mean([effect.low <= truth <= effect.high for effect in effects]) <= 97.0


@pytest.mark.parametrize(
    ("n_items", "least"), [(20, {"ordinal": 90, "nominal": 85}), (100, {"ordinal": 92, "nominal": 90})]
)
def test_alphas_bootstrap_covers_what_its_docstring_says(n_items: int, least: dict[str, float]) -> None:
    """300 studies of three raters on five steps; truth: alpha of 100,000 items.

    Control: quantiles of 0.1 and 0.9 in `alpha_bootstrap._interval`.
    """
    rng, drawn, levels = np.random.default_rng(2), np.random.default_rng(3), (Level.ORDINAL, Level.NOMINAL)

    def study(n: int) -> RatingTable:
        scores = np.clip(np.rint(3 + rng.normal(size=(n, 1)) + rng.normal(size=(n, 3))), 1, 5)
        items, raters = (place.ravel() for place in np.indices(scores.shape).astype(str))
        return RatingTable.from_columns(items=items.tolist(), raters=raters.tolist(), scores=scores.ravel())

    many = study(100_000)
    truth = {level: krippendorff_alpha(many, level=level).estimate for level in levels}
    found = [alphas_with_intervals(study(n_items), rng=drawn, levels=levels) for _ in range(300)]
    for level in levels:
        covered = [of[level].low <= truth[level] <= of[level].high for of in found]
        assert 100 * np.mean(covered) >= least[level]
