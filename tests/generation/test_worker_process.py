"""Workers that are killed, stopped and ended while they work: every image once, none lost."""

import signal
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from django.db.models import Count
from pytest_django.fixtures import Settings

from generation import registry, storage
from generation.choices import ImageState
from generation.models import Image, Run
from generation.queue_state import queue_state
from generation.services import runs
from tests import factories
from tests.generation.worker_process import WorkerProcess, wait_until, worker

IDLE_SECONDS = 3
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


def make_run(*, images: int, steps: int) -> Run:
    """A run that takes long enough to be disturbed."""
    spec = registry.get("tiny")
    owner = factories.make_user()
    defaults = spec.defaults
    return runs.create_run(
        owner,
        runs.RunSpec(
            name="Disturbed",
            prompt_set=factories.make_prompt_set([f"a cat {n}" for n in range(images)], owner=owner),
            model=spec,
            settings=registry.GenerationSettings(
                steps=steps,
                guidance=defaults.guidance,
                scheduler=defaults.scheduler,
                height=defaults.height,
                width=defaults.width,
            ),
        ),
    )


def leased() -> bool:
    """Whether an image is in work."""
    return Image.objects.filter(state=ImageState.LEASED).exists()


def holder(processes: Sequence[WorkerProcess]) -> WorkerProcess | None:
    """The one of the workers that has an image in work."""
    names = Image.objects.filter(state=ImageState.LEASED).values_list("worker", flat=True)
    pids = {int(name.rsplit(":", 1)[1]) for name in names}
    return next((process for process in processes if process.pid in pids), None)


def stopped_holder(processes: Sequence[WorkerProcess]) -> WorkerProcess | None:
    """One of the workers, stopped with an image in work; None where it was done before the stop came."""
    found = holder(processes)
    if found is None:
        return None
    found.send_signal(signal.SIGSTOP)
    time.sleep(0.3)  # a statement that was on its way takes effect
    if holder(processes) is found:
        return found
    found.send_signal(signal.SIGCONT)
    return None


def stop_with_an_image(processes: Sequence[WorkerProcess], *, log: Path) -> WorkerProcess:
    """Waits for, and stops, a worker that has an image in work."""
    stopped: list[WorkerProcess] = []

    def tried() -> bool:
        if (worker := stopped_holder(processes)) is not None:
            stopped.append(worker)
        return bool(stopped)

    wait_until(tried, log=log)
    return stopped[0]


def done() -> int:
    return Image.objects.filter(state=ImageState.DONE).count()


def assert_each_image_once(images: int, *, media: Path) -> None:
    """Every image is done with its two files and its maps, and there is no other file."""
    storage.sweep(older_than_seconds=0)
    names = {f"{image.pk}.{ending}" for image in Image.objects.all() for ending in ("png", "npz")}
    assert {path.name for path in media.rglob("*") if path.is_file()} == names
    assert done() == images
    for image in Image.objects.annotate(maps=Count("word_maps")).select_related("prompt"):
        assert image.maps == image.prompt.words.count()
        assert sha256(storage.read_png(image)).hexdigest() == image.file_sha256


def test_a_killed_worker_s_images_are_taken_over_none_lost_and_none_doubled(
    tiny_model: str, log: Path, settings: Settings
) -> None:
    """Control: without the end of leases in _claimable the killed worker's images stay leased for ever."""
    make_run(images=8, steps=60)
    with worker(log) as first, worker(log) as second:
        wait_until(lambda: done() >= 1, log=log)
        stop_with_an_image([first, second], log=log).kill()
        wait_until(lambda: done() == 8, log=log)
    assert_each_image_once(8, media=settings.MEDIA_ROOT)
    assert max(Image.objects.values_list("attempts", flat=True)) == 2


def test_a_worker_that_hung_and_comes_back_is_refused(tiny_model: str, log: Path, settings: Settings) -> None:
    """Control: _held without fence and state lets the zombie complete an image that is done."""
    make_run(images=1, steps=100)
    with worker(log) as first, worker(log) as second:
        zombie = stop_with_an_image([first, second], log=log)
        wait_until(lambda: done() == 1, log=log)
        before = Image.objects.get()
        zombie.send_signal(signal.SIGCONT)
        wait_until(lambda: "this result is refused" in log.read_text(), log=log)
    after = Image.objects.get()
    assert (after.fence, after.worker, after.generated_at) == (2, before.worker, before.generated_at)
    assert not after.worker.endswith(f":{zombie.pid}")
    assert_each_image_once(1, media=settings.MEDIA_ROOT)


def test_a_worker_works_without_any_message_and_ends_in_order(tiny_model: str, log: Path) -> None:
    """The tests' broker reaches no other process, so the run is found by the poll.

    Controls: without the poll nothing is done; a loop that does not look at the request to end goes on
    through all images; a worker that just ends leaves leases behind; without `call_connections_after` nobody
    sees it.
    """
    with worker(log) as process:
        run = make_run(images=1, steps=1)
        wait_until(lambda: done() == 1, log=log)
        (seen,) = queue_state(run.owner).workers
        assert (seen.name.rsplit(":", 1)[1], seen.lives) == (str(process.pid), True)
        time.sleep(IDLE_SECONDS)  # until the loop has found the table empty and waits
        make_run(images=12, steps=60)
        wait_until(lambda: done() >= 2 and leased(), log=log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 0
    assert not leased()
    assert 2 <= done() < 13
    waiting = Image.objects.filter(state=ImageState.READY)
    assert set(waiting.values_list("attempts", flat=True)) == {0}
