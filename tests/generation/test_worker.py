"""The worker with a real pipeline of random weights: each image done, or failed with a reason."""

import errno
import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

import pytest
import torch
from django.db import OperationalError
from django.db.models.functions import Now
from PIL import Image as Picture
from pytest_django.fixtures import Settings

from generation import registry, storage
from generation.choices import ImageState, SafetyVerdict
from generation.models import Image, Run, WordMap
from generation.services import runs
from generation.worker import Worker, is_out_of_memory
from tests import factories

# The heartbeat has a connection of its own, so rows must be committed for it to see them.
pytestmark = pytest.mark.django_db(transaction=True)
torch.set_num_threads(1)


@pytest.fixture
def worker() -> Worker:
    return Worker(name="test worker", device="cpu", batch_size=4, lease_seconds=60)


def tiny_run(*texts: str, images_per_prompt: int = 1, **changed: Any) -> Run:
    spec = registry.get("tiny")
    owner = factories.make_user()
    return runs.create_run(
        owner,
        runs.RunSpec(
            name="Tiny",
            prompt_set=factories.make_prompt_set(texts, owner=owner),
            model=spec,
            settings=replace(spec.defaults, **changed),
            images_per_prompt=images_per_prompt,
        ),
    )


@pytest.fixture
def faulty(worker: Worker, tiny_model: str) -> Iterator[Callable[..., None]]:
    """Plants a fault in a part of the worker's own pipeline: it is called with the part's first tensor."""
    handles = []

    def plant(fault: Callable[[torch.Tensor], None], *, part: str = "unet") -> None:
        pipeline = worker._pipeline(Image.objects.select_related("run")[0])

        def hook(_: Any, inputs: Any, named: Any) -> None:
            fault(next(value for value in (*inputs, *named.values()) if isinstance(value, torch.Tensor)))

        handles.append(getattr(pipeline, part).register_forward_pre_hook(hook, with_kwargs=True))

    yield plant
    for handle in handles:
        handle.remove()


def test_a_run_is_generated_with_a_map_for_every_word(worker: Worker, tiny_model: str) -> None:
    run = tiny_run("a red circle", "a cat and a dog", images_per_prompt=2)
    assert worker.drain() == 4
    for image in Image.objects.filter(run=run).select_related("prompt"):
        assert image.state == ImageState.DONE
        assert image.safety_verdict == SafetyVerdict.UNCHECKED
        assert {"torch", "diffusers", "transformers"} <= set(image.versions)
        assert image.seconds is not None
        assert image.seconds > 0
        assert image.word_maps.count() == image.prompt.words.count()
        with Picture.open(io.BytesIO(storage.read_png(image))) as picture:
            assert (picture.size, picture.mode, picture.info) == ((32, 32), "RGB", {})
    for word_map in WordMap.objects.select_related("word", "image"):
        stored = storage.read_word_map(word_map)
        assert stored.max() == pytest.approx(word_map.peak, rel=1e-3)
        assert stored.ndim == 2


