"""What callers misspell or misshape is refused before anything runs: field, value and what it may be."""

# What types forbid is what these tests hand over.
# mypy: disable-error-code="arg-type"

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.joint_models import tiny_sd3
from generation.attribution.attention_information import trace_levels
from generation.attribution.concepts import ConceptList
from generation.attribution.hard import hard
from generation.attribution.information import Information, conditional_contrast, information
from generation.attribution.interventions import intervene
from generation.attribution.inversion import to_noise
from generation.attribution.noise_levels import PAPER, draw_levels
from generation.attribution.relations import score_captions
from generation.attribution.relevance_counter import count_relevance
from generation.attribution.rendering import at_size, heat_png, legend_png, mask_png, stretch
from generation.attribution.replay import fixed_attention
from generation.attribution.words import split_words

WORD = split_words("a red cat")[1]
LATENTS = torch.zeros(4, 2, 2)
MAP = np.arange(4.0).reshape(2, 2)


def never(*_: Any, **__: Any) -> torch.Tensor:
    """A denoiser that must not be asked."""
    pytest.fail("the denoiser ran")


def found() -> Information:
    """Of no denoiser: two levels whose i^o is 1 and i^s -1 everywhere."""
    ones = np.ones((1, 2, 2))
    return Information(
        contrasts=(conditional_contrast("a red cat", WORD),),
        orthogonal=ones,
        standard=-ones,
        levels=draw_levels(PAPER, count=2, generator=torch.Generator().manual_seed(0)),
        orthogonal_by_level=np.ones((1, 2)),
        standard_by_level=-np.ones((1, 2)),
    )


def inform(**more: Any) -> Any:
    given: dict[str, Any] = {
        "latents": LATENTS,
        "contrasts": [conditional_contrast("a red cat", WORD)],
        "levels": 2,
        "seed": 0,
    }
    return information(never, **(given | more))


def score(**more: Any) -> Any:
    given = {"latents": LATENTS, "caption": "a cat", "perturbed": ["a dog"], "levels": 2, "seed": 0}
    return score_captions(never, **(given | more))


def png(**more: Any) -> bytes:
    return heat_png(MAP, **({"size_hw": (4, 4)} | more))


def change(captions: Any) -> Any:
    given = {"image": Image.new("RGB", (32, 32)), "caption": "a cat", "steps": 2}
    return intervene(None, changed_captions=captions, **given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: found().map_of(0, estimator="i^o"), r"estimator is one of 'orthogonal', .*, not 'i\^o'"),
        (lambda: found().standard_error(0, estimator="i^s"), "estimator is one of"),
        (lambda: found().total(0, unit="bit"), "unit is one of 'nats', 'bits', not 'bit'"),
        (lambda: score(estimator="Orthogonal"), "estimator is one of .* not 'Orthogonal'"),
        (
            lambda: conditional_contrast("a red cat", WORD, removal="underscores"),
            "removal is one of 'delete', 'underscore', not 'underscores'",
        ),
        (
            lambda: to_noise(never, latents=LATENTS, text="", levels=torch.zeros(2), rule="euler"),
            "rule is one of 'ddim', 'heun', not 'euler'",
        ),
        (lambda: inform(latents=LATENTS * float("nan")), "latents hold NaN"),
        (lambda: inform(latents=LATENTS[None]), r"latents are \(channels, .*not \(1, 4, 2, 2\)"),
        (lambda: inform(rows_at_once=0), "rows_at_once is a whole number of 1 or more, not 0"),
        (lambda: inform(levels=0), "noise levels must be at least 1, not 0"),
        (lambda: stretch(MAP, value_range=(float("nan"), 1.0)), r"value_range is .* not \(nan, 1.0\)"),
        (lambda: stretch(MAP, value_range=(0.0, float("inf"))), "value_range"),
        (lambda: change([]), r"changed_captions=\[\]: .*name at least one"),
        (lambda: png(value_range=(1.0, 0.0)), r"value_range is \(least, greatest\), finite and rising"),
        (lambda: png(size_hw=64), r"size_hw is \(height, width\) in whole numbers of 1 or more, not 64"),
        (lambda: png(size_hw=(0, 4)), r"size_hw .* not \(0, 4\)"),
        (lambda: png(size_hw=(4.0, 4.0)), r"size_hw .* not \(4.0, 4.0\)"),
        (lambda: at_size(MAP, size_hw=(4.0, 4)), "size_hw"),
        (lambda: legend_png(size_hw=(4, -1)), "size_hw"),
        (lambda: hard(np.zeros((0, 0)), norm="max", tau=0.4, op=">="), r"a word map is .* not \(0, 0\)"),
        (
            lambda: mask_png(Image.new("RGB", (4, 4)), np.zeros((0, 0), np.bool_), opacity=1),
            r"a mask is .* not bool \(0, 0\)",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_by_name(call: Callable[[], Any], message: str) -> None:
    """Control: any one check left out: a misspelt estimator is the standard one, NaN a map of NaN."""
    with pytest.raises(ValueError, match=message):
        call()


def test_one_changed_caption_is_not_taken_for_its_letters() -> None:
    """Control: the check left out; each letter is a caption, after minutes of work."""
    with pytest.raises(TypeError, match=r"changed_captions='a dog' is one text.*\['a dog'\]"):
        change("a dog")


def test_whole_numbers_of_numpy_and_lists_are_sizes(tmp_path: Any) -> None:
    """Control: only int and tuple taken."""
    assert png(size_hw=[np.int64(4), 4]) == png(size_hw=(4, 4))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"rows_at_once": 0}, "rows_at_once is a whole number of 1 or more, not 0"),
        ({"latents": LATENTS[None]}, "latents are"),
    ],
)
def test_levels_are_not_traced_of_what_does_not_fit(tiny: Any, more: dict[str, Any], message: str) -> None:
    """Control: a check left out, which ends in max() of nothing."""
    given: dict[str, Any] = {"latents": LATENTS, "caption": "a cat", "levels": 2, "seed": 0}
    with pytest.raises(ValueError, match=message), trace_levels(tiny, **(given | more)):
        pytest.fail("it was traced")


@pytest.mark.parametrize("layers", ["mid_block", [], ["mid"]])
def test_layers_that_name_nothing_are_refused(tiny: Any, layers: Any) -> None:
    """Control: a str taken for its letters, or nothing said of what there is."""
    said = "no cross-attention at mid;" if layers == ["mid"] else "layers is a list of module paths"
    with pytest.raises(ValueError, match=said), fixed_attention(tiny, layers=layers):
        pytest.fail("it was fixed")


def test_a_pipeline_without_a_unet_is_told_what_is_supported() -> None:
    """Control: pipeline.unet read unasked, an AttributeError."""
    sd3 = tiny_sd3()
    said = "StableDiffusion3Pipeline has no UNet; this is for pipelines of Stable Diffusion 1, 2 and XL"
    with pytest.raises(ValueError, match=said), fixed_attention(sd3):
        pytest.fail("it was fixed")
    words = ConceptList(words={"a": ("cat",), "b": ("dog",)})
    with pytest.raises(ValueError, match=said), count_relevance(sd3, concepts=words, seed=0):
        pytest.fail("it was counted")
