"""The four kinds of attention checks: who gets how many, where they come, and how they are judged."""

import csv
import io
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotation import known_answers, queries
from annotation.choices import CheckKind, ItemKind, TaskKind
from annotation.exports import ratings_csv_in_snapshot
from annotation.known_answers import KnownAnswer, Sought
from annotation.models import Answer, Campaign, Item, Rater, Slot
from annotation.services import campaigns
from annotation.services.answers import undo_last
from annotation.services.campaigns import CampaignMoved, KnownAnswersRefused
from annotation.services.openings import obstacles
from annotation.services.tasks_for_raters import Task, next_task
from annotation.standings import standings
from generation.prompt_faults import PromptFileRefused
from tests import factories

pytestmark = pytest.mark.django_db
SCORES = Sought(task_kind=TaskKind.OPINION_SCORE)


def draft_of(items: int, owner: User, *, checks: int = 0, **changes: Any) -> Campaign:
    """A draft with so many nouns to rate and so many punctuation marks."""
    words = " ".join(f"w{number}" for number in range(items))
    run = factories.make_finished_run(owner, prompts=[f"{words} {' '.join(',' * checks)}".strip()])
    return factories.make_draft(owner, run=run, **changes)


def session(rater: Rater, answers: dict[str, str], *, usual: str = "4") -> list[str]:
    """The rater answers everything; a check of a kind by `answers`. Returns the kinds in order."""
    kinds = []
    while isinstance(task := next_task(rater), Task):
        item = Item.objects.get(pk=task.item_id)
        kinds.append(item.check_kind)
        option = answers.get(item.check_kind, usual)
        if option == "right":
            option = item.accepted_answers[0]
        factories.answer(rater, task, option)
    return kinds


def known(draft: Campaign, *, how_many: int, accepted: tuple[str, ...] = ("1",)) -> Campaign:
    """Marks the first items of the draft."""
    maps = draft.items.filter(kind=ItemKind.RATING).order_by("position").values_list("word_map", flat=True)
    answers = [KnownAnswer(word_map=pk, accepted=accepted) for pk in maps[:how_many]]
    return campaigns.mark_known(draft, answers, actor=draft.owner)


def test_each_session_has_its_quota_of_each_kind_and_the_places_differ(owner: User) -> None:
    """Control: draw the quota from all checks together."""
    draft = draft_of(
        14, owner, checks=4, checks_per_rater=2, known_per_rater=1, instructed_per_rater=2,
        repeats_per_rater=2, raters_per_item=4, checks_allowed_wrong=6,
    )  # fmt: skip
    campaign = campaigns.open_campaign(known(draft, how_many=3), owner)
    orders = [session(factories.make_rater(campaign), {"instructed": "right"}) for _ in range(4)]
    for kinds in orders:
        assert Counter(kinds) == {"": 11, "abstract": 2, "known": 1, "instructed": 2, "repeat": 2}
    assert len({tuple(kinds) for kinds in orders}) > 1


def test_a_repeat_asks_for_what_the_rater_has_answered_herself_some_tasks_before(owner: User) -> None:
    """Control: choose among all items of the campaign."""
    campaign = factories.make_campaign_of(10, owner=owner, repeats_per_rater=3)
    rater = factories.make_rater(campaign)
    session(rater, {})
    order = list(Answer.objects.order_by("pk").values_list("slot__item_id", "slot__item__repeats_id"))
    repeats = [(place, original) for place, (_, original) in enumerate(order) if original]
    assert len({original for _, original in repeats}) == 3
    for place, original in repeats:
        assert original in [item for item, _ in order[: max(0, place - 2)]]


def test_a_repeat_is_judged_by_the_raters_own_first_answer(owner: User) -> None:
    """Control: take any rater's first answer, or leave repeats out of the verdict."""
    campaign = factories.make_campaign_of(6, owner=owner, repeats_per_rater=2, raters_per_item=3)
    steady, wavering, near = (factories.make_rater(campaign) for _ in range(3))
    session(steady, {"repeat": "2"}, usual="2")
    session(wavering, {"repeat": "1"}, usual="5")
    session(near, {"repeat": "3"}, usual="2")
    wrong = {rater: standing.checks.wrong for rater, standing in standings(campaign).items()}
    assert wrong == {steady.pk: 0, wavering.pk: 2, near.pk: 0}
    row = queries.rater_row(Rater.objects.select_related("campaign").get(pk=wavering.pk))
    assert [(kind.served, kind.wrong) for kind in row.by_kind] == [(2, 2)]
    text = b"".join(ratings_csv_in_snapshot(campaign)).decode()
    exported = [
        line for line in csv.DictReader(io.StringIO(text)) if line["attention_check_kind"] == "repeat"
    ]
    assert [line["attention_check_passed"] for line in exported] == ["1", "1", "0", "0", "1", "1"]


def test_a_short_session_gives_up_only_the_repeats_that_it_has_nothing_for(owner: User) -> None:
    """One item: it can be repeated once, the second repeat is given up and the session ends.

    Control: leave the last repeat due, and the page never says that the session is over.
    """
    campaign = factories.make_campaign_of(1, owner=owner, repeats_per_rater=2)
    rater = factories.make_rater(campaign)
    assert session(rater, {}) == ["", "repeat"]
    rater.refresh_from_db()
    assert (rater.outcome, rater.repeats_due) == ("completed", [])


