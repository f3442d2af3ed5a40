"""Known answers where map methods of one run are compared: a line names a map and by which method."""

import tomllib
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import specification
from annotation.choices import CheckKind, ItemKind, PairOf, ScoreOf, SlotState, TaskKind
from annotation.known_answers import KnownAnswer
from annotation.models import Campaign, Item, Slot
from annotation.services import campaigns
from annotation.services.campaigns import KnownAnswersRefused
from annotation.services.openings import obstacles
from annotation.services.tasks_for_raters import Task, next_task
from annotation.specification import SpecificationRefused
from annotation.standings import standings
from annotation.views.pictures import picture
from generation import storage
from generation.models import WordMap
from tests import factories
from tests.annotation.rater_browser import RaterBrowser
from tests.annotation.test_known_answers import file_of, send

pytestmark = pytest.mark.django_db
KINDS = (TaskKind.OPINION_SCORE, TaskKind.PAIRWISE)
FIRST, SECOND = factories.METHODS


def draft_of_methods(kind: TaskKind, owner: User, **changes: Any) -> Campaign:
    """A draft that compares two methods of one run, by scores or in pairs."""
    run = factories.make_finished_run(owner)
    factories.explore_images(run)
    of = (
        {"pair_of": PairOf.METHODS.value}
        if kind == TaskKind.PAIRWISE
        else {"score_of": ScoreOf.METHODS.value}
    )
    return factories.make_draft(
        owner, run=run, **({"task_kind": kind.value, "methods": factories.METHODS} | of | changes)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_names_each_map_by_its_method_and_comes_back(
    client: Client, owner: User, kind: TaskKind
) -> None:
    """What is marked of one method is rated of none.

    Controls: `key_of` without the methods (one row for both maps of a word); the marked map alone taken from
    the rated ones, the other method's left.
    """
    draft = draft_of_methods(kind, owner, known_per_rater=1)
    rated = draft.items.filter(kind=ItemKind.RATING).count()
    client.force_login(owner)
    rows = file_of(client, draft)
    assert len(rows) == rated
    accepted, of_one_word = ("4±1", 2) if kind == TaskKind.OPINION_SCORE else ("second", 1)
    second = next(row for row in rows if kind == TaskKind.PAIRWISE or row["method"] == SECOND)
    assert send(client, draft, [row | {"accepted": accepted} if row is second else row for row in rows])
    item = draft.items.get(check_kind=CheckKind.KNOWN)
    named = [second["word_map"], second["method"], second.get("other_method", "")]
    assert [str(item.word_map_id), item.method, item.other_method] == named
    assert draft.items.filter(kind=ItemKind.RATING).count() == rated - of_one_word
    again = file_of(client, draft)
    assert len(again) == rated
    assert sum(bool(row["accepted"]) for row in again) == 1
    assert send(client, draft, again).status_code == 302
    assert draft.items.filter(check_kind=CheckKind.KNOWN).count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_specification_with_methods_makes_the_same_known_items(owner: User, kind: TaskKind) -> None:
    """Control: leave the methods out of `as_line`."""
    draft = draft_of_methods(kind, owner)
    known = factories.known_for(draft, use="training", explanation="So.")
    campaigns.mark_known(draft, known, actor=owner)
    draft.refresh_from_db()
    values = tomllib.loads(specification.as_toml(specification.of_campaign(draft)))
    again = specification.create(owner, values)
    columns = ("word_map", "method", "other_word_map", "other_method", "accepted_answers")
    told = [list(made.items.filter(kind=ItemKind.TRAINING).values_list(*columns)) for made in (draft, again)]
    assert told[0] == told[1]
    assert told[0][0][1] in factories.METHODS


def test_a_rater_sees_the_known_map_by_its_method_and_is_judged_by_it(owner: User) -> None:
    """Control: leave `method` out of the known thing: the stored map is shown."""
    draft = draft_of_methods(TaskKind.OPINION_SCORE, owner, known_per_rater=1)
    shown = draft.items.filter(method=SECOND).select_related("word_map__word").first()
    assert shown is not None
    known = KnownAnswer(word_map=shown.word_map_id, method=SECOND, accepted=("1",))
    campaign = campaigns.open_campaign(campaigns.mark_known(draft, [known], actor=owner), owner)
    item = campaign.items.get(check_kind=CheckKind.KNOWN)
    expected = picture(Item(word_map=item.word_map, method=SECOND), name="map", swapped=False)
    wrong = {}
    for option in ("1", "5"):
        browser = RaterBrowser(factories.make_rater(campaign))
        while isinstance(task := next_task(browser.rater), Task):
            if task.item_id == item.pk:
                slot = Slot.objects.get(rater=browser.rater, state=SlotState.LEASED)
                assert browser.open("word_map", slot.public_id).response.content == expected
            factories.answer(browser.rater, task, option)
        wrong[option] = standings(campaign)[browser.rater.pk].checks.wrong
    assert wrong == {"1": 0, "5": 1}


def test_a_map_that_the_method_has_not_is_refused(owner: User) -> None:
    """Control: look the map up, and not whether the method took it apart."""
    draft = draft_of_methods(TaskKind.OPINION_SCORE, owner)
    one = WordMap.objects.filter(image__run=draft.run).select_related("image").first()
    assert one is not None
    storage._exploration_path(one.image).unlink()
    with pytest.raises(KnownAnswersRefused, match=f"{one.pk} by {FIRST}: not of the campaign's run, or not"):
        campaigns.mark_known(
            draft, [KnownAnswer(word_map=one.pk, method=FIRST, accepted=("1",))], actor=owner
        )


@pytest.mark.parametrize(
    ("kind", "line", "field", "said"),
    [
        (TaskKind.OPINION_SCORE, {"accepted": "1"}, "[0].method", f"which are {FIRST}, {SECOND}"),
        (TaskKind.OPINION_SCORE, {"accepted": "1", "method": "v1"}, "[0].method", "One of the methods"),
        (TaskKind.OPINION_SCORE, {"accepted": "1", "method": [FIRST]}, "[0].method", "One of the methods"),
        (
            TaskKind.OPINION_SCORE, {"accepted": "1", "method": FIRST, "other_method": SECOND},
            "[0].other_method", "Not known here",
        ),
        (TaskKind.PAIRWISE, {"accepted": "first", "method": FIRST}, "[0].other_method", "One of the methods"),
        (
            TaskKind.PAIRWISE, {"accepted": "first", "method": FIRST, "other_method": FIRST},
            "[0].other_method", "two different ones",
        ),
    ],
)  # fmt: skip
def test_a_line_that_names_no_method_of_the_campaign_is_refused_by_name(
    owner: User, kind: TaskKind, line: dict[str, Any], field: str, said: str
) -> None:
    """Control: take any text for a method."""
    draft = draft_of_methods(kind, owner)
    word_map = draft.items.values_list("word_map", flat=True)[0]
    with pytest.raises(SpecificationRefused) as refused:
        specification.change(draft, {"known_answers": [{"word_map": word_map, **line}]}, actor=owner)
    assert [fault.field for fault in refused.value.faults] == [f"known_answers{field}"]
    assert said in str(refused.value)


def test_a_method_that_is_no_longer_compared_keeps_the_draft_from_opening(owner: User) -> None:
    """Control: leave the methods out of `_fault`: raters meet a method that the comparison has not."""
    draft = draft_of_methods(TaskKind.OPINION_SCORE, owner)
    campaigns.mark_known(draft, factories.known_for(draft, use="training"), actor=owner)
    changed = factories.make_spec(draft.run)
    campaigns.update_draft(draft, changed, actor=owner)
    draft.refresh_from_db()
    method = draft.known_answers[0]["method"]
    assert any(f"does not compare the method “{method}”" in one for one in obstacles(draft))
    assert not draft.items.filter(kind=ItemKind.TRAINING).exists()
