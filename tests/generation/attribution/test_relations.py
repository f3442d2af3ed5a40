"""Captions scored by their information, and the perturbations they are compared with."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from generation.attribution.denoisers import PipelineDenoiser, encode_image
from generation.attribution.information import Contrast, information
from generation.attribution.relations import SHUFFLES, exchanged, score_captions, shuffled_orders
from training.demo_model.evaluate import load_pipeline
from training.demo_model.scenes import draw, scenes


def test_phrases_change_places() -> None:
    caption = "a red circle left of a blue square"
    assert exchanged(caption, "red circle", "blue square") == "a blue square left of a red circle"
    assert exchanged(caption, "blue", "red") == "a blue circle left of a red square"
    with pytest.raises(LookupError, match="green"):
        exchanged(caption, "red", "green")
    with pytest.raises(ValueError, match="overlap"):
        exchanged(caption, "red circle", "circle left")


def test_each_shuffle_moves_only_what_it_may() -> None:
    words = [f"w{place}" for place in range(9)]
    content = {1, 2, 5, 8}
    for seed in range(20):
        moved = {
            name: shuffle(words, content, np.random.default_rng(seed)) for name, shuffle in SHUFFLES.items()
        }
        assert all(sorted(each) == sorted(words) for each in moved.values())
        assert all(
            moved["nouns and adjectives"][place] == words[place] for place in range(9) if place not in content
        )
        assert all(moved["all but nouns and adjectives"][place] == words[place] for place in content)
        for start in (0, 3, 6):
            three = slice(start, start + 3)
            assert sorted(moved["within trigrams"][three]) == words[three]
            assert moved["trigrams"][three] in [words[0:3], words[3:6], words[6:9]]


def test_an_order_that_changes_nothing_is_left_out() -> None:
    orders = shuffled_orders("circle", content={0}, generator=np.random.default_rng(0))
    assert orders == {}


def test_scores_are_the_captions_information(tiny: Any) -> None:
    denoiser = PipelineDenoiser(tiny)
    latents = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(0))
    scores = score_captions(
        denoiser, latents=latents, caption="a red cat", perturbed=["a cat red", "cat a red"], levels=3, seed=2
    )
    alone = information(
        denoiser, latents=latents, levels=3, seed=2, contrasts=[Contrast(given="cat a red", without="")]
    )
    wanted = alone.total(0, estimator="standard")
    assert scores.perturbed_scores[1] == pytest.approx(wanted, rel=1e-4)
    assert scores.is_right == (scores.score > max(scores.perturbed_scores))


def test_a_perturbed_caption_that_equals_the_right_one_is_refused(tiny: Any) -> None:
    with pytest.raises(ValueError, match="differ"):
        score_captions(
            PipelineDenoiser(tiny), latents=torch.zeros(4, 16, 16), caption="a", perturbed=["a"], levels=1,
            seed=0,
        )  # fmt: skip


def test_the_bundled_model_knows_which_colour_belongs_to_which_shape() -> None:
    """On a drawn scene, not a generated one: the picture owes nothing to the model.

    Control: the orthogonal estimate as the default, which is wrong on every such pair (docs/map-validity.md).
    """
    pipeline = load_pipeline(Path("generation/demo_model"))
    denoiser = PipelineDenoiser(pipeline)
    pairs = (
        scene for scene in scenes((11, 6), mixture={"pair": 1.0})
        if len({each.colour for each in scene.objects}) == len({each.shape for each in scene.objects}) == 2
    )  # fmt: skip
    right = 0
    for scene in itertools.islice(pairs, 6):
        first, second = scene.objects
        scores = score_captions(
            denoiser, latents=encode_image(pipeline, Image.fromarray(draw(scene))), caption=scene.caption,
            perturbed=[exchanged(scene.caption, first.colour, second.colour)], levels=10, seed=0,
        )  # fmt: skip
        right += scores.is_right
    assert right >= 5
