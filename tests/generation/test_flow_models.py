"""Stable Diffusion 3 and Flux as models of a run: random weights, the real pipelines of diffusers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.joint_models import tiny_flux, tiny_sd3
from generation import pipelines, registry
from generation.attribution.words import split_words
from generation.pipelines import GenerationRequest, GenerationSettings

SETTINGS = GenerationSettings(steps=2, guidance=3.0, scheduler="flow-match-euler", height=32, width=32)
PROMPTS = ("a red circle", "the blue square with a dog")
torch.set_num_threads(1)


@pytest.fixture(scope="module", params=[tiny_sd3, tiny_flux], ids=["sd3", "flux"])
def pipeline(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """As a worker loads it from a folder."""
    folder = tmp_path_factory.mktemp("model")
    request.param().save_pretrained(folder)
    spec = replace(registry.get("demo"), id="tiny", source=str(folder), defaults=SETTINGS)
    return pipelines.load(spec, device="cpu")


def requests(*prompts: str) -> list[GenerationRequest]:
    return [
        GenerationRequest(prompt=prompt, seed=seed, words=split_words(prompt))
        for seed, prompt in enumerate(prompts)
    ]


def test_every_word_gets_a_map_and_the_batch_equals_single_images(pipeline: Any) -> None:
    """Control: rows of one prompt in another's maps."""
    together = pipelines.generate(pipeline, requests=requests(*PROMPTS), settings=SETTINGS)
    for request, found in zip(requests(*PROMPTS), together, strict=True):
        (alone,) = pipelines.generate(pipeline, requests=[request], settings=SETTINGS)
        assert found.unseen_words == frozenset()
        assert found.word_maps.keys() == {word.position for word in request.words}
        assert found.image.size == (32, 32)
        for position, word_map in found.word_maps.items():
            assert word_map.shape == (16, 16)
            assert np.abs(word_map - alone.word_maps[position]).max() < 1e-5
        apart = np.abs(np.asarray(found.image, dtype=int) - np.asarray(alone.image))
        assert apart.max() <= 1


def test_exploring_leaves_out_what_needs_a_noise_schedule(pipeline: Any) -> None:
    found = pipelines.explore(
        pipeline, request=requests(PROMPTS[0])[0], settings=SETTINGS, levels=2, heads={}
    )
    for word in found.words.values():
        assert len(word.steps) == 2
        assert len(word.layers) == len(found.layers)
        assert tuple(word.methods) == ("paper", "castorini", "v1")


def test_a_negative_prompt_that_the_model_can_t_read_is_refused_by_name() -> None:
    """Control: it is dropped, and the run's page says otherwise."""
    with pytest.raises(ValueError, match="Flux reads no negative prompt"):
        pipelines.generate(
            tiny_flux(), requests=requests("a cat"), settings=replace(SETTINGS, negative_prompt="a dog")
        )


def test_a_scheduler_or_size_that_does_not_fit_is_refused_before_the_run() -> None:
    """Control: ten thousand images fail one after the other."""
    demo = registry.get("demo")
    flow = replace(demo, id="sd3", defaults=SETTINGS)
    assert flow.refusal(SETTINGS) == demo.refusal(demo.defaults) == ""
    assert "Choose flow-match-euler." in flow.refusal(replace(SETTINGS, scheduler="ddim"))
    assert "Choose dpm-solver-multistep or" in demo.refusal(SETTINGS)
    assert "Width 40 is no multiple of 16" in flow.refusal(replace(SETTINGS, width=40))
    assert demo.refusal(replace(demo.defaults, width=40)) == ""


@pytest.mark.parametrize(
    ("scheduler", "line", "expected"),
    [
        ("ddim", "", "float16"),
        ("flow-match-euler", "", "bfloat16"),
        ("ddim", 'precision = "float32"', "float32"),
    ],
)
def test_the_precision_on_a_gpu_is_the_one_listed_or_what_suits_the_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheduler: str, line: str, expected: str
) -> None:
    """Control: float16 for all, in which T5 overflows."""
    listed = tmp_path / "models.toml"
    listed.write_text(
        f'[models.one]\nsource = "owner/name"\nrevision = "{"a" * 40}"\nscheduler = "{scheduler}"\n{line}\n'
        "steps = 30\nguidance = 7.5\nheight = 512\nwidth = 512\n"
    )
    monkeypatch.setenv("PERCEPT_MODELS", str(listed))
    assert registry.get("one").precision == expected
