"""Loading and generating with a small model of random weights, through the real diffusers pipeline."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file

from benchmarks.models import mini_sdxl, tiny_pipeline
from generation import pipelines, registry
from generation.attribution.words import split_words
from generation.pipelines import GenerationRequest, GenerationSettings, WordSpan

SETTINGS = GenerationSettings(
    steps=2, guidance=3.0, scheduler="dpm-solver-multistep", height=32, width=32, negative_prompt=""
)
# Those of flow matching run other models: test_flow_models.py.
DIFFUSION_SCHEDULERS = [name for name in registry.SCHEDULERS if name not in registry.FLOW_SCHEDULERS]
torch.set_num_threads(1)


def request(prompt: str, seed: int) -> GenerationRequest:
    """A request for the maps of every word."""
    return GenerationRequest(prompt=prompt, seed=seed, words=split_words(prompt))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with safetensors weights; the window holds ten content tokens."""
    path = tmp_path_factory.mktemp("model")
    tiny_pipeline(window=12).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def spec(folder: Path) -> registry.ModelSpec:
    return replace(registry.get("demo"), source=str(folder))


@pytest.fixture(scope="module")
def pipeline(spec: registry.ModelSpec) -> Any:
    return pipelines.load(spec, device="cpu")


def test_a_folder_loads_in_full_precision_on_a_cpu(pipeline: Any) -> None:
    assert pipeline.unet.dtype == torch.float32
    assert pipeline.device == torch.device("cpu")


def test_pickled_weights_are_refused(spec: registry.ModelSpec, folder: Path, tmp_path: Path) -> None:
    """A pickle can run code when it is read. Control: without use_safetensors=True it is what gets loaded."""
    model = Path(shutil.copytree(folder, tmp_path / "model"))
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(OSError, match="safetensors"):
        pipelines.load(replace(spec, source=str(model)), device="cpu")


def test_another_kind_of_pipeline_is_refused(spec: registry.ModelSpec, tmp_path: Path) -> None:
    unet = UNet2DModel(
        sample_size=8,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler()).save_pretrained(tmp_path)
    with pytest.raises(pipelines.UnsupportedModelError, match="DDPMPipeline"):
        pipelines.load(replace(spec, source=str(tmp_path)), device="cpu")


@pytest.mark.parametrize("scheduler", DIFFUSION_SCHEDULERS)
def test_every_scheduler_of_the_registry_makes_an_image_with_maps(pipeline: Any, scheduler: str) -> None:
    (made,) = pipelines.generate(
        pipeline, requests=[request("a red circle", 1)], settings=replace(SETTINGS, scheduler=scheduler)
    )
    assert made.image.size == (32, 32)
    assert sorted(made.word_maps) == [0, 1, 2]
    for word_map in made.word_maps.values():
        assert word_map.shape == (16, 16)
        assert word_map.dtype == np.float32
        assert 0 < word_map.mean() < 1


def test_an_image_does_not_depend_on_the_schedulers_used_before(pipeline: Any) -> None:
    """Control: making each scheduler from the configuration of the last one, or leaving it in place."""
    own = pipeline.scheduler
    (fresh,) = pipelines.generate(pipeline, requests=[request("a cat", 1)], settings=SETTINGS)
    for scheduler in DIFFUSION_SCHEDULERS:
        others = replace(SETTINGS, scheduler=scheduler)
        pipelines.generate(pipeline, requests=[request("a cat", 1)], settings=others)
    (later,) = pipelines.generate(pipeline, requests=[request("a cat", 1)], settings=SETTINGS)
    assert later.image.tobytes() == fresh.image.tobytes()
    assert pipeline.scheduler is own


def test_an_xl_model_is_loaded_and_traced(spec: registry.ModelSpec, tmp_path: Path) -> None:
    mini_sdxl(sample_size=8).save_pretrained(tmp_path)
    xl = pipelines.load(replace(spec, source=str(tmp_path)), device="cpu")
    settings = replace(SETTINGS, height=16, width=16, negative_prompt="a dog")
    made = pipelines.generate(
        xl, requests=[request("a red circle", 1), request("a cat", 2)], settings=settings
    )
    assert [sorted(each.word_maps) for each in made] == [[0, 1, 2], [0, 1]]
    assert made[0].word_maps[2].shape == (8, 8)
    assert made[0].safety_verdict == "unchecked"


def test_an_image_depends_on_its_prompt_and_seed_and_not_on_its_neighbours(pipeline: Any) -> None:
    """Control: one generator for the whole batch gives the second image other noise."""
    requests = [request("a red circle", 1), request("the blue square", 2), request("a red circle", 3)]
    together = pipelines.generate(pipeline, requests=requests, settings=SETTINGS)
    backwards = pipelines.generate(pipeline, requests=requests[::-1], settings=SETTINGS)[::-1]
    alone = [pipelines.generate(pipeline, requests=[each], settings=SETTINGS)[0] for each in requests]
    for one, other, single in zip(together, backwards, alone, strict=True):
        for others in (other, single):
            difference = np.asarray(one.image).astype(int) - np.asarray(others.image).astype(int)
            assert abs(difference).max() <= 1
            for position, word_map in one.word_maps.items():
                assert np.abs(word_map - others.word_maps[position]).max() < 5e-6
    assert not np.array_equal(np.asarray(together[0].image), np.asarray(together[2].image))


