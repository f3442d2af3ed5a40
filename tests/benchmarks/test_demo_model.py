"""The table of targets says what is missed, and a missing figure is never a met target."""

import copy
import math
from typing import Any

import numpy as np
import pytest

from benchmarks import demo_model, demo_model_maps
from benchmarks.demo_model_maps import MapScores


@pytest.fixture
def good() -> dict[str, Any]:
    """Figures that meet every target."""
    share = {"share": 1.0}
    maps = {"iou": 0.6, "whole_image": 0.1}
    return {
        "kinds": {
            "single": {"complete": share},
            "pair": {"complete": share},
            "relation": {"relation": share},
        },
        "maps": {"chosen, max": maps, "chosen, minmax": dict(maps)},
        "loss_gaps": {"wrong_shape": 0.05, "wrong_colour": 0.1},
        "processor_seconds_per_picture": 0.7,
        "megabytes": 7.0,
    }


def missed(figures: dict[str, Any]) -> list[str]:
    return [verdict.name for verdict in demo_model.verdicts_on(figures) if not verdict.met]


def test_figures_that_meet_every_target_miss_none(good: dict[str, Any]) -> None:
    assert missed(good) == []


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        (("kinds", "single", "complete", "share"), 0.84, "single prompts: complete"),
        (("kinds", "relation", "relation", "share"), math.nan, "relation prompts: relation"),
        (("maps", "chosen, max", "iou"), 0.29, "noun maps over the whole image, max"),
        (("loss_gaps", "wrong_shape"), 0.0, "loss added by a wrong shape"),
        (("processor_seconds_per_picture",), 2.1, "seconds of one picture"),
        (("megabytes",), 25.1, "megabytes"),
    ],
)
def test_one_bad_figure_misses_its_own_target(
    good: dict[str, Any], path: tuple[str, ...], value: float, name: str
) -> None:
    """Control: `met=not measured < target`, which lets NaN pass, turns the NaN case red."""
    figures = copy.deepcopy(good)
    place = figures
    for key in path[:-1]:
        place[key] = dict(place[key])  # figures share their parts
        place = place[key]
    place[path[-1]] = value
    assert missed(figures) == [name]


def test_maps_that_were_never_measured_miss_their_targets(good: dict[str, Any]) -> None:
    good["maps"] = {}
    assert missed(good) == [
        "noun maps over the whole image, max",
        "noun maps over the whole image, minmax",
    ]


def test_map_scores_average_over_maps_beside_their_baselines() -> None:
    truth = np.zeros((8, 8), dtype=bool)
    truth[:4, :4] = True
    half = np.zeros((8, 8), dtype=bool)
    half[:4, :2] = True
    scores = MapScores()
    scores.add("noun", mask=truth, truth=truth)
    scores.add("noun", mask=half, truth=truth)
    assert scores.means()["noun"]["iou"] == pytest.approx(0.75)
    assert scores.means()["noun"]["whole_image"] == pytest.approx(0.25)
    assert scores.means()["noun"]["maps"] == 2


def test_the_layer_set_and_thresholds_are_the_best_of_the_validation_prompts() -> None:
    """Control: taking the least instead of the greatest overlap in _best turns this red."""
    means = {
        f"{layers}, {rule}, {tau}": 0.1
        for layers in demo_model_maps.LAYER_SETS
        for rule in demo_model_maps.RULES
        for tau in demo_model_maps.TAUS
    }
    means |= {"8x8, max, 0.5": 0.6, "8x8, minmax, 0.3": 0.5, "all, max, 0.4": 0.7}
    by_head = {("up", number): number / 100 for number in range(20)}
    choice = demo_model_maps._best(means, by_head=by_head)
    assert (choice.layers, choice.tau) == ("8x8", {"max": 0.5, "minmax": 0.3})
    assert choice.heads == tuple(("up", number) for number in range(19, 13, -1))