def test_an_undone_repeat_is_asked_once_more_and_no_other_is_made(owner: User) -> None:
    campaign = factories.make_campaign_of(8, owner=owner, repeats_per_rater=1)
    rater = factories.make_rater(campaign)
    while isinstance(task := next_task(rater), Task):
        factories.answer(rater, task)
        if Item.objects.get(pk=task.item_id).check_kind == CheckKind.REPEAT:
            again = undo_last(rater)
            assert again.item_id == task.item_id
            factories.answer(rater, again, "5")
            break
    session(rater, {})
    assert Slot.objects.filter(rater=rater, item__check_kind=CheckKind.REPEAT).count() == 1


def test_an_instructed_item_names_its_answer_in_the_question_and_nothing_else_tells(owner: User) -> None:
    campaign = factories.make_campaign_of(6, owner=owner, instructed_per_rater=2)
    rater = factories.make_rater(campaign)
    asked = {}
    while isinstance(task := next_task(rater), Task):
        item = Item.objects.get(pk=task.item_id)
        asked[item.check_kind] = task
        factories.answer(rater, task, item.accepted_answers[0] if item.accepted_answers else "4")
    assert "please choose" in asked["instructed"].instruction
    assert asked[""].instruction == ""
    assert standings(campaign)[rater.pk].checks.wrong == 0


def test_known_answers_are_judged_by_their_set_and_not_rated(owner: User) -> None:
    """Control: leave the marked maps among the rated ones."""
    draft = known(draft_of(5, owner, known_per_rater=2), how_many=2, accepted=("4", "5"))
    assert Counter(draft.items.values_list("check_kind", flat=True)) == {"": 3, "known": 2}
    campaign = campaigns.open_campaign(draft, owner)
    right, wrong = factories.make_rater(campaign), factories.make_rater(campaign)
    session(right, {"known": "5"})
    session(wrong, {"known": "2"})
    outcome = {rater: standing.checks.wrong for rater, standing in standings(campaign).items()}
    assert outcome == {right.pk: 0, wrong.pk: 2}


def test_a_session_that_asks_more_known_answers_than_are_marked_can_not_open(owner: User) -> None:
    draft = known(draft_of(5, owner, known_per_rater=3), how_many=2)
    assert any("2 are marked" in obstacle for obstacle in obstacles(draft))


def test_known_answers_are_of_the_campaigns_own_run_and_of_a_draft(owner: User, stranger: User) -> None:
    """Control: take the maps by their numbers alone."""
    draft, theirs = draft_of(3, owner), draft_of(3, stranger)
    hers = KnownAnswer(word_map=theirs.items.values_list("word_map", flat=True)[0], accepted=("1",))
    with pytest.raises(KnownAnswersRefused):
        campaigns.mark_known(draft, [hers], actor=owner)
    opened = campaigns.open_campaign(draft, owner)
    with pytest.raises(CampaignMoved):
        known(opened, how_many=1)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("4", ("4",)), ("5 4", ("4", "5")), ("4±1", ("3", "4", "5")), ("1 +- 1", ("1", "2")),
        ("2+/-0", ("2",)),
        ("image_too_poor 1", ("1", "image_too_poor")),
        ("", ()), ("6", ()), ("4,5", ()), ("4±5", ()), ("４", ()), ("4.0", ()), ("good", ()), ("-1", ()),
    ],
)  # fmt: skip
def test_what_a_cell_accepts(text: str, codes: tuple[str, ...]) -> None:
    assert known_answers.accepted_codes(text) == codes


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"word_map,word\n1,a", "accepted"),
        (b"word_map,accepted,accepted\n1,4,4", "once"),
        (b"word_map,accepted\nx,4", "line 2"),
        (b"word_map,accepted\n1_000,4", "line 2"),
        (b"word_map,accepted\n1,good", "line 2"),
        (b"word_map,accepted\n1,4\n1,5", "marked twice"),
        (b"word_map,accepted\n1,4,5", "3 cells"),
        (b'word_map,accepted\n1,"4', "never closed"),
        (b"word_map,accepted\n1,1 2 3 4 5 word_too_abstract image_too_poor", "every answer"),
        (b"", "empty"),
        (b"\xff\xfe1", "UTF-16"),
    ],
)
def test_a_bad_file_is_refused_with_its_lines(content: bytes, said: str) -> None:
    with pytest.raises(PromptFileRefused, match=said):
        known_answers.read(content, sought=SCORES)


def test_the_file_goes_out_and_comes_back(client: Client, owner: User) -> None:
    draft = draft_of(4, owner, known_per_rater=1)
    client.force_login(owner)
    address = reverse("annotation:known_answers", args=[draft.public_id])
    file = client.get(reverse("annotation:known_answers_csv", args=[draft.public_id]))
    text = b"".join(file.streaming_content).decode()  # type: ignore[attr-defined]
    first, *rest = text.splitlines()
    bad = "\n".join([first, rest[0].removesuffix(",,") + "good,,", *rest[1:]])
    answer = client.post(address, {"file": SimpleUploadedFile("k.csv", bad.encode())})
    assert (answer.status_code, "Line 2, accepted" in answer.content.decode()) == (400, True)
    filled = "\n".join([first, rest[0].removesuffix(",,") + "4±1,,", *rest[1:]])
    assert client.post(address, {"file": SimpleUploadedFile("k.csv", filled.encode())}).status_code == 302
    assert "1 item marked" in client.get(address).content.decode()
    draft.refresh_from_db()
    assert [line["accepted"] for line in draft.known_answers] == [["3", "4", "5"]]
    assert client.post(address).status_code == 400
