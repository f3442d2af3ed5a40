"""Attention checks in the kinds beside the opinion score: what is asked, where it lies, how it is judged."""

import csv
import io
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from annotation.choices import CheckKind, TaskKind
from annotation.contents import AnswerContent, option_content
from annotation.evidence_exports import evidence_csv
from annotation.mask_files import read_mask
from annotation.models import Campaign, Item, Rater, Slot
from annotation.queries import rater_row
from annotation.services import campaigns
from annotation.services.answers import record_answer
from annotation.services.tasks_for_raters import Task, next_task
from annotation.standings import standings
from tests import factories

pytestmark = pytest.mark.django_db
MASK = AnswerContent(mask=read_mask(factories.mask_png(), height=factories.SIDE, width=factories.SIDE))


def send(rater: Rater, task: Task, content: AnswerContent) -> None:
    """The rater's answer to a task."""
    record_answer(
        rater, slot_id=task.slot_id, content=content, idempotency_key=uuid4(), client_milliseconds=None,
        view="",
    )  # fmt: skip


def opened(kind: TaskKind, owner: User, *, known: int = 0, **changes: Any) -> Campaign:
    """An open campaign of the kind, with so many of its items marked as known."""
    draft = factories.make_draft_of_kind(kind, owner=owner, images_per_prompt=3, **changes)
    if known:
        campaigns.mark_known(draft, factories.known_for(draft, how_many=known), actor=owner)
    return campaigns.open_campaign(draft, owner)


def test_a_repeated_pair_comes_with_its_sides_changed_and_is_judged_by_the_thing(owner: User) -> None:
    """Control: repeat the sides, too: who always presses left then repeats herself."""
    campaign = opened(TaskKind.PAIRWISE, owner, repeats_per_rater=2, raters_per_item=2)
    same_side, same_thing = (factories.make_rater(campaign) for _ in range(2))
    for rater in (same_side, same_thing):
        while isinstance(task := next_task(rater), Task):
            side = "left" if rater == same_side or not task.swapped else "right"
            send(rater, task, option_content(side))
    for repeat in Slot.objects.filter(item__check_kind=CheckKind.REPEAT).select_related("item", "rater"):
        first = Slot.objects.get(rater=repeat.rater, item=repeat.item.repeats_id)
        assert repeat.swapped is not first.swapped
    wrong = {rater: standing.checks.wrong for rater, standing in standings(campaign).items()}
    assert wrong == {same_side.pk: 2, same_thing.pk: 0}


def test_known_pairs_lie_either_way_round(owner: User) -> None:
    """Control: leave `swapped` out of `_draw_checks`: the known one always lies left."""
    campaign = opened(TaskKind.PAIRWISE, owner, known=2, known_per_rater=2, raters_per_item=6)
    for _ in range(6):
        factories.make_rater(campaign)
    slots = Slot.objects.filter(item__check_kind=CheckKind.KNOWN)
    assert slots.count() == 12
    assert set(slots.values_list("swapped", flat=True)) == {False, True}


def test_a_drawn_full_stop_is_wrong_and_an_absent_one_right(owner: User) -> None:
    """Control: accept nothing for marks of masks, or every answer."""
    campaign = opened(TaskKind.MASK, owner, checks_per_rater=2, raters_per_item=2, items_limit=4)
    drawing, absent = (factories.make_rater(campaign) for _ in range(2))
    for rater, content in ((drawing, MASK), (absent, option_content("not_in_image"))):
        while isinstance(task := next_task(rater), Task):
            send(rater, task, content)
    wrong = {rater: standing.checks.wrong for rater, standing in standings(campaign).items()}
    assert wrong == {drawing.pk: 2, absent.pk: 0}
    row = rater_row(Rater.objects.select_related("campaign").get(pk=absent.pk))
    assert (row.pattern.commonest, row.pattern.share) == ("not in the image", 1.0)


@pytest.mark.parametrize(
    ("kind", "english", "german"),
    [
        (TaskKind.OBJECT_PRESENCE, "and nothing else", "und sonst nichts"),
        (TaskKind.MASK, "please draw nothing and press “It is not in the image”", "zeichnen Sie nichts"),
        (TaskKind.PAIRWISE, "please choose “", "Bitte wählen Sie „"),
    ],
)
def test_an_instructed_item_speaks_the_campaigns_language_and_names_the_button(
    owner: User, kind: TaskKind, english: str, german: str
) -> None:
    """Control: leave the override out of `instruction`."""
    for language, text in (("en", english), ("de", german)):
        draft = factories.make_draft_of_kind(kind, owner=owner, instructed_per_rater=1, language=language)
        items = Item.objects.filter(campaign=draft, check_kind=CheckKind.INSTRUCTED)
        assert items.count() == 2
        assert all(text in item.instruction for item in items)


def test_of_a_checklist_one_word_is_instructed_and_all_others_are_wrong(owner: User) -> None:
    draft = factories.make_draft_of_kind(TaskKind.OBJECT_PRESENCE, owner=owner, instructed_per_rater=1)
    for item in Item.objects.filter(campaign=draft, check_kind=CheckKind.INSTRUCTED):
        assert f"“{item.must_have[0]}”" in item.instruction
        assert {*item.must_have, *item.must_not_have} == set(draft.vocabulary)
        assert len(item.must_have) == 1


@pytest.mark.django_db(transaction=True)
def test_the_evidence_of_each_rater_is_a_file(owner: User) -> None:
    """Control: count repeats among her ratings, or take her own answers for the others'."""
    campaign = opened(TaskKind.PAIRWISE, owner, repeats_per_rater=1, raters_per_item=3)
    for _ in range(3):
        rater = factories.make_rater(campaign)
        while isinstance(task := next_task(rater), Task):
            send(rater, task, option_content("left"))
    rows = list(csv.DictReader(io.StringIO(b"".join(evidence_csv(campaign)).decode())))
    for row in rows:
        assert (row["n_answers"], row["repeat_checks"], row["repeat_wrong"]) == ("6", "1", "1")
        assert (row["commonest"], row["commonest_share"], row["longest_run"]) == ("left", "1.0", "7")
        assert (row["agreement_items"], row["failed_checks"]) == ("6", "1")
    # Of three sides of one item two are the same, whatever was drawn, or all three.
    assert all(0 <= float(row["agreement"]) <= 1 for row in rows)
