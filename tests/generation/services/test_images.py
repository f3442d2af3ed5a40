"""Leases, fences and attempts: every image once, or dead with a reason."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from generation import storage
from generation.choices import ImageState, RunState, SafetyVerdict
from generation.models import Image, Run, WordMap
from generation.registry import GenerationSettings
from generation.services import images
from generation.services.images import Claim, ImageResult, ModelPin
from tests import factories

pytestmark = pytest.mark.django_db


def claim(run: Run, *, worker: str = "worker", batch_size: int = 1) -> list[Claim]:
    """What a worker with the run's model is handed out."""
    pin = ModelPin(model_id=run.model_id, revision=run.model_revision)
    return images.claim_images(worker, models=[pin], batch_size=batch_size, lease_seconds=60)


def stage(claim: Claim, *, content: bytes = b"picture") -> storage.StagedImage:
    """Files of an image, as a worker writes them before it asks whether it may publish."""
    maps = {0: np.ones((2, 2), dtype=np.float32)}
    return storage.stage_image(claim.image_id, run_id=claim.run_id, png=content, word_maps=maps)


def result_for(claim: Claim) -> ImageResult:
    word = Image.objects.get(pk=claim.image_id).prompt.words.get(position=0)
    return ImageResult(
        safety_verdict=SafetyVerdict.UNCHECKED, versions={"torch": "2"}, seconds=1.0, peaks={word.pk: 1.0}
    )


def complete(claim: Claim, *, content: bytes = b"picture") -> bool:
    return images.complete_image(claim, staged=stage(claim, content=content), result=result_for(claim))


def let_leases_expire(claims: Sequence[Claim]) -> None:
    """As if the worker had been killed a lease ago."""
    pks = [claim.image_id for claim in claims]
    Image.objects.filter(pk__in=pks).update(lease_until=Now() - timedelta(seconds=1))


def files(media: Path) -> list[str]:
    """Every file under the media folder, temporary ones too."""
    return sorted(path.name for path in media.rglob("*") if path.is_file())


def test_a_leased_image_is_handed_out_to_nobody_else() -> None:
    """Control: without the look at lease_until the second claim gets the image too."""
    run = factories.make_run(prompts=["a cat"])
    (first,) = claim(run)
    assert claim(run, worker="another") == []
    assert Image.objects.get().fence == first.fence == 1


def test_an_image_whose_lease_ran_out_is_taken_over() -> None:
    run = factories.make_run(prompts=["a cat"])
    (first,) = claim(run)
    let_leases_expire([first])
    (second,) = claim(run, worker="another")
    assert (second.image_id, second.fence) == (first.image_id, first.fence + 1)
    assert Image.objects.get().worker == "another"


def test_a_heartbeat_keeps_the_lease() -> None:
    """Control: an extend_leases that changes nothing lets the second claim succeed."""
    run = factories.make_run(prompts=["a cat"])
    (first,) = claim(run)
    let_leases_expire([first])
    assert images.extend_leases([first], lease_seconds=60) == 1
    assert claim(run, worker="another") == []


def test_a_late_heartbeat_does_not_touch_the_next_worker_s_lease() -> None:
    run = factories.make_run(prompts=["a cat"])
    (first,) = claim(run)
    let_leases_expire([first])
    claim(run, worker="another")
    assert images.extend_leases([first], lease_seconds=9999) == 0


def test_a_zombie_s_result_after_the_takeover_s_is_refused(settings: Settings) -> None:
    """Control: _held without fence and state lets the zombie's file replace the published one."""
    run = factories.make_run(prompts=["a cat"])
    (zombie,) = claim(run)
    let_leases_expire([zombie])
    (taken,) = claim(run, worker="another")
    assert complete(taken, content=b"the picture")
    assert not complete(zombie, content=b"the zombie's")
    image = Image.objects.get()
    assert storage.read_png(image) == b"the picture"
    assert WordMap.objects.count() == 1
    assert files(settings.MEDIA_ROOT) == [f"{image.pk}.npz", f"{image.pk}.png"]


def test_a_zombie_s_result_before_the_takeover_s_leaves_no_trace(settings: Settings) -> None:
    """Control: publishing before the look at the fence leaves the zombie's files under the final names."""
    run = factories.make_run(prompts=["a cat"])
    (zombie,) = claim(run)
    let_leases_expire([zombie])
    (taken,) = claim(run, worker="another")
    assert not complete(zombie, content=b"the zombie's")
    assert files(settings.MEDIA_ROOT) == []
    assert Image.objects.get().state == ImageState.LEASED
    assert complete(taken)


def test_a_worker_whose_lease_ran_out_unnoticed_may_still_finish() -> None:
    run = factories.make_run(prompts=["a cat"])
    (late,) = claim(run)
    let_leases_expire([late])
    assert complete(late)
    assert Image.objects.get().state == ImageState.DONE


def test_a_kill_between_files_and_row_is_repeated_without_doubles(settings: Settings) -> None:
    """Control: file names with a random part leave two pictures of one image."""
    run = factories.make_run(prompts=["a cat"])
    (killed,) = claim(run)
    with transaction.atomic():
        complete(killed, content=b"half done")
        transaction.set_rollback(True)
    assert Image.objects.get().state == ImageState.LEASED
    let_leases_expire([killed])
    (again,) = claim(run)
    assert complete(again, content=b"the picture")
    image = Image.objects.get()
    assert storage.read_png(image) == b"the picture"
    assert WordMap.objects.count() == 1
    assert files(settings.MEDIA_ROOT) == [f"{image.pk}.npz", f"{image.pk}.png"]


