"""Campaigns from some of the prompts, and fewer items drawn evenly over a column's values."""

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import sources, specification
from annotation.choices import PairOf, TaskKind
from annotation.forms.campaigns import EffortForm
from annotation.forms.choosing import PromptFilterField, filter_fault
from annotation.models import Campaign
from annotation.services.campaigns import create_campaign
from annotation.specification import SpecificationRefused
from generation.models import Prompt, Run
from tests import factories

pytestmark = pytest.mark.django_db
# Six prompts about dogs, two about cats, one about a fish; half of them by day.
SUBJECTS = ["dog"] * 6 + ["cat"] * 2 + ["fish"]


@pytest.fixture
def run(owner: User) -> Run:
    texts = [f"a {subject} number{number}." for number, subject in enumerate(SUBJECTS)]
    made = factories.make_finished_run(owner, prompts=texts)
    for number, prompt in enumerate(Prompt.objects.order_by("row_number")):
        prompt.extra = {"subject": SUBJECTS[number], "when": "day" if number % 2 else "night"}
        prompt.save()
    return made


def subjects(campaign: Campaign) -> Counter[str]:
    """Items by the subject of their prompt."""
    found: Counter[str] = Counter()
    for item in campaign.items.all():
        image = item.image or factories.map_of(item).image
        found[image.prompt.extra["subject"]] += 1
    return found


def make(run: Run, **changes: Any) -> Campaign:
    return create_campaign(run.owner, factories.make_spec(run, **changes))


@pytest.mark.parametrize("kind", list(TaskKind))
def test_only_items_of_the_chosen_prompts_are_taken(run: Run, kind: TaskKind) -> None:
    """Control: leave of_chosen_prompts out of one kind."""
    extra: dict[str, Any] = {}
    if kind == TaskKind.OBJECT_PRESENCE:
        extra = {"vocabulary": factories.VOCABULARY}
    elif kind == TaskKind.PAIRWISE:
        extra = {"compared_run_ids": (factories.make_run_again(run).pk,), "pair_of": PairOf.IMAGES.value}
    chosen = {"subject": ["cat", "fish"], "when": ["day"]}
    campaign = make(run, task_kind=kind.value, prompt_filter=chosen, **extra)
    assert set(subjects(campaign)) == {"cat"}
    assert set(subjects(make(run, task_kind=kind.value, **extra))) == {"dog", "cat", "fish"}


def test_fewer_items_are_drawn_evenly_over_a_column(run: Run) -> None:
    """Control: items[:limit]."""
    spec = {"task_kind": TaskKind.OBJECT_PRESENCE.value, "vocabulary": factories.VOCABULARY}
    even = make(run, items_limit=5, stratify_by="subject", **spec)
    assert subjects(even) == {"dog": 2, "cat": 2, "fish": 1}
    again = make(run, items_limit=5, stratify_by="subject", **spec)
    assert [item.image_id for item in again.items.all()] == [item.image_id for item in even.items.all()]
    other = make(run, items_limit=5, stratify_by="subject", order_seed=1, **spec)
    assert [item.image_id for item in other.items.all()] != [item.image_id for item in even.items.all()]
    assert make(run, items_limit=None, stratify_by="subject", **spec).items.count() == len(SUBJECTS)


def test_parts_of_speech_are_strata_too(run: Run) -> None:
    campaign = make(run, items_limit=4, stratify_by="part_of_speech", parts_of_speech=("NOUN", "DET"))
    rated = campaign.items.filter(kind="rating")
    parts = Counter(factories.map_of(item).word.part_of_speech for item in rated)
    assert parts == {"NOUN": 2, "DET": 2}


def test_a_filter_is_read_line_by_line_and_faults_name_what_there_is() -> None:
    read = PromptFilterField().clean("subject = dog | cat\n\nwhen=day\n")
    assert read == {"subject": ["dog", "cat"], "when": ["day"]}
    columns = {"subject": frozenset({"dog", "cat"}), "when": frozenset({"day"})}
    assert filter_fault(read, columns=columns) == ""
    assert "when" in filter_fault({"where": ["x"]}, columns=columns)
    assert "cat, dog" in filter_fault({"subject": ["cow"]}, columns=columns)


def test_file_page_and_opening_know_the_choice(client: Client, run: Run) -> None:
    """Control: leave the fields out of initial_from or of RULE_FIELDS."""
    assert sources.prompt_columns(run)["subject"] == frozenset(SUBJECTS)
    given = {
        "run": run.pk, "contact": "Us", "prompt_filter": "subject = cat | fish", "items_limit": 2,
        "stratify_by": "subject", "checks_per_rater": 0,
    }  # fmt: skip
    made = specification.create(run.owner, given)
    again = specification.create(run.owner, specification.of_campaign(made))
    assert (again.prompt_filter, again.stratify_by) == ({"subject": ["cat", "fish"]}, "subject")
    with pytest.raises(SpecificationRefused, match="no column 'colour'"):
        specification.create(run.owner, given | {"prompt_filter": "colour = red"})
    client.force_login(run.owner)
    html = client.get(reverse("annotation:campaign_edit", args=[made.public_id])).content.decode()
    assert "subject = cat | fish" in html


def test_the_summary_beside_the_form_counts_what_is_left(run: Run) -> None:
    """Control: count the whole run."""
    material = sources.material_of(run, among=Run.objects.all())
    entries = {
        "parts_of_speech": ["DET"], "raters_per_item": 3, "items_per_rater": 40, "share_cap_percent": 100,
        "places_kept": 3, "seconds_per_item": 8, "checks_per_rater": 0,
    }  # fmt: skip
    for chosen, ratings in (("", 27), ("subject = cat", 6), ("subject = cow", 0)):
        found = EffortForm(entries | {"prompt_filter": chosen}, material=material).effort()
        assert (found.ratings if found else 0) == ratings
