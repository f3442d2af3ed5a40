"""Adjudication: what waits, what a reviewer sees and decides, and that raters' answers stay as they are."""

import csv
import io
import json
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from annotation import adjudication_queue as queue
from annotation import coco_rle
from annotation.adjudication_exports import ADJUDICATIONS, adjudications_csv
from annotation.choices import TaskKind
from annotation.contents import AnswerContent
from annotation.disagreement import disagreement
from annotation.mask_files import read_mask
from annotation.models import Adjudication, Answer, AuditEntry, Campaign, Item
from annotation.services import adjudications, campaigns, dry_runs, raters
from annotation.services.adjudications import AdjudicationRefused
from annotation.services.answers import record_answer
from annotation.services.tasks_for_raters import Task, next_task
from annotation.verdicts import Given
from tests import factories

pytestmark = pytest.mark.django_db


def mask(*box: int) -> str:
    inside = np.zeros((8, 8), dtype=bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    return coco_rle.encode(inside)


@pytest.mark.parametrize(
    ("kind", "answers", "expected"),
    [
        ("opinion_score", [Given(score=2), Given(score=4), Given(score=3)], 0.5),
        ("opinion_score", [Given(score=4), Given(opt_out="word_too_abstract")], 1.0),
        ("opinion_score", [Given(score=1)], 0.0),
        ("object_presence", [Given(words=("a", "b")), Given(words=("b", "a"))], 0.0),
        ("object_presence", [Given(words=("a",)), Given(words=())], 1.0),
        ("object_presence", [Given(words=("a",)), Given(words=("a",)), Given(words=())], 2 / 3),
        ("pairwise", [Given(choice="left"), Given(choice="left", swapped=True)], 1.0),
        ("pairwise", [Given(choice="left"), Given(choice="right", swapped=True)], 0.0),
        ("pairwise", [Given(choice="tie"), Given(choice="tie")], 0.0),
        ("mask", [Given(rle=mask(0, 0, 4, 4)), Given(rle=mask(0, 0, 4, 2))], 0.5),
        ("mask", [Given(rle=mask(0, 0, 4, 4)), Given(choice="not_in_image")], 1.0),
        ("mask", [Given(choice="not_in_image"), Given(choice="not_in_image")], 0.0),
    ],
)  # fmt: skip
def test_disagreement_is_0_for_the_same_and_1_for_the_opposite(
    kind: str, answers: list[Given], expected: float
) -> None:
    """By hand. Control: compare sides as they were shown instead of the systems."""
    assert disagreement(answers, task_kind=kind) == pytest.approx(expected)


def apart(owner: User) -> tuple[Campaign, Item]:
    """A campaign of two items and three raters; the first item has 1, 5 and 5, the second 4, 4 and 4."""
    campaign = factories.make_campaign_of(2, owner=owner)
    first = campaign.items.order_by("pk")[0]
    for name, said in (("one", "1"), ("two", "5"), ("three", "5")):
        rater = factories.make_rater(campaign, name)
        while isinstance(task := next_task(rater), Task):
            factories.answer(rater, task, said if task.item_id == first.pk else "4")
    return campaign, first


def address(name: str, campaign: Campaign, item: Item) -> str:
    return reverse(f"annotation:{name}", args=[campaign.public_id, item.pk])


def test_what_raters_disagree_on_waits_and_a_decision_changes_no_answer(client: Client, owner: User) -> None:
    """Controls: ordering letters by rater; writing the decision into the answers."""
    campaign, item = apart(owner)
    assert [(row.item_id, row.percent) for row in queue.waiting(campaign, from_percent=50)] == [
        (item.pk, 100)
    ]
    assert len(queue.waiting(campaign, from_percent=1)) == 1
    before = list(Answer.objects.order_by("pk").values())
    client.force_login(owner)
    page = client.get(address("adjudication_item", campaign, item)).content.decode()
    pseudonyms = list(campaign.raters.values_list("pseudonym", flat=True))
    assert not [name for name in pseudonyms if name[:8] in page]
    opened = client.post(address("adjudication_item", campaign, item), {"act": "raters"}).content.decode()
    assert all(name[:8] in opened for name in pseudonyms)
    assert (
        AuditEntry.objects.filter(act="open_identities", actor=owner, detail={"item": item.pk}).count() == 1
    )
    told = client.post(address("adjudication_item", campaign, item), {"option": "2", "note": "faint"})
    assert told.status_code == 302
    made = Adjudication.objects.get()
    assert (made.score, made.note, made.actor, made.item) == (2, "faint", owner, item)
    assert queue.waiting(campaign, from_percent=50) == []
    assert list(Answer.objects.order_by("pk").values()) == before
    with pytest.raises(AdjudicationRefused, match="already"):
        adjudications.adjudicate(item, AnswerContent(score=3), actor=owner)
    client.post(address("adjudication_undo", campaign, item))
    assert len(queue.waiting(campaign, from_percent=50)) == 1
    assert set(AuditEntry.objects.values_list("act", flat=True)) >= {"adjudicate", "undo_adjudication"}


def test_answers_of_raters_who_do_not_count_make_no_disagreement(owner: User) -> None:
    """Control: leaving the standings out of the queue."""
    campaign, item = apart(owner)
    odd = Answer.objects.get(slot__item=item, score=1).rater
    raters.exclude(odd, owner, "clicks at random")
    assert queue.waiting(campaign, from_percent=1) == []
    assert len(queue.side_by_side(item)) == 2


def test_what_is_not_asked_or_not_rated_can_not_be_decided(owner: User) -> None:
    campaign, item = apart(owner)
    for content in (AnswerContent(choice="left"), AnswerContent(words=("ball",))):
        with pytest.raises(AdjudicationRefused, match="does not ask for"):
            adjudications.adjudicate(item, content, actor=owner)
    draft = factories.make_draft(owner)
    with pytest.raises(AdjudicationRefused, match="not opened"):
        adjudications.adjudicate(draft.items.filter(kind="rating")[0], AnswerContent(score=3), actor=owner)
    adjudications.adjudicate(item, AnswerContent(score=3), actor=owner)
    with pytest.raises(IntegrityError):
        Adjudication.objects.create(item=item, actor=owner, score=4)
    assert campaign.pk


def test_what_most_raters_drew_can_be_taken(client: Client, owner: User) -> None:
    """Control: the union of the masks, or their intersection."""
    campaign = factories.make_campaign_of_kind(TaskKind.MASK, owner=owner, raters_per_item=3)
    boxes = ((0, 0, 10, 10), (5, 0, 15, 10), (8, 0, 20, 10))
    item = campaign.items.order_by("pk")[0]
    for name, box in zip("abc", boxes, strict=True):
        rater = factories.make_rater(campaign, name)
        while isinstance(task := next_task(rater), Task):
            drawn = read_mask(factories.mask_png(box=box), height=factories.SIDE, width=factories.SIDE)
            record_answer(
                rater, slot_id=task.slot_id, content=AnswerContent(mask=drawn),
                idempotency_key=uuid4(), client_milliseconds=1, view="",
            )  # fmt: skip
    client.force_login(owner)
    page = client.get(address("adjudication_item", campaign, item)).content.decode()
    assert page.count("/adjudication/masks/") == 3
    answer = Answer.objects.filter(slot__item=item)[0]
    shown = client.get(reverse("annotation:adjudication_mask", args=[campaign.public_id, answer.pk]))
    assert shown["Content-Type"] == "image/png"
    assert (
        client.post(address("adjudication_item", campaign, item), {"option": "majority"}).status_code == 302
    )
    made = Adjudication.objects.get()
    assert made.mask is not None
    # Columns 5 to 9 of the first two, 8 to 14 of the last two: ten columns of ten rows.
    assert made.mask.area == 100


@pytest.mark.django_db(transaction=True)
def test_the_file_has_every_decision_and_a_dry_run_goes_with_its_own(client: Client, owner: User) -> None:
    campaign = factories.make_campaign_of_kind(TaskKind.OBJECT_PRESENCE, owner=owner)
    item = campaign.items.order_by("pk")[0]
    client.force_login(owner)
    sent = {"word": ["ball", "box"], "option": ""}
    client.post(address("adjudication_item", campaign, item), sent)
    adjudications.undo(item, actor=owner)
    client.post(address("adjudication_item", campaign, item), {"option": "none", "note": "empty"})
    rows = list(csv.DictReader(io.StringIO(b"".join(adjudications_csv(campaign)).decode(), newline="")))
    assert [json.loads(row["words"]) for row in rows] == [["ball", "box"], []]
    assert [bool(row["undone_at"]) for row in rows] == [True, False]
    assert rows[1]["note"] == "empty"
    assert rows[0]["system"] == campaign.run.name
    original = factories.make_draft(owner)
    copy = dry_runs.start_dry_run(original, owner)
    adjudications.adjudicate(copy.items.filter(kind="rating")[0], AnswerContent(score=3), actor=owner)
    dry_runs.discard_dry_run(copy, owner)
    assert Adjudication.objects.filter(item__campaign__name=original.name).count() == 0


def test_the_limit_is_a_rule_of_the_campaign(owner: User) -> None:
    draft = factories.make_draft(owner, adjudicate_from_percent=30)
    assert queue.threshold_percent(draft) == 30
    assert queue.threshold_percent(factories.make_draft(owner)) == 50
    opened = campaigns.open_campaign(draft, owner)
    assert opened.versions.get().wording["rules"]["adjudicate_from_percent"] == 30


def test_the_guide_lists_every_column_of_the_file() -> None:
    guide = (Path(settings.BASE_DIR) / "docs" / "exports.md").read_text()
    for column in ADJUDICATIONS:
        assert f"| `{column.name}` | {column.meaning} |" in guide
