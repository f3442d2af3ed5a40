"""Word maps of generated pictures against the objects that the judge found in them.

The judge sees pixels only, so its masks are independent of the attention that the maps are made of.  Layer
set, threshold and heads are chosen on validation prompts; what is reported comes from other prompts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from generation.attribution import Trace, trace
from generation.attribution.aggregation import bicubic, castorini, heads, paper, top_heads, v1
from generation.attribution.hard import hard
from generation.attribution.sums import GridSums, LayerSums
from training.demo_model.evaluate import generate
from training.demo_model.judge import FoundObject, Picture, Wanted, assign, find_objects
from training.demo_model.prompts import AskedPicture
from training.demo_model.shapes import IMAGE_SIZE

Mask = NDArray[np.bool_]
Head = tuple[str, int]

RULES = ("max", "minmax")
# The threshold of both published rules, and those that the choice is made among.
TAU = 0.4
TAUS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
LAYER_SETS: Mapping[str, Callable[[LayerSums], bool]] = {
    "all": lambda _: True,
    "16x16": lambda layer: layer.grid == (16, 16),
    "8x8": lambda layer: layer.grid == (8, 8),
    "all but middle": lambda layer: not layer.path.startswith("mid_block"),
    "way up": lambda layer: layer.path.startswith("up_blocks"),
}
HEADS_CHOSEN = 6
KINDS = ("single", "unreal", "pair", "relation", "texture", "background")
_SIZE = (IMAGE_SIZE, IMAGE_SIZE)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the validation prompts chose for shape words, with the mean overlap that each candidate had there.

    layers: a key of LAYER_SETS.  tau: threshold by rule.  heads: the heads whose own maps overlapped best.
    validation: overlap by "layers, rule, tau".
    """

    layers: str
    tau: dict[str, float]
    heads: tuple[Head, ...]
    validation: dict[str, float]


class MapScores:
    """Overlaps collected by name, such as "noun, all, paper, max"."""

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


def choose(pipeline: Any, *, asked: Sequence[AskedPicture], seeds: Sequence[int], batch: int) -> Choice:
    """Layer set, thresholds and heads that cover objects best with shape words' maps, on these prompts."""
    by_setting: dict[str, list[float]] = defaultdict(list)
    by_head: dict[Head, list[float]] = defaultdict(list)
    for start in range(0, len(asked), batch):
        part, its_seeds = asked[start : start + batch], seeds[start : start + batch]
        with trace(pipeline, keep="heads") as recording:
            pictures = generate(pipeline, prompts=[one.text for one in part], seeds=its_seeds)
        sums = recording.layer_sums()
        by_set = {name: _paper([one for one in sums if takes(one)]) for name, takes in LAYER_SETS.items()}
        for image, thing, want in _objects(part, pictures=pictures):
            for layers, maps in by_set.items():
                word_map = _word_map(recording, maps=maps, word=want.shape, image=image)
                for rule in RULES:
                    for tau in TAUS:
                        iou = _iou(_mask(word_map, rule=rule, tau=tau), thing.mask)
                        by_setting[f"{layers}, {rule}, {tau}"].append(iou)
            for head, own_map in _head_maps(recording, sums=sums, word=want.shape, image=image):
                by_head[head].append(_iou(_mask(own_map, rule="minmax", tau=TAU), thing.mask))
    return _best(
        {name: float(np.mean(values)) for name, values in by_setting.items()},
        by_head={head: float(np.mean(values)) for head, values in by_head.items()},
    )


def generate_and_score(
    pipeline: Any,
    *,
    asked: Sequence[AskedPicture],
    seeds: Sequence[int],
    choice: Choice,
    scores: MapScores,
) -> list[Picture]:
    """The pictures of one batch; the maps of their shape, colour and texture words are added to the scores.

    An object counts where one of the asked colour is there, whatever its outline: a map can be right while
    the picture is wrong.
    """
    with trace(pipeline, keep="heads") as recording:
        pictures = generate(pipeline, prompts=[one.text for one in asked], seeds=seeds)
    by_name = _token_maps(recording, chosen_heads=choice.heads)
    for image, thing, want in _objects(asked, pictures=pictures):
        words = {"noun": want.shape, "adjective": want.colour, "texture": want.texture}
        for kind, word in words.items():
            if word is None:
                continue
            for name, maps in by_name.items():
                word_map = _word_map(recording, maps=maps, word=word, image=image)
                for rule in RULES:
                    mask = _mask(word_map, rule=rule, tau=TAU)
                    scores.add(f"{kind}, {name}, {rule}", mask=mask, truth=thing.mask)
                    if name == f"{choice.layers}, paper" and kind == "noun":
                        mask = _mask(word_map, rule=rule, tau=choice.tau[rule])
                        scores.add(f"chosen, {rule}", mask=mask, truth=thing.mask)
    return pictures


