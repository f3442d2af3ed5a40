"""The demo's small studies: open at once, gone on with, and read back as they were pressed."""

import json

import pytest
from django.contrib.auth.models import User

from annotation.choices import CampaignState, ItemKind, TaskKind
from annotation.models import Campaign
from generation.models import Run
from studies import demo_kinds
from tests import factories


@pytest.mark.django_db
@pytest.mark.parametrize("kind", list(demo_kinds.STUDIES))
def test_a_study_of_each_kind_opens_with_checks_and_is_found_again(owner: User, kind: TaskKind) -> None:
    """Control: a second start that makes a second study."""
    run = factories.make_finished_run(owner, images_per_prompt=6)
    compared = factories.make_run_again(run)
    made = demo_kinds.study_of(owner, run, kind, compared=compared)
    assert made.state == CampaignState.OPEN
    assert made.items.filter(kind=ItemKind.RATING).count() == demo_kinds.ITEMS
    assert made.checks_in_session >= 5
    assert demo_kinds.study_of(owner, run, kind, compared=compared) == made
    assert Campaign.objects.count() == 1


@pytest.mark.django_db
def test_the_run_to_compare_with_is_made_once(owner: User) -> None:
    """Control: a new run at each start."""
    run = factories.make_finished_run(owner)
    made = demo_kinds.few_steps_run(owner, run)
    assert (made.steps, made.prompt_set) == (demo_kinds.FEW_STEPS, run.prompt_set)
    assert demo_kinds.few_steps_run(owner, run) == made
    assert Run.objects.count() == 2


@pytest.mark.parametrize(
    ("said", "pressed"),
    [
        ({"words": ["a"]}, "checked"),
        ({"words": []}, "none"),
        ({"segmentation": {"size": [1, 1], "counts": "01"}, "not_in_image": False}, "drawn"),
        ({"segmentation": None, "not_in_image": True}, "not_in_image"),
        ({"choice": "tie"}, "tie"),
    ],
)
def test_answers_are_read_as_the_buttons_that_gave_them(said: dict[str, object], pressed: str) -> None:
    line = {"answer_key": "k", "rater": "r", "item": 3, "item_kind": "rating", "rater_failed_checks": True}
    [row] = demo_kinds.as_ratings(json.dumps(line | said) + "\n")
    assert row == {
        "answer_key": "k", "rater": "r", "item": "3", "item_kind": "rating", "rater_failed_checks": "1",
        "score": "", "opt_out": pressed,
    }  # fmt: skip
