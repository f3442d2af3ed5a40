"""A later start of the demo finishes what an interrupted one left: its run, its study, its raters."""

import random

import pytest
from django.contrib.auth.models import User

from annotation.choices import CampaignState
from annotation.models import Campaign, Rater
from annotation.services import campaigns
from annotation.services.entry import give_consent
from generation import registry
from generation.choices import ImageState, RunState
from generation.models import Image, Run
from generation.services import runs
from generation.services.runs import RunSpec, create_run
from studies import demo
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.make_user()


@pytest.fixture
def run(owner: User) -> Run:
    """The demo's run as an interrupted start leaves it: nothing generated yet."""
    model = registry.get(registry.DEMO_ID)
    prompt_set = factories.make_prompt_set(owner=owner)
    return create_run(
        owner, RunSpec(name=demo.RUN, prompt_set=prompt_set, model=model, settings=model.defaults)
    )


@pytest.fixture
def study(owner: User) -> Campaign:
    run = factories.make_finished_run(owner=owner)
    return factories.make_open_campaign(owner, run=run, name=demo.STUDY)


def test_an_unfinished_run_is_gone_on_with_in_place_of_a_new_one(owner: User, run: Run) -> None:
    """Control: a start that only looks for a finished study makes a second run."""
    assert demo.interrupted_run(owner) == run


def test_a_paused_run_is_resumed_so_that_waiting_for_it_ends(owner: User, run: Run) -> None:
    runs.pause_run(run, actor=owner)
    assert demo.interrupted_run(owner) == run
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


def test_failed_images_are_tried_again(owner: User, run: Run) -> None:
    Image.objects.filter(run=run).update(state=ImageState.DEAD, failure="killed", attempts=3)
    demo.interrupted_run(owner)
    assert set(run.images.values_list("state", flat=True)) == {ImageState.READY}


def test_a_cancelled_run_or_one_of_another_revision_is_not_gone_on_with(owner: User, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(model_revision="0" * 40)
    assert demo.interrupted_run(owner) is None
    Run.objects.filter(pk=run.pk).update(model_revision=run.model_revision)
    runs.cancel_run(run, actor=owner)
    assert demo.interrupted_run(owner) is None


def test_a_run_cancelled_while_it_is_waited_for_ends_the_wait(owner: User, run: Run) -> None:
    """Control: a wait that looks at the images only never ends."""
    runs.cancel_run(run, actor=owner)
    with pytest.raises(demo.DemoError, match="cancelled"):
        demo.wait_for_images(run, check=_fail_the_test, report=lambda _: None)


def _fail_the_test() -> None:
    pytest.fail("the wait went on")


@pytest.mark.parametrize("state", [CampaignState.OPEN, CampaignState.PAUSED])
def test_a_study_without_all_its_raters_is_gone_on_with(
    owner: User, study: Campaign, state: CampaignState
) -> None:
    if state == CampaignState.PAUSED:
        campaigns.pause(study, owner)
    found = demo.interrupted_study(owner, study.run)
    assert found == study
    assert found.state == CampaignState.OPEN


def test_the_same_raters_come_again_without_those_who_have_ended(owner: User, study: Campaign) -> None:
    """Control: another crowd for each start adds raters, and whoever has ended stops it with EntryRefused."""
    first = demo.invite_crowd(study, seed=1)
    ended = random.Random(0).choice(first)
    rater = next(one for one in Rater.objects.filter(campaign=study) if _is(one, ended.name))
    give_consent(rater)
    factories.rate_all(rater)
    again = demo.invite_crowd(study, seed=1)
    rater.refresh_from_db()
    assert rater.outcome
    assert again == [one for one in first if one != ended]
    assert Rater.objects.filter(campaign=study).count() == len(first)
    assert not Rater.objects.filter(campaign=study, simulated=False).exists()


def _is(rater: Rater, name: str) -> bool:
    return bool(rater.identity.platform_id == name)
