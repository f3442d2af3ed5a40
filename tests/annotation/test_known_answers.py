"""Known answers of every kind: as a file, as a specification, by one judge."""

import csv
import io
import tomllib
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from annotation import known_answers, specification
from annotation.choices import CheckKind, ItemKind, TaskKind
from annotation.known_answers import Sought
from annotation.models import Campaign, Item
from annotation.services import campaigns
from annotation.services.openings import obstacles
from annotation.specification import SpecificationRefused
from common.csv_stream import guard, raw_lines
from generation.prompt_faults import PromptFileRefused
from tests import factories

pytestmark = pytest.mark.django_db
WORDS = Sought(task_kind=TaskKind.OBJECT_PRESENCE, vocabulary=("dog", "cat", "car"))
MASKS = Sought(task_kind=TaskKind.MASK)
PAIRS = Sought(task_kind=TaskKind.PAIRWISE, pair_of="images")
PAIRED_METHODS = Sought(task_kind=TaskKind.PAIRWISE, pair_of="word_maps", methods=("raw", "CMI"))
FIELDS = ("image", "must_have", "explanation")
KINDS = (TaskKind.OPINION_SCORE, TaskKind.OBJECT_PRESENCE, TaskKind.MASK, TaskKind.PAIRWISE)
# What a filled-in row says, and the columns of the item that it makes.
FILLED: dict[TaskKind, tuple[dict[str, str], dict[str, Any]]] = {
    TaskKind.OPINION_SCORE: ({"accepted": "4±1"}, {"accepted_answers": ["3", "4", "5"]}),
    TaskKind.OBJECT_PRESENCE: (
        {"must_have": "ball; cone", "must_not_have": "dog"},
        {"must_have": ["ball", "cone"], "must_not_have": ["dog"]},
    ),
    TaskKind.MASK: (
        {"segmentation": "[[0, 0, 31, 0, 31, 63, 0, 63]]", "least_iou": "0.75"},
        {"least_iou": 0.75, "accepted_answers": []},
    ),
    TaskKind.PAIRWISE: ({"accepted": "tie second"}, {"accepted_answers": ["second", "tie"]}),
}


