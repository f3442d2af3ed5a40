"""What a run may ask for, how durations are said, and what pins a model."""

from dataclasses import replace
from pathlib import Path

import pytest

from generation import registry
from generation.fingerprints import FingerprintError, revision_of
from generation.limits import MAX_IMAGES, MAX_WORK, refusal
from generation.templatetags.durations import duration

SETTINGS = registry.GenerationSettings(
    steps=30, guidance=7.5, scheduler="ddim", height=512, width=512, negative_prompt=""
)


@pytest.fixture
def model(tmp_path: Path) -> registry.ModelSpec:
    (tmp_path / "model_index.json").write_text(
        '{"_class_name": "StableDiffusionPipeline", "unet": ["d", "U"]}'
    )
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "weights.safetensors").write_bytes(b"weights")
    return replace(registry.get("demo"), source=str(tmp_path))


def test_the_largest_allowed_run_is_allowed_and_one_image_more_is_not() -> None:
    most = MAX_WORK // (512 * 512 * 30)
    assert refusal(SETTINGS, images=most) == ""
    assert "Ask for fewer" in refusal(SETTINGS, images=most + 1)


def test_a_run_of_no_images_or_of_too_many_small_ones_is_refused() -> None:
    small = replace(SETTINGS, height=8, width=8, steps=1)
    assert "no prompts" in refusal(small, images=0)
    assert "at most 100,000" in refusal(small, images=MAX_IMAGES + 1)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.84, "0.8 s"),
        (9.96, "10 s"),
        (89, "89 s"),
        (95, "2 minutes"),
        (5399, "90 minutes"),
        (5400, "2 hours"),
        (86_400, "24 hours"),
        (900_000, "10 days"),
    ],
)
def test_durations_are_said_as_roughly_as_they_are_known(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_a_hub_model_is_pinned_by_its_revision(model: registry.ModelSpec) -> None:
    assert revision_of(replace(model, revision="a" * 40)) == "a" * 40


def test_a_folder_is_pinned_by_what_the_pipeline_loads(model: registry.ModelSpec) -> None:
    """Control: a pin by name or by date changes when nothing did, or stays when the weights change."""
    folder = Path(model.source)
    before = revision_of(model)
    (folder / "README.md").write_text("A better model card.")
    assert revision_of(model) == before
    (folder / "unet" / "weights.safetensors").write_bytes(b"WEIGHTS")
    assert revision_of(model) != before


def test_a_renamed_part_is_another_model(model: registry.ModelSpec) -> None:
    before = revision_of(model)
    unet = Path(model.source) / "unet"
    (unet / "weights.safetensors").rename(unet / "other.safetensors")
    assert revision_of(model) != before


@pytest.mark.parametrize("index", [None, "{not json"])
def test_a_folder_without_a_model_has_no_pin(model: registry.ModelSpec, index: str | None) -> None:
    path = Path(model.source) / "model_index.json"
    path.unlink()
    if index is not None:
        path.write_text(index)
    with pytest.raises(FingerprintError, match="There is no model in"):
        revision_of(model)
