"""Twenty rounds of workers killed at ten random moments each: every image once, or dead with its reason."""

import random
import time
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from generation import storage
from generation.choices import ImageState
from generation.models import Image
from generation.services.images import MAX_ATTEMPTS
from tests.generation.test_worker_process import leased, make_run
from tests.generation.worker_process import wait_until, worker

ROUNDS = 20
KILLS = 10
WORKERS = 3
IMAGES = 12
LONGEST_WAIT_SECONDS = 2.0

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.soak]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_ten_kills_at_random_moments_lose_and_double_no_image(
    seed: int, tiny_model: str, tmp_path: Path, settings: Settings
) -> None:
    """Control: without the end of leases in _claimable killed workers' images stay leased for ever."""
    log = tmp_path / "worker.log"
    dice = random.Random(seed)
    run = make_run(images=IMAGES, steps=40)
    with ExitStack() as stack:
        working = [stack.enter_context(worker(log)) for _ in range(WORKERS)]
        killed = 0
        while killed < KILLS and not over():
            wait_until(lambda: leased() or over(), log=log)
            time.sleep(dice.uniform(0, LONGEST_WAIT_SECONDS))
            victim = dice.randrange(WORKERS)
            working[victim].kill()
            working[victim].wait()
            killed += 1
            working[victim] = stack.enter_context(worker(log))
        wait_until(over, log=log)
    assert killed > 0
    assert Image.objects.filter(run=run).count() == IMAGES
    assert_done_or_dead_with_a_reason(settings.MEDIA_ROOT)


def over() -> bool:
    """Whether no image is to be made any more."""
    return not Image.objects.filter(state__in=[ImageState.READY, ImageState.LEASED]).exists()


def assert_done_or_dead_with_a_reason(media: Path) -> None:
    """Done images have their two files, whole, and their maps; dead ones a reason; there is no other file."""
    storage.sweep(older_than_seconds=0)
    made = list(Image.objects.filter(state=ImageState.DONE).select_related("prompt"))
    files = {path.name for path in media.rglob("*") if path.is_file()}
    assert files == {f"{image.pk}.{ending}" for image in made for ending in ("png", "npz")}
    for image in made:
        assert image.word_maps.count() == image.prompt.words.count()
        assert sha256(storage.read_png(image)).hexdigest() == image.file_sha256
    for image in Image.objects.filter(state=ImageState.DEAD):
        assert image.attempts == MAX_ATTEMPTS
        assert image.failure
