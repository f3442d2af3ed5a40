"""A campaign can be made from what a run has finished once nothing more will come."""

import pytest
from django.contrib.auth.models import User

from annotation.sources import finished_runs, unfinished_images
from generation.models import Image, Run
from generation.services.runs import cancel_run
from tests.factories import make_finished_run

pytestmark = pytest.mark.django_db


def run_with_one_image_to_come(owner: User) -> Run:
    run = make_finished_run(owner, prompts=["a red circle.", "a blue star."])
    done = Image.objects.filter(run=run).order_by("pk").first()
    assert done is not None
    Image.objects.create(run=run, prompt=done.prompt, seed=done.seed + 1)
    return run


def test_a_run_with_an_image_to_come_is_not_finished(owner: User) -> None:
    run = run_with_one_image_to_come(owner)
    assert not finished_runs(Run.objects.all()).filter(pk=run.pk).exists()
    assert unfinished_images().filter(run=run).count() == 1


def test_cancelling_makes_a_run_usable_with_what_it_has(owner: User) -> None:
    """Control: counting a cancelled run's waiting images keeps it unusable for ever."""
    run = run_with_one_image_to_come(owner)
    assert cancel_run(run)
    assert finished_runs(Run.objects.all()).filter(pk=run.pk).exists()
    assert not unfinished_images().filter(run=run).exists()