def test_the_same_request_twice_gives_the_same_bytes(pipeline: Any) -> None:
    once, again = (
        pipelines.generate(pipeline, requests=[request("a cat", 9)], settings=SETTINGS)[0] for _ in range(2)
    )
    assert once.image.tobytes() == again.image.tobytes()
    assert np.array_equal(once.word_maps[1], again.word_maps[1])


def test_sizes_are_height_then_width(pipeline: Any) -> None:
    settings = replace(SETTINGS, height=32, width=48)
    (made,) = pipelines.generate(pipeline, requests=[request("a cat", 1)], settings=settings)
    assert made.image.size == (48, 32)
    assert made.word_maps[1].shape == (16, 24)


def test_words_past_the_window_are_reported_and_the_batch_goes_on(pipeline: Any) -> None:
    """Ten content tokens fit; the eleventh word, and a word cut in two, are not seen as they are written."""
    long = request("a red circle and a blue square and a hot dog , a cat", 1)
    cut = request("a red circle and a blue square and the xyz", 2)
    short = request("a cat", 3)
    made = pipelines.generate(pipeline, requests=[long, cut, short], settings=SETTINGS)
    assert made[0].unseen_words == {10, 11, 12, 13}
    assert sorted(made[0].word_maps) == list(range(10))
    assert made[1].unseen_words == {9}
    assert made[2].unseen_words == frozenset()


def test_images_are_decoded_one_by_one(pipeline: Any) -> None:
    """Control: the decoder's memory grows with the batch."""
    sizes = []
    handle = pipeline.vae.decoder.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[0]))
    requests = [request("a cat", seed) for seed in range(3)]
    pipelines.generate(pipeline, requests=requests, settings=SETTINGS)
    handle.remove()
    assert sizes == [1, 1, 1]


def test_a_request_without_words_makes_an_image_without_maps(pipeline: Any) -> None:
    plain = GenerationRequest(prompt="a red circle", seed=1, words=())
    (made,) = pipelines.generate(pipeline, requests=[plain], settings=SETTINGS)
    (mapped,) = pipelines.generate(pipeline, requests=[request("a red circle", 1)], settings=SETTINGS)
    assert made.word_maps == {}
    assert made.image.tobytes() == mapped.image.tobytes()


def test_no_request_makes_nothing(pipeline: Any) -> None:
    assert pipelines.generate(pipeline, requests=[], settings=SETTINGS) == []


def test_a_word_that_is_not_at_its_place_is_refused() -> None:
    """Control: without the check a span from another prompt gives the map of another word."""
    with pytest.raises(ValueError, match="'cat'"):
        GenerationRequest(prompt="a dog", seed=1, words=(WordSpan(position=1, text="cat", start=2, end=5),))


def test_a_negative_prompt_changes_the_image(pipeline: Any) -> None:
    plain, other = (
        pipelines.generate(
            pipeline,
            requests=[request("a cat", 1), request("a dog", 2)],
            settings=replace(SETTINGS, negative_prompt=text),
        )
        for text in ("", "a blue square")
    )
    assert plain[0].image.tobytes() != other[0].image.tobytes()


def test_without_a_safety_checker_the_verdict_is_unchecked(pipeline: Any) -> None:
    """Control: reading a missing verdict as passed."""
    (made,) = pipelines.generate(pipeline, requests=[request("a cat", 1)], settings=SETTINGS)
    assert made.safety_verdict == "unchecked"


def test_the_safety_checker_s_verdict_is_recorded_for_each_image(spec: registry.ModelSpec) -> None:
    """Control: one verdict for the whole batch."""

    class SecondIsUnsafe(torch.nn.Module):
        dtype = torch.float32
        device = torch.device("cpu")

        def forward(self, images: Any, clip_input: Any) -> tuple[Any, list[bool]]:
            assert clip_input is not None
            return images, [False, True]

    class Pixels:
        def __call__(self, images: Any, return_tensors: str) -> Any:
            assert return_tensors == "pt"

            class Features(dict):
                pixel_values = torch.zeros(len(images), 3, 4, 4)

                def to(self, _: Any) -> Any:
                    return self

            return Features()

    checked = pipelines.load(spec, device="cpu")
    checked.safety_checker, checked.feature_extractor = SecondIsUnsafe(), Pixels()
    made = pipelines.generate(checked, requests=[request("a cat", 1), request("a dog", 2)], settings=SETTINGS)
    assert [each.safety_verdict for each in made] == ["passed", "filtered"]


def test_versions_name_every_package_that_shaped_the_image(pipeline: Any) -> None:
    (made,) = pipelines.generate(pipeline, requests=[request("a cat", 1)], settings=SETTINGS)
    assert set(made.versions) == {"torch", "diffusers", "transformers", "percept"}
    assert made.versions["torch"] == torch.__version__
