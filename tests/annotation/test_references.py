"""Right masks drawn on the raters' own page: marked one by one, judged as the file's are."""

import base64
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import coco_rle, segmentations
from annotation.choices import TaskKind
from annotation.models import Campaign
from annotation.services import campaigns
from annotation.services.known_things import answers_of
from annotation.services.references import drawable_things
from tests import factories

pytestmark = pytest.mark.django_db
ANY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def draft(owner: User) -> Campaign:
    return factories.make_draft_of_kind(TaskKind.MASK, owner=owner)


@pytest.fixture
def browser(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def address(draft: Campaign, place: int, name: str = "known_draw") -> str:
    image, word = drawable_things(draft)[place].key
    return reverse(f"annotation:{name}", args=[draft.public_id]) + f"?image={image}&word={word}"


def send(browser: Client, draft: Campaign, place: int, option: str, **fields: Any) -> Any:
    """What the page's script sends."""
    drawn = base64.urlsafe_b64encode(factories.mask_png()).decode().rstrip("=")
    body = {"slot": ANY, "idempotency_key": ANY, "client_milliseconds": "9", "option": option, **fields}
    if option == "drawn":
        body.setdefault("mask", drawn)
    answer = browser.post(address(draft, place), body, headers={"accept": "application/json"})
    draft.refresh_from_db()
    return answer


def test_what_is_drawn_is_the_right_answer_and_the_next_thing_comes(browser: Client, draft: Campaign) -> None:
    """Control: keep the marks of this thing alone."""
    things = drawable_things(draft)
    first = send(browser, draft, 0, "drawn", use="training", explanation="All of it.", least_iou="0.7").json()
    assert first["location"] == address(draft, 1)
    assert send(browser, draft, 1, "not_in_image", use="check").json()["location"] == address(draft, 2)
    drawn, absent = answers_of(draft)
    assert (drawn.image, drawn.word_position, drawn.use, drawn.least_iou, drawn.explanation) == (
        *things[0].key, "training", 0.7, "All of it.",
    )  # fmt: skip
    assert drawn.segmentation is not None
    height, width = things[0].image_hw
    truth = np.zeros((height, width), dtype=bool)
    truth[4:20, 8:40] = True
    given = segmentations.counts(drawn.segmentation, height=height, width=width)
    assert given == coco_rle.encode(truth)
    assert (absent.accepted, absent.use) == (("not_in_image",), "check")
    assert draft.items.filter(kind="training", reference_rle=given).count() == 1
    assert draft.audit_entries.filter(act="mark_known").count() == 2


def test_a_mark_is_drawn_anew_and_taken_away(browser: Client, draft: Campaign) -> None:
    """Control: add a second mark for the same thing; the judge then refuses it as marked twice."""
    last = len(drawable_things(draft)) - 1
    send(browser, draft, last, "drawn")
    page = browser.get(address(draft, last)).content.decode()
    assert "marked: a mask, check" in page
    kept = browser.get(address(draft, last, "known_drawn"))
    assert (kept.headers["Content-Type"], kept.status_code) == ("image/png", 200)
    again = send(browser, draft, last, "drawn", use="qualification")
    assert again.json()["location"] == reverse("annotation:known_answers", args=[draft.public_id])
    assert [one.use for one in answers_of(draft)] == ["qualification"]
    send(browser, draft, last, "unmark")
    assert draft.known_answers == []
    assert browser.get(address(draft, last, "known_drawn")).status_code == 404


@pytest.mark.parametrize(
    ("option", "fields", "said"),
    [
        ("drawn", {"mask": "x"}, "mask"),
        ("drawn", {"least_iou": "2"}, "A number above 0, at most 1"),
        ("drawn", {"use": "exam"}, "Write check, training, qualification"),
        ("perhaps", {}, "option must be"),
    ],
)
def test_what_can_not_be_right_is_refused_and_changes_nothing(
    browser: Client, draft: Campaign, option: str, fields: dict[str, str], said: str
) -> None:
    """Control: mark without the judge."""
    answer = send(browser, draft, 0, option, **fields)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert draft.known_answers == []


def test_elsewhere_there_is_nothing_to_draw(browser: Client, owner: User, draft: Campaign) -> None:
    """Control: leave the state out of the question: an open campaign's checks would change."""
    for other in (factories.make_draft(owner), campaigns.open_campaign(draft, owner)):
        url = reverse("annotation:known_draw", args=[other.public_id])
        assert browser.get(url).url == reverse("annotation:known_answers", args=[other.public_id])  # type: ignore[attr-defined]
        assert browser.post(url, {"option": "not_in_image"}).status_code == 302
        other.refresh_from_db()
        assert other.known_answers == []