def test_a_batch_of_several_runs_gives_each_its_own_image(worker: Worker, faulty: Any) -> None:
    """Control: files or rows of one run go to its neighbour in the batch."""
    made = [tiny_run("a red circle"), tiny_run("a cat"), tiny_run("a red circle")]
    sizes = []
    faulty(lambda latents: sizes.append(latents.shape[0] // 2))
    worker.drain()
    assert set(sizes) == {3}
    first, cat, again = (Image.objects.get(run=run) for run in made)
    assert {first.state, cat.state, again.state} == {ImageState.DONE}
    assert first.file_sha256 == again.file_sha256 != cat.file_sha256
    assert cat.word_maps.count() == 2


def test_words_past_the_model_s_window_are_marked_and_have_no_map(worker: Worker, tiny_model: str) -> None:
    tiny_run("a a a a a a a a a a cat dog")
    worker.drain()
    seen = dict(WordMap.objects.values_list("word__position", "seen_by_model"))
    assert seen == {position: position < 10 for position in range(12)}


def test_the_same_seed_gives_the_same_image_and_another_seed_another(worker: Worker, tiny_model: str) -> None:
    for _ in range(2):
        tiny_run("a red circle", images_per_prompt=2)
    worker.drain()
    by_seed = {
        seed: set(Image.objects.filter(seed=seed).values_list("file_sha256", flat=True)) for seed in (0, 1)
    }
    assert [len(hashes) for hashes in by_seed.values()] == [1, 1]
    assert by_seed[0] != by_seed[1]


def test_out_of_memory_halves_the_batch_and_goes_on(worker: Worker, faulty: Any) -> None:
    """Control: treating it as any failure, or retrying the same batch, fails images or never ends."""
    tiny_run(*(f"a cat {number}" for number in range(4)))
    sizes = []

    def too_large(latents: torch.Tensor) -> None:
        images = latents.shape[0] // 2
        sizes.append(images)
        if images > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")

    faulty(too_large)
    worker.drain()
    assert list(Image.objects.values_list("state", "attempts")) == [(ImageState.DONE, 1)] * 4
    assert sizes[0] == 4
    assert 2 in sizes


def test_a_batch_that_really_does_not_fit_is_halved_once_and_the_size_that_fits_is_kept(
    worker: Worker, faulty: Any
) -> None:
    """The allocator itself refuses. Control: trying the full batch again for every claim."""
    tiny_run(*(f"a cat {number}" for number in range(12)))
    sizes = []

    def hungry(latents: torch.Tensor) -> None:
        images = latents.shape[0] // 2
        sizes.append(images)
        if images > 2:
            torch.empty(2**50, dtype=torch.uint8)

    faulty(hungry)
    worker.drain()
    assert set(Image.objects.values_list("state", "attempts")) == {(ImageState.DONE, 1)}
    assert sizes == [4] + 2 * [2] * 6  # two steps each


def test_files_are_written_by_a_thread_of_their_own(
    worker: Worker, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: written by the thread that generates, which waits for the disk."""
    threads = set()
    own = os.fsync

    def seen(descriptor: int) -> None:
        threads.add(threading.current_thread().name)
        own(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    tiny_run("a cat", "a dog")
    worker.drain()
    assert threads == {"writer"}
    assert set(Image.objects.values_list("state", flat=True)) == {ImageState.DONE}


def test_leases_are_kept_until_the_last_file_is_written(
    worker: Worker, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk. Control: a heartbeat that ends with the batch lets another worker take its images over."""
    worker.lease_seconds = 1.0
    ends = []
    own = storage.stage_image

    def slow(*args: Any, **named: Any) -> storage.StagedImage:
        held = Image.objects.filter(pk=args[0])
        before = held.get().lease_until
        time.sleep(1.5)
        ends.append(held.filter(lease_until__gt=before).exists())
        return own(*args, **named)

    monkeypatch.setattr(storage, "stage_image", slow)
    tiny_run("a cat")
    worker.drain()
    assert ends == [True]
    assert Image.objects.get().state == ImageState.DONE


def test_a_database_that_is_away_while_files_are_written_is_reported_by_the_drain(
    worker: Worker, tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: an error that ends in the writer's thread is seen by nobody."""

    def away(*_: Any, **__: Any) -> bool:
        raise OperationalError("the database is starting up")

    tiny_run("a cat")
    with monkeypatch.context() as broken:
        broken.setattr("generation.worker.complete_image", away)
        with pytest.raises(OperationalError, match="starting up"):
            worker.drain()
    assert Image.objects.get().state == ImageState.LEASED


def test_out_of_memory_at_every_size_is_a_dead_letter_that_says_so(worker: Worker, faulty: Any) -> None:
    tiny_run("a cat", "a dog")

    def always(latents: torch.Tensor) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    faulty(always)
    worker.drain()
    for image in Image.objects.all():
        assert (image.state, image.attempts) == (ImageState.DEAD, 3)
        assert "Out of memory at 32 x 32 pixels, batch 1" in image.failure


def test_a_poisonous_prompt_dies_after_three_attempts_and_the_others_are_done(
    worker: Worker, faulty: Any
) -> None:
    """Control: failing the whole batch with its poison kills the neighbours too."""
    tiny_run("a cat", "a dog", "a bird", "a fox")
    poison = Image.objects.get(prompt__text="a bird")
    pipeline = worker._pipeline(poison)
    ids = pipeline.tokenizer("a bird", padding="max_length", return_tensors="pt").input_ids[0]

    def poisoned(token_ids: torch.Tensor) -> None:
        if any(torch.equal(row, ids) for row in token_ids):
            raise ValueError("no reading this prompt")

    faulty(poisoned, part="text_encoder")
    worker.drain()
    found = {image.prompt.text: image for image in Image.objects.select_related("prompt")}
    poison = found.pop("a bird")
    assert (poison.state, poison.attempts) == (ImageState.DEAD, 3)
    assert poison.failure == "ValueError: no reading this prompt"
    assert {(image.state, image.attempts) for image in found.values()} == {(ImageState.DONE, 1)}


def test_a_model_that_can_t_be_loaded_fails_its_images_with_the_reason(
    worker: Worker, tiny_model: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline", "unet": ["a", "b"]}')
    listed = tmp_path / "models.toml"
    listed.write_text(listed.read_text().replace(str(registry.get("tiny").source), str(broken)))
    tiny_run("a cat")
    worker.drain()
    image = Image.objects.get()
    assert (image.state, image.attempts) == (ImageState.READY, 1)
    assert "could not be loaded" in image.failure


def test_a_full_disk_hands_the_image_back_without_counting_the_attempt(
    worker: Worker, tiny_model: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's answer is given at fsync. Control: counting the attempt kills all images in seconds."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    tiny_run("a cat")
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        worker.drain()
    image = Image.objects.get()
    assert (image.state, image.attempts) == (ImageState.READY, 0)
    assert "No space left" in image.failure
    assert [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()] == []
    Image.objects.update(ready_at=Now())
    worker.drain()
    assert Image.objects.get().state == ImageState.DONE


def test_a_worker_that_is_told_to_stop_hands_back_what_it_has_not_begun(
    worker: Worker, tiny_model: str
) -> None:
    tiny_run("a cat", "a dog")
    answers = chain([False], repeat(True))
    worker.drain(should_stop=lambda: next(answers))
    assert list(Image.objects.values_list("state", "attempts")) == [(ImageState.READY, 0)] * 2


def test_a_model_whose_folder_changed_is_not_used_for_runs_of_the_old_one(
    worker: Worker, tiny_model: str, tmp_path: Any
) -> None:
    """Control: a claim by model id alone generates with other weights than the run's provenance says."""
    tiny_run("a cat")
    listed = tmp_path / "models.toml"
    source = registry.get("tiny").source
    shutil.copytree(source, tmp_path / "changed")
    config = tmp_path / "changed" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + " ")
    listed.write_text(listed.read_text().replace(source, str(tmp_path / "changed")))
    assert worker.drain() == 0
    assert Image.objects.get().state == ImageState.READY


def test_a_model_stays_warm_from_run_to_run(worker: Worker, tiny_model: str) -> None:
    tiny_run("a cat")
    worker.drain()
    first = dict(worker._warm)
    tiny_run("a dog")
    worker.drain()
    assert worker._warm == first
    assert len(first) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("shape mismatch"), False),
        (ValueError("can't allocate memory"), False),
    ],
)
def test_only_a_lack_of_memory_makes_the_batch_smaller(error: Exception, verdict: bool) -> None:
    assert is_out_of_memory(error) is verdict