def _best(means: Mapping[str, float], *, by_head: Mapping[Head, float]) -> Choice:
    """The layer set with the greatest mean over both rules, each at its best threshold."""
    best_tau = {
        layers: {rule: max(TAUS, key=lambda tau: means[f"{layers}, {rule}, {tau}"]) for rule in RULES}
        for layers in LAYER_SETS
    }
    layers = max(
        LAYER_SETS,
        key=lambda name: sum(means[f"{name}, {rule}, {best_tau[name][rule]}"] for rule in RULES),
    )
    count = min(HEADS_CHOSEN, len(by_head))
    return Choice(
        layers=layers,
        tau=best_tau[layers],
        heads=tuple(top_heads(by_head, count=count)),
        validation=dict(means),
    )


def _objects(
    asked: Sequence[AskedPicture], *, pictures: Sequence[Picture]
) -> list[tuple[int, FoundObject, Wanted]]:
    """Number of the picture, object found by its colour, and what was asked for there."""
    rows = []
    for image, (one, picture) in enumerate(zip(asked, pictures, strict=True)):
        if one.kind not in KINDS:
            continue
        by_colour = [Wanted(colour=want.colour, shape=None) for want in one.wanted]
        shown = assign(find_objects(picture), wanted=by_colour)
        rows += [(image, thing, want) for want, thing in zip(one.wanted, shown, strict=True) if thing]
    return rows


def _token_maps(recording: Trace, *, chosen_heads: Sequence[Head]) -> dict[str, Tensor]:
    """(images, tokens, height, width) for each layer set and variant, and for the chosen heads."""
    sums = recording.layer_sums()
    maps = {}
    for name, takes in LAYER_SETS.items():
        taken = [one for one in sums if takes(one)]
        maps[f"{name}, paper"] = _paper(taken)
        maps[f"{name}, v1"] = v1(_grids(taken), out_hw=_SIZE)
        smaller = castorini(taken, latent_hw=recording.latent_hw)
        maps[f"{name}, castorini"] = bicubic(smaller, out_hw=_SIZE)
    maps[f"best {len(chosen_heads)} heads, paper"] = heads(
        sums, weights=dict.fromkeys(chosen_heads, 1.0), out_hw=_SIZE
    )
    return maps


def _head_maps(
    recording: Trace, *, sums: Sequence[LayerSums], word: str | None, image: int
) -> list[tuple[Head, NDArray[np.float32]]]:
    """The word's map in each head alone."""
    maps = []
    for layer in sums:
        for index, head in enumerate(layer.heads):
            alone = GridSums(sums=layer.sums[image : image + 1, :, index], terms=layer.steps)
            word_map = recording.mean_over(
                recording.select(str(word), image=image), paper([alone], out_hw=_SIZE)[0]
            )
            maps.append(((layer.path, head), word_map))
    return maps


def _paper(sums: Sequence[LayerSums]) -> Tensor:
    return paper(_grids(sums), out_hw=_SIZE)


def _grids(sums: Sequence[LayerSums]) -> list[GridSums]:
    return [GridSums(sums=one.sums.sum(dim=2), terms=one.steps * len(one.heads)) for one in sums]


def _word_map(recording: Trace, *, maps: Tensor, word: str | None, image: int) -> NDArray[np.float32]:
    return recording.mean_over(recording.select(str(word), image=image), maps[image])


def _mask(word_map: NDArray[np.float32], *, rule: str, tau: float) -> Mask:
    if rule == "max":
        return hard(word_map, norm="max", tau=tau, op=">=").mask
    return hard(word_map, norm="minmax", tau=tau, op=">").mask


def _iou(first: Mask, second: Mask) -> float:
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / max(1, union)
