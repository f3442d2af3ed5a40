"""docs/map-methods.md does what it says."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def names() -> dict[str, Any]:
    """What the page's code has computed, block after block. Control: renaming anything that it mentions."""
    guide = (ROOT / "docs" / "map-methods.md").read_text("utf-8")
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        for code in re.findall(r"```python\n(.*?)```", guide, re.DOTALL):
            exec(compile(code, "docs/map-methods.md", "exec"), found)  # noqa: S102  (our own documentation)
    return found


def test_information_and_attention_give_maps_of_the_latent_image(names: dict[str, Any]) -> None:
    assert names["red_map"].shape == names["red_attention"].shape == (16, 16)
    assert names["red_map"].min() >= 0
    assert names["red_bits"] > names["found"].standard_error(1, unit="bits") > 0


def test_the_captions_are_scored_and_the_intervention_is_measured(names: dict[str, Any]) -> None:
    assert len(names["scores"].perturbed_scores) == 1
    change, drift = names["effect"]
    assert change > drift
    assert names["changed_pixels"].shape == (64, 64)


def test_heads_of_a_concept_give_a_map(names: dict[str, Any]) -> None:
    assert names["colour_map"].shape == (16, 16)
    assert names["relevance"].scores.shape[0] == len(names["concepts"].names)


def test_the_changed_prompts_are_drawn_with_fixed_attention(names: dict[str, Any]) -> None:
    assert len(names["hearts"]) == 3
    assert (names["replay"].steps_fixed, names["replay"].steps_seen) == (13, 16)