def file_of(client: Client, draft: Campaign) -> list[dict[str, str]]:
    """The rows of the file to fill in."""
    answer = client.get(reverse("annotation:known_answers_csv", args=[draft.public_id]))
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def send(client: Client, draft: Campaign, rows: list[dict[str, str]]) -> Any:
    """Brings the file back."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    file = SimpleUploadedFile("k.csv", text.getvalue().encode())
    return client.post(reverse("annotation:known_answers", args=[draft.public_id]), {"file": file})


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_goes_out_and_comes_back_in_every_kind(client: Client, owner: User, kind: TaskKind) -> None:
    """Control: leave the marked things among the rated ones."""
    draft = factories.make_draft_of_kind(kind, owner=owner, known_per_rater=1)
    client.force_login(owner)
    rows = file_of(client, draft)
    rated = draft.items.filter(kind=ItemKind.RATING).count()
    assert len(rows) == rated
    cells, columns = FILLED[kind]
    assert send(client, draft, [rows[0] | cells, *rows[1:]]).status_code == 302
    item = draft.items.get(check_kind=CheckKind.KNOWN)
    assert {name: getattr(item, name) for name in columns} == columns
    assert draft.items.filter(kind=ItemKind.RATING).count() == rated - 1
    again = file_of(client, draft)
    assert len(again) == rated
    assert send(client, draft, again).status_code == 302
    assert Item.objects.get(campaign=draft, check_kind=CheckKind.KNOWN).least_iou == item.least_iou


@pytest.mark.parametrize("kind", KINDS)
def test_known_answers_are_in_the_specification_and_make_the_same_items(owner: User, kind: TaskKind) -> None:
    """Control: leave `known_answers` out of `of_campaign`, or of `create`."""
    draft = factories.make_draft_of_kind(kind, owner=owner, known_per_rater=1, order_seed=0)
    campaigns.mark_known(draft, factories.known_for(draft, use="training", explanation="So."), actor=owner)
    draft.refresh_from_db()
    values = tomllib.loads(specification.as_toml(specification.of_campaign(draft)))
    again = specification.create(owner, values)
    told = [
        list(campaign.items.filter(kind=ItemKind.TRAINING).values(
            "word_map", "image", "word", "other_image", "accepted_answers", "must_have", "must_not_have",
            "reference_rle", "least_iou", "explanation",
        ))
        for campaign in (draft, again)
    ]  # fmt: skip
    assert told[0] == told[1]
    assert len(told[0]) == 1


@pytest.mark.parametrize(
    ("sought", "content", "said"),
    [
        (WORDS, "image,must_have\n1,horse", "line 2: a word that"),
        (WORDS, "image,must_have,must_not_have\n1,dog,dog", "required and forbidden"),
        (WORDS, "image,must_have,must_not_have\n1,*,dog", "only must_not_have"),
        (WORDS, "image,accepted\n1,dog", "needs the column must_have"),
        (WORDS, "image,must_have\n1,dog\n1,cat", "marked twice"),
        (MASKS, "image,word_position,accepted\n1,0,4", "not_in_image"),
        (MASKS, 'image,word_position,accepted,segmentation\n1,0,,"[[1, 2]]"', "as COCO does"),
        (MASKS, 'image,word_position,accepted,segmentation\n1,0,,"{""size"": [2, 2]}"', "as COCO does"),
        (MASKS, 'image,word_position,accepted,segmentation\n1,0,,"[[0,0,1,0,NaN,1]]"', "as COCO does"),
        (
            MASKS,
            'image,word_position,accepted,segmentation,least_iou\n1,0,,"[[0,0,9,0,9,9]]",1.5',
            "above 0, at most 1",
        ),
        (MASKS, "image,word_position,accepted\n1,-1,not_in_image", "the number of the word position"),
        (PAIRS, "image,other_image,accepted\n1,2,left", "write first, second, tie"),
        (PAIRS, "image,other_image,accepted\n1,2,first second tie", "every answer would pass"),
        (PAIRS, "image,other_image,accepted\n1,1,first", "two different ones"),
        (PAIRS, "image,other_image,accepted\n1,2,first\n2,1,first", "line 3: this thing is marked twice"),
        (
            PAIRED_METHODS,
            "word_map,method,other_method,accepted\n1,raw,CMI,first\n1,CMI,raw,first",
            "line 3: this thing is marked twice",
        ),
    ],
)
def test_a_bad_line_is_named_with_its_column(sought: Sought, content: str, said: str) -> None:
    """Control: know a thing again by its numbers in their order, so that a pair is taken twice, once each way
    round, and whoever answers one of them right answers the other wrong.
    """
    with pytest.raises(PromptFileRefused, match=said):
        known_answers.read(content.encode(), sought=sought)


@pytest.mark.parametrize(
    "text", ["- See the wheels.", "'Car' is right.", "''", "=1+1", "Wheels", "@ the left"]
)
def test_what_the_file_guards_is_read_as_it_was_meant(text: str) -> None:
    """Out and in again, in an explanation that raters read and in a word of the checklist.

    Control: read cells as they stand: there is an apostrophe more, and the word is none of the checklist.
    """
    sought = Sought(task_kind=TaskKind.OBJECT_PRESENCE, vocabulary=("dog", text))
    content = "".join(raw_lines([["1", guard(text), guard(text)]], header=FIELDS))
    (answer,) = known_answers.read(content.encode(), sought=sought)
    assert (answer.must_have, answer.explanation) == ((text,), text)


def test_a_quotation_typed_by_hand_keeps_its_marks() -> None:
    """Control: take the first apostrophe of every cell away."""
    content = f"{','.join(FIELDS)}\n1,dog,'Dog' is right."
    (answer,) = known_answers.read(content.encode(), sought=WORDS)
    assert answer.explanation == "'Dog' is right."


@pytest.mark.parametrize(
    ("line", "field", "said"),
    [
        ({"image": True, "must_have": ["ball"]}, "[0].image", "number of the image"),
        ({"image": "x", "must_have": ["ball"]}, "[0].image", "number of the image"),
        ({"image": 0, "must_have": [3]}, "[0].image", "number of the image"),
        ({"image": 1, "must_have": [3]}, "[0].must_have", "list of texts"),
        ({"image": 1, "must_have": ["horse"]}, "[0].must_have", "does not have"),
        ({"image": 1}, "[0].must_have", "nothing is checked"),
        ({"image": 1, "must_have": ["ball"], "use": "exam"}, "[0].use", "Write check"),
        ({"image": 1, "must_have": ["ball"], "use": ["check"]}, "[0].use", "Write check"),
        ({"image": 1, "must_have": ["ball"], "use": {"a": 1}}, "[0].use", "Write check"),
        ({"image": 1, "must_have": ["ball"], "accepted": "4"}, "[0].accepted", "Not known here"),
        ({"image": 1, "must_have": ["ball"], "explanation": "x" * 501}, "[0].explanation", "At most 500"),
        ("dog", "[0]", "Give a table"),
        ({"image": 987654, "must_have": ["ball"]}, "", "not of the campaign's run"),
    ],
)
def test_a_specification_names_the_known_answer_that_is_wrong_and_makes_nothing(
    owner: User, line: Any, field: str, said: str
) -> None:
    """Controls: make the draft outside of the transaction; look a use up that is a list or a table."""
    run = factories.make_finished_run(owner)
    values = {
        "run": run.pk, "name": "x", "contact": "y", "task_kind": "object_presence",
        "vocabulary": "ball\nbox", "known_answers": [line],
    }  # fmt: skip
    with pytest.raises(SpecificationRefused) as refused:
        specification.create(owner, values)
    assert [fault.field for fault in refused.value.faults] == [f"known_answers{field}"]
    assert said in str(refused.value)
    assert not Campaign.objects.exists()


def test_a_mask_of_another_size_is_refused_with_both_sizes(client: Client, owner: User) -> None:
    """Control: scale the reference, or take it as it is."""
    draft = factories.make_draft_of_kind(TaskKind.MASK, owner=owner)
    client.force_login(owner)
    rows = file_of(client, draft)
    rows[0]["segmentation"] = '{"size": [4, 4], "counts": [4, 8, 4]}'
    answer = send(client, draft, rows)
    assert answer.status_code == 400
    assert "4 x 4 pixels and the image of 64 x 64" in answer.content.decode()


def test_a_checklist_that_loses_a_known_word_keeps_the_draft_from_opening(owner: User) -> None:
    """Control: leave `known_things.faults` out of `obstacles`: the check is silently gone."""
    draft = factories.make_draft_of_kind(TaskKind.OBJECT_PRESENCE, owner=owner)
    campaigns.mark_known(draft, factories.known_for(draft, use="training"), actor=owner)
    draft.refresh_from_db()
    changed = factories.make_spec(
        draft.run, task_kind="object_presence", vocabulary=tuple(draft.vocabulary[1:])
    )
    campaigns.update_draft(draft, changed, actor=owner)
    draft.refresh_from_db()
    assert any("no word “ball”" in one for one in obstacles(draft))


def test_a_strangers_images_are_none_of_the_campaigns(owner: User, stranger: User) -> None:
    """Control: look images up by their numbers alone."""
    draft = factories.make_draft_of_kind(TaskKind.OBJECT_PRESENCE, owner=owner)
    theirs = factories.make_draft_of_kind(TaskKind.OBJECT_PRESENCE, owner=stranger)
    with pytest.raises(campaigns.KnownAnswersRefused, match="not of the campaign's run"):
        campaigns.mark_known(draft, factories.known_for(theirs), actor=owner)
