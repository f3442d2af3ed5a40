"""Simulated studies with known truth: what the headline interval is measured against.

rating = round(mean + item effect + rater bias + noise), clipped to the scale; raters differ in how much of
the work they take. The truth is the expected estimate over all items and raters of the world, so that
coverage asks: how often does the interval of one study contain it?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.metrics import item_scores
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.tables import FloatArray, IndexArray
from evaluation.metrics.two_way import TwoWayParts, two_way_parts


@dataclass(frozen=True, kw_only=True)
class World:
    """A kind of study. item_sd, bias_sd, noise_sd: in points of the scale.  conditions: how many each item is
    rated under, by the same raters, as a prompt is under several models; they move the score by
    condition_step each, and item by item by condition_sd.  share_power: 0 = raters share
    the work evenly, 1 = the r-th busiest rater draws proportionally to 1/r.  most_coverage: above it, in
    percent, the headline interval is needlessly wide."""

    name: str
    n_items: int
    n_raters: int
    raters_per_item: int = 3
    mean: float = 3.6
    item_sd: float = 0.7
    bias_sd: float = 0.0
    noise_sd: float = 0.8
    share_power: float = 0.0
    conditions: int = 1
    condition_step: float = 0.3
    condition_sd: float = 0.3
    most_coverage: float = 97.0


@dataclass(frozen=True, kw_only=True, eq=False)
class SimulatedRatings:
    """scores, item_index, rater_index: (ratings,), sorted by item; an item under another condition is another
    item here.  things: (items,), equal for one item under its conditions."""

    scores: FloatArray
    item_index: IndexArray
    rater_index: IndexArray
    things: IndexArray


def simulate(world: World, *, rng: np.random.Generator) -> SimulatedRatings:
    """One study of the world, with new items and new raters."""
    shares = np.arange(1, world.n_raters + 1, dtype=np.float64) ** -world.share_power
    # The k largest of log share + Gumbel noise are k different raters drawn by their shares (Efraimidis
    # 2006).
    keys = np.log(shares) + rng.gumbel(size=(world.n_items, world.n_raters))
    chosen = np.argpartition(-keys, world.raters_per_item - 1, axis=1)[:, : world.raters_per_item]
    things = np.repeat(np.arange(world.n_items), world.conditions)
    item_index = np.repeat(np.arange(things.size), world.raters_per_item)
    rater_index = chosen[things].ravel()
    latent = (
        world.mean
        + world.item_sd * rng.standard_normal(world.n_items)[things][item_index]
        + world.bias_sd * rng.standard_normal(world.n_raters)[rater_index]
        + world.noise_sd * rng.standard_normal(item_index.size)
    )
    if world.conditions > 1:
        own = world.condition_sd * rng.standard_normal(things.size)
        latent += (own + world.condition_step * (np.arange(things.size) % world.conditions))[item_index]
    return SimulatedRatings(
        scores=np.clip(np.rint(latent), 1.0, 5.0),
        item_index=item_index,
        rater_index=rater_index,
        things=things,
    )


def parts_of(study: SimulatedRatings, *, item_score: ItemScore) -> TwoWayParts:
    """What the two-way interval of one simulated study is made of."""
    score = item_scores.medians if item_score == ItemScore.MEDIAN else item_scores.means
    items = score(study.scores, item_index=study.item_index, n_items=study.things.size)
    return two_way_parts(
        items.value,
        item_index=study.item_index,
        rater_index=study.rater_index,
        left_out=items.left_out,
        things=study.things,
    )[0]


def studies(
    world: World, *, item_score: ItemScore, n_studies: int, rng: np.random.Generator
) -> tuple[TwoWayParts, ...]:
    """Parts of many independent studies of one world; the mean of their estimates is the truth."""
    return tuple(parts_of(simulate(world, rng=rng), item_score=item_score) for _ in range(n_studies))


WORLDS = (
    World(name="no rater bias, 50 raters", n_items=200, n_raters=50),
    World(name="rater bias, 50 raters", n_items=200, n_raters=50, bias_sd=0.5),
    World(
        name="rater bias, 50 raters, skewed shares", n_items=200, n_raters=50, bias_sd=0.5, share_power=0.7
    ),
    World(name="rater bias, 8 raters", n_items=200, n_raters=8, bias_sd=0.5),
    World(name="rater bias, 20 raters, 30 items", n_items=30, n_raters=20, bias_sd=0.4),
    World(name="rater bias, 15 raters, 5 per item", n_items=100, n_raters=15, raters_per_item=5, bias_sd=0.4),
    World(name="rater bias, more raters than items", n_items=12, n_raters=30, bias_sd=0.3),
    *(
        World(
            name=f"30 prompts, {name} conditions, {'rater bias' if bias_sd else 'no rater bias'}",
            n_items=30,
            n_raters=20,
            raters_per_item=5,
            mean=2.8,
            bias_sd=bias_sd,
            conditions=conditions,
            condition_sd=0.2,
        )
        for name, conditions in (("two", 2), ("four", 4))
        for bias_sd in (0.0, 0.4)
    ),
    # A few raters can't prove that they have no bias: here, and only here, more than 97 % is the honest
    # answer.
    World(name="no rater bias, 8 raters", n_items=200, n_raters=8, most_coverage=100.0),
)
