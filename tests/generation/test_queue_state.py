"""What waits, and who works: seen by connections and leases, told to those who may know."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from config import databases
from generation import queue_state
from generation.choices import ImageState
from generation.models import Image, Run
from generation.queue_state import application_name
from generation.services.images import ModelPin, claim_images
from tests import factories

pytestmark = pytest.mark.django_db


@contextmanager
def connected(worker: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection such as a worker's, with its name."""
    place = databases.conninfo(connection.settings_dict)
    with psycopg.connect(place, application_name=application_name(worker), autocommit=True) as made:
        made.execute("SELECT 1")
        yield made


def claim(run: Run, worker: str, *, images: int) -> None:
    models = [ModelPin(model_id=run.model_id, revision=run.model_revision)]
    assert len(claim_images(worker, models=models, batch_size=images, lease_seconds=60)) == images


def test_an_idle_worker_is_seen_and_one_that_ended_is_gone(owner: User) -> None:
    """Controls: leave `call_connections_after` out of the command (test_worker_process.py); count leases
    alone, and an idle worker is none."""
    assert queue_state.queue_state(owner).workers == ()
    with connected("box:7"):
        (found,) = queue_state.queue_state(owner).workers
        assert (found.name, found.lives, found.works, found.connected) == ("box:7", True, False, True)
        assert found.since_seconds is None
    assert queue_state.queue_state(owner).workers == ()


def test_a_worker_s_work_is_named_to_those_alone_who_may_see_it(owner: User, stranger: User) -> None:
    """Control: `Run.objects.filter(...)` for `visible_to` in `_holders`."""
    run = factories.make_run(owner)
    with connected("box:7"):
        claim(run, "box:7", images=2)
        (found,) = queue_state.queue_state(owner).workers
        assert (found.images, found.of, found.works) == (2, (run.name,), True)
        assert found.since_seconds is not None
        told = queue_state.queue_state(stranger)
        assert (told.workers[0].images, told.workers[0].of) == (2, ())
        assert (told.waiting, told.own, told.in_work) == (0, 0, 2)


def test_a_worker_that_is_not_seen_is_known_by_its_leases(owner: User) -> None:
    """As behind a pool of connections. Control: only names of pg_stat_activity in `_workers`."""
    run = factories.make_run(owner)
    claim(run, "far:1", images=1)
    (found,) = queue_state.queue_state(owner).workers
    assert (found.name, found.connected, found.lives, found.images) == ("far:1", False, True, 1)
    Image.objects.filter(worker="far:1").update(lease_until=Now() - timedelta(seconds=1))
    assert queue_state.queue_state(owner).workers == ()


def test_the_oldest_job_that_could_be_taken_is_told_with_its_age(owner: User, stranger: User) -> None:
    """Controls: leave `ready_at__lte` out of `_oldest`; count paused runs' images in `queue_state`."""
    run, paused = factories.make_run(owner), factories.make_run(owner)
    Run.objects.filter(pk=paused.pk).update(state="paused")
    first, second = Image.objects.filter(run=run).order_by("pk")
    Image.objects.filter(run=paused).update(ready_at=Now() - timedelta(hours=5))
    Image.objects.filter(pk=first.pk).update(ready_at=Now() - timedelta(minutes=4))
    Image.objects.filter(pk=second.pk).update(ready_at=Now() + timedelta(minutes=4))
    found = queue_state.queue_state(owner)
    assert (found.waiting, found.own, queue_state.queue_state(stranger).own) == (2, 2, 0)
    assert found.oldest_seconds == pytest.approx(240, abs=30)
    assert found.lacks_worker
    with connected("box:7"):
        assert not queue_state.queue_state(owner).lacks_worker
    Image.objects.filter(pk=first.pk).delete()
    assert queue_state.queue_state(owner).oldest_seconds is None


def test_a_silent_worker_does_not_count_as_alive(owner: User, settings: Any) -> None:
    """Control: let `lives` return True."""
    settings.GENERATION_POLL_SECONDS, settings.GENERATION_LEASE_SECONDS = 3, 60
    alive = queue_state.SeenWorker(name="a", connected=True, silent_seconds=39)
    assert alive.lives
    assert not queue_state.SeenWorker(name="a", connected=True, silent_seconds=41).lives


def test_start_page_and_running_run_show_it_and_ask_again(
    client: Client, owner: User, stranger: User
) -> None:
    """Control: leave the queue out of either page."""
    run = factories.make_run(owner)
    dead = Image.objects.filter(run=run).order_by("pk")[0]
    Image.objects.filter(pk=dead.pk).update(state=ImageState.DEAD, failure="out of memory")
    fragment = reverse("generation:queue")
    client.force_login(owner)
    with connected("box:7"):
        for url in (reverse("home"), reverse("generation:run", args=[run.pk])):
            page = client.get(url).content.decode()
            assert f'data-poll="{fragment}"' in page
            assert "box:7" in page
            assert "idle" in page
        claim(run, "box:7", images=1)
        shown = client.get(fragment).content.decode()
        assert f"1 image of {run.name}" in shown
        assert '<span class="stat">1</span> <span class="muted">in your latest runs' in shown
        client.force_login(stranger)
        shown = client.get(fragment).content.decode()
        assert run.name not in shown
        assert "1 image for" in shown
