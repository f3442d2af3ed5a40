"""How many processor threads a worker takes: what was asked for, else what an image is worth."""

import os

import pytest
import torch
from pytest_django.fixtures import Settings

from generation import registry
from generation.services import runs
from generation.threads import threads_for, waiting_policy
from generation.worker import Worker
from tests import factories


@pytest.fixture(autouse=True)
def _nobody_has_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_small_images_get_one_thread_and_large_ones_every_core() -> None:
    assert threads_for(height=64, width=64, wish=0) == 1
    assert threads_for(height=512, width=512, wish=0) == len(os.sched_getaffinity(0))


def test_what_was_asked_for_wins() -> None:
    assert threads_for(height=64, width=64, wish=3) == 3


def test_a_number_that_torch_heeds_by_itself_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads_for(height=512, width=512, wish=0) is None


def test_waiting_threads_sleep_unless_somebody_said_otherwise() -> None:
    assert waiting_policy({}) == {"OMP_WAIT_POLICY": "PASSIVE"}
    assert waiting_policy({"OMP_WAIT_POLICY": "ACTIVE"}) == {}


@pytest.mark.django_db
def test_the_worker_generates_with_so_many_threads(tiny_model: str, settings: Settings) -> None:
    """Control: a worker that never tells torch."""
    settings.GENERATION_THREADS = 3
    before = torch.get_num_threads()
    try:
        owner = factories.make_user()
        runs.create_run(
            owner,
            runs.RunSpec(
                name="One",
                prompt_set=factories.make_prompt_set(["a cat"], owner=owner),
                model=registry.get(tiny_model),
                settings=registry.get(tiny_model).defaults,
            ),
        )
        Worker(device="cpu").drain()
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
