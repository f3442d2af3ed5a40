"""Does the headline interval contain the truth as often as it says? A small, seeded share of
`python -m benchmarks.statistics --coverage`; 700 studies leave a standard error of 0.8 points."""

import math

import numpy as np
import pytest

from evaluation.metrics.intervals import IntervalMethod, interval_from_moments
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.two_way import two_way
from evaluation.metrics.worlds import WORLDS, World, studies

N_STUDIES = 700


def coverages(world: World) -> tuple[float, float]:
    """Shares of studies whose (two-way, items-only) interval contains the truth, in percent."""
    parts = studies(world, item_score=ItemScore.MEDIAN, n_studies=N_STUDIES, rng=np.random.default_rng(11))
    truth = float(np.mean([p.estimate for p in parts]))
    headline = [two_way(p) for p in parts]
    items_only = [
        interval_from_moments(
            p.estimate,
            standard_deviation=math.sqrt(p.item_variance * p.n_items),
            n=p.n_items,
            method=IntervalMethod.T_ITEMS,
        )
        for p in parts
    ]
    hits = [100 * np.mean([i.low <= truth <= i.high for i in group]) for group in (headline, items_only)]
    return float(hits[0]), float(hits[1])


@pytest.mark.parametrize("world", WORLDS[:7], ids=lambda w: w.name)
def test_the_headline_interval_covers_what_it_says(world: World) -> None:
    """Control: rater_variance set to 0 (or the cross products divided by n_ratings) turns the biased worlds
    red."""
    headline, _ = coverages(world)
    assert 93.0 <= headline <= 97.0


def test_an_interval_over_items_alone_is_too_short_when_raters_have_a_bias() -> None:
    """The reason for the two-way interval, and the proof that the test above can fail."""
    _, items_only = coverages(WORLDS[1])
    assert items_only < 89.0
