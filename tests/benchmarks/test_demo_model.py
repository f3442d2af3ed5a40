"""The table of targets says what is missed, and a missing figure is never a met target."""

import copy
import math
from typing import Any

import numpy as np
import pytest

from benchmarks import demo_model
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
        "maps": {"noun, 16x16, max": maps, "noun, 16x16, minmax": dict(maps)},
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
        (("maps", "noun, 16x16, max", "iou"), 0.29, "noun maps over the whole image, max"),
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
