"""Word maps of generated pictures against the objects that the judge found in them.

The judge sees pixels only, so its masks are independent of the attention that the maps are made of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.attribution import Trace, trace
from generation.attribution.aggregation import paper
from generation.attribution.hard import HardMap, hard
from training.demo_model.evaluate import generate
from training.demo_model.judge import Picture, Wanted, assign, find_objects
from training.demo_model.prompts import AskedPicture
from training.demo_model.shapes import IMAGE_SIZE

Mask = NDArray[np.bool_]

RULES = ("max", "minmax")
TAU = 0.4
# Name of a layer set -> the grids that it takes; None takes all.
LAYER_SETS: dict[str, frozenset[tuple[int, int]] | None] = {"all": None, "16x16": frozenset({(16, 16)})}
KINDS = ("single", "unreal", "pair", "relation")
_SIZE = (IMAGE_SIZE, IMAGE_SIZE)


class MapScores:
    """Overlaps collected by kind of word, layer set and rule."""

    def __init__(self) -> None:
        self._rows: dict[str, list[tuple[float, float, float]]] = defaultdict(list)

    def add(self, name: str, *, mask: Mask, truth: Mask) -> None:
        """Count one map, with both baselines on the same object. The random half is seeded."""
        half = np.random.default_rng(len(self._rows[name])).random(truth.shape) < 0.5
        whole = float(truth.mean())
        self._rows[name].append((_iou(mask, truth), whole, _iou(half, truth)))

    def means(self) -> dict[str, dict[str, float]]:
        """Mean overlap and baselines under each name."""
        table = {}
        for name, rows in self._rows.items():
            iou, whole, half = np.mean(rows, axis=0)
            table[name] = {
                "iou": float(iou),
                "whole_image": float(whole),
                "random_half": float(half),
                "maps": len(rows),
            }
        return table


def generate_and_score(
    pipeline: Any, *, asked: Sequence[AskedPicture], seeds: Sequence[int], scores: MapScores
) -> list[Picture]:
    """The pictures of one batch; the maps of their shape and colour words are added to the scores.

    An object counts where one of the asked colour is there, whatever its outline: a map can be right while
    the picture is wrong.
    """
    with trace(pipeline) as recording:
        pictures = generate(pipeline, prompts=[one.text for one in asked], seeds=seeds)
    sets = {name: _token_maps(recording, grids=grids) for name, grids in LAYER_SETS.items()}
    for image, (one, picture) in enumerate(zip(asked, pictures, strict=True)):
        if one.kind not in KINDS:
            continue
        by_colour = [Wanted(colour=want.colour, shape=None) for want in one.wanted]
        for want, thing in zip(one.wanted, assign(find_objects(picture), wanted=by_colour), strict=True):
            if thing is None:
                continue
            for kind, word in (("noun", want.shape), ("adjective", want.colour)):
                selection = recording.select(str(word), image=image)
                for layers, maps in sets.items():
                    word_map = recording.mean_over(selection, maps[image])
                    for rule in RULES:
                        mask = _hard(word_map, rule=rule).mask
                        scores.add(f"{kind}, {layers}, {rule}", mask=mask, truth=thing.mask)
    return pictures


def _token_maps(recording: Trace, *, grids: frozenset[tuple[int, int]] | None) -> Any:
    sums = [one for one in recording.grid_sums() if grids is None or one.grid in grids]
    return paper(sums, out_hw=_SIZE)


def _hard(word_map: NDArray[np.float32], *, rule: str) -> HardMap:
    if rule == "max":
        return hard(word_map, norm="max", tau=TAU, op=">=")
    return hard(word_map, norm="minmax", tau=TAU, op=">")


def _iou(first: Mask, second: Mask) -> float:
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / max(1, union)