def test_completing_twice_changes_nothing_the_second_time() -> None:
    run = factories.make_run(prompts=["a cat"])
    (first,) = claim(run)
    assert complete(first)
    assert not complete(first, content=b"again")
    assert storage.read_png(Image.objects.get()) == b"picture"


def test_an_image_that_fails_three_times_is_dead_with_its_reason() -> None:
    """Control: a MAX_ATTEMPTS that is never compared hands the image out a fourth time."""
    run = factories.make_run(prompts=["a poisonous cat"])
    for attempt in range(1, 4):
        (again,) = claim(run)
        assert images.fail_image(again, reason=f"attempt {attempt} failed")
    image = Image.objects.get()
    assert (image.state, image.attempts, image.failure) == (ImageState.DEAD, 3, "attempt 3 failed")
    assert claim(run) == []


def test_an_image_that_kills_its_workers_is_dead_after_three() -> None:
    """Control: without the attempt cap in _claimable it is handed out for ever."""
    run = factories.make_run(prompts=["a poisonous cat"])
    for _ in range(3):
        let_leases_expire(claim(run))
    assert claim(run) == []
    image = Image.objects.get()
    assert (image.state, image.attempts) == (ImageState.DEAD, 3)
    assert "3 times in a row" in image.failure


def test_a_failed_image_waits_behind_the_others() -> None:
    run = factories.make_run(prompts=["a poisonous cat", "a dog"])
    (poison,) = claim(run)
    images.fail_image(poison, reason="poison")
    (dog,) = claim(run)
    assert dog.image_id != poison.image_id


def test_an_image_that_failed_before_is_handed_out_alone() -> None:
    """Control: batches of any attempts make a killing image take its neighbours' attempts with it."""
    run = factories.make_run(prompts=["a poisonous cat", "a dog", "a bird"])
    let_leases_expire(claim(run, batch_size=3))
    assert [len(claim(run, batch_size=3)) for _ in range(3)] == [1, 1, 1]


def test_a_batch_is_filled_up_from_other_runs_with_the_same_settings() -> None:
    """Control: only the first run's images are claimed, and the batch stays half empty."""
    first, second = factories.make_run(prompts=["a cat", "a dog"]), factories.make_run(prompts=["a bird"])
    assert [each.run_id for each in claim(first, batch_size=8)] == [first.pk, first.pk, second.pk]


@pytest.mark.parametrize(
    "name", ["model_id", "model_revision", *(field.name for field in fields(GenerationSettings))]
)
def test_a_batch_mixes_no_settings(name: str) -> None:
    """Control: a setting that is left out of the comparison makes images with another run's value."""
    run, other = factories.make_run(prompts=["a cat"]), factories.make_run(prompts=["a dog"])
    was = getattr(other, name)
    Run.objects.filter(pk=other.pk).update(**{name: f"{was}x" if isinstance(was, str) else was + 8})
    other.refresh_from_db()
    pins = [ModelPin(model_id=each.model_id, revision=each.model_revision) for each in (run, other)]
    for expected in (run, other):
        claims = images.claim_images("worker", models=pins, batch_size=8, lease_seconds=60)
        assert [each.run_id for each in claims] == [expected.pk]


def test_a_paused_run_fills_no_other_run_s_batch() -> None:
    """Control: the batch is filled up from rows that are not claimable."""
    first, second = factories.make_run(prompts=["a cat"]), factories.make_run(prompts=["a bird"])
    Run.objects.filter(pk=second.pk).update(state=RunState.PAUSED)
    assert [each.run_id for each in claim(first, batch_size=8)] == [first.pk]


def test_an_image_that_was_handed_back_has_lost_no_attempt() -> None:
    run = factories.make_run(prompts=["a cat"])
    (first,) = claim(run)
    assert images.hand_back(first)
    image = Image.objects.get()
    assert (image.state, image.attempts) == (ImageState.READY, 0)
    assert len(claim(run)) == 1


def test_an_image_that_was_handed_back_for_a_while_waits_so_long() -> None:
    run = factories.make_run(prompts=["a cat"])
    (first,) = claim(run)
    images.hand_back(first, reason="disk full", wait_seconds=60)
    assert claim(run) == []
    Image.objects.update(ready_at=Now())
    assert len(claim(run)) == 1


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.CANCELLED])
def test_a_run_that_is_not_generating_hands_out_nothing(state: RunState) -> None:
    run = factories.make_run(prompts=["a cat"])
    Run.objects.update(state=state)
    assert claim(run) == []


def test_a_worker_with_another_revision_of_the_model_gets_nothing() -> None:
    """Control: a claim by model id alone mixes revisions in one run."""
    run = factories.make_run(prompts=["a cat"])
    other = ModelPin(model_id=run.model_id, revision="f" * 40)
    assert images.claim_images("worker", models=[other], batch_size=1, lease_seconds=60) == []
    assert images.claim_images("worker", models=[], batch_size=1, lease_seconds=60) == []


@pytest.mark.django_db(transaction=True)
def test_eight_workers_at_once_get_every_image_exactly_once() -> None:
    """Control: without select_for_update in _claimable images go to several workers."""
    run = factories.make_run(prompts=[f"cat {number}" for number in range(60)])

    def work(name: str) -> list[int]:
        held: list[int] = []
        try:
            while claims := claim(run, worker=name, batch_size=3):
                held += [each.image_id for each in claims]
        finally:
            connection.close()
        return held

    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(work, [f"worker {number}" for number in range(8)]))
    counts = Counter(pk for pks in held for pk in pks)
    assert len(counts) == 60
    assert set(counts.values()) == {1}
    assert set(Image.objects.values_list("fence", "attempts")) == {(1, 1)}
