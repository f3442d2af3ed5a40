"""Training and qualification in the kinds beside the opinion score: what is right, and what raters read."""

import base64
import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from annotation.choices import ItemKind, RaterOutcome, TaskKind
from annotation.models import PracticeAnswer
from annotation.services import campaigns
from annotation.services.practice import practice_items, swapped_for
from tests import factories
from tests.annotation.rater_browser import Page, RaterBrowser

pytestmark = pytest.mark.django_db
WHY = "Look at the edges."


def practising(kind: TaskKind, *uses: str, **changes: Any) -> RaterBrowser:
    """Somebody who has agreed to a campaign whose first items are marked for these uses."""
    draft = factories.make_draft_of_kind(kind, images_per_prompt=2, screened_out_code="SORRY123", **changes)
    known = factories.known_for(draft, how_many=len(uses), explanation=WHY)
    marked = [replace(one, use=use) for one, use in zip(known, uses, strict=True)]
    campaigns.mark_known(draft, marked, actor=draft.owner)
    return RaterBrowser(factories.make_rater(campaigns.open_campaign(draft, draft.owner)))


def send(browser: RaterBrowser, option: str, **more: str) -> Page:
    """Answers the practice item on her page; the page that she is sent to."""
    sent = {name: browser.open().hidden(name) for name in ("slot", "idempotency_key")}
    assert browser.post("practice", sent | {"option": option} | more).status == 303
    return browser.open("practice")


def drawn(*box: int) -> dict[str, str]:
    """A drawn box, as the page sends it."""
    png = factories.mask_png(box=(box[0], box[1], box[2], box[3]))
    return {"option": "drawn", "mask": base64.urlsafe_b64encode(png).decode().rstrip("=")}


def test_a_checklist_is_told_what_should_be_ticked_and_what_not_and_never_the_prompt() -> None:
    """Control: leave `shows_prompt` out of `feedback_context` and its page."""
    browser = practising(TaskKind.OBJECT_PRESENCE, "training")
    assert all(prompt not in browser.open().html for prompt in factories.PROMPTS)
    told = send(browser, "checked", **{"word.0": "1", "word.2": "1"}).html
    assert "Not quite" in told
    assert "<dt>Should be ticked</dt><dd>ball</dd>" in told
    assert "<dt>Should not be ticked</dt><dd>everything else</dd>" in told
    assert WHY in told
    assert all(prompt not in told for prompt in factories.PROMPTS)
    assert "That is right" in send(browser, "checked", **{"word.0": "1"}).html
    assert PracticeAnswer.objects.order_by("pk")[0].words == ["ball", "cone"]


def test_the_prompt_of_a_checklist_is_not_in_what_the_script_gets_either() -> None:
    """Control: leave `shows_prompt` out of `practice_screen`."""
    browser = practising(TaskKind.OBJECT_PRESENCE, "qualification", "qualification")
    sent = {name: browser.open().hidden(name) for name in ("slot", "idempotency_key")} | {"option": "none"}
    reply = browser.post("practice", sent, script=True).html
    assert "Entry test" in reply
    assert all(prompt[:9] not in reply for prompt in factories.PROMPTS)


def test_a_drawing_is_told_how_far_it_agrees_and_shown_what_was_expected() -> None:
    """Control: judge by the share of the reference alone, or show the expected mask before an answer."""
    browser = practising(TaskKind.MASK, "training")
    slot = browser.open().hidden("slot")
    expected = f"{browser.url('practice')}{slot}/expected.png"
    assert browser.client.get(expected).status_code == 404
    told = send(browser, **drawn(8, 8, 56, 20)).html
    assert "Not quite" in told
    assert "agrees with the expected one by 24 percent" in told
    assert "50 percent" in told
    assert browser.client.get(expected)["Content-Type"] == "image/png"
    told = send(browser, **drawn(8, 8, 57, 50)).html
    assert "That is right" in told


def test_a_pair_is_told_the_side_that_she_saw() -> None:
    """Control: leave `swapped_for` out of the picture, the stored answer, or the page that tells."""
    browser = practising(TaskKind.PAIRWISE, "training")
    [item] = practice_items(browser.rater.campaign)
    right = "right" if swapped_for(browser.rater, item) else "left"
    wrong = "left" if right == "right" else "right"
    told = send(browser, wrong).html
    assert "Not quite" in told
    assert f"<dt>Right answer</dt><dd>{right.title()}</dd>" in told
    assert "That is right" in send(browser, right).html


def test_the_sides_of_practice_pairs_differ_between_raters() -> None:
    """Control: the first always left: then one side is always right."""
    browser = practising(TaskKind.PAIRWISE, "training", raters_per_item=16, places_kept=0)
    campaign = browser.rater.campaign
    [item] = practice_items(campaign)
    raters = [factories.make_rater(campaign) for _ in range(15)]
    assert {swapped_for(rater, item) for rater in raters} == {False, True}


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (TaskKind.OBJECT_PRESENCE, {"option": "checked", "word.0": "1"}, {"option": "none"}),
        (TaskKind.MASK, drawn(8, 8, 57, 57), {"option": "not_in_image"}),
    ],
)
def test_a_qualification_of_any_kind_is_failed_after_its_last_attempt_and_told_to_the_researcher(
    client: Client, kind: TaskKind, right: dict[str, str], wrong: dict[str, str]
) -> None:
    """Control: leave the attempts out of the export, or the expected mask in the qualification."""
    browser = practising(kind, "qualification", "qualification")
    campaign = browser.rater.campaign
    slot = browser.open().hidden("slot")
    for answer in (right, wrong, wrong, right):
        sent = {name: browser.open().hidden(name) for name in ("slot", "idempotency_key")}
        assert browser.post("practice", sent | answer).status == 303
        assert browser.client.get(f"{browser.url('practice')}{slot}/expected.png").status_code == 404
    browser.rater.refresh_from_db()
    assert browser.rater.outcome == RaterOutcome.SCREENED_OUT
    assert "SORRY123" in browser.open().html
    client.force_login(campaign.owner)
    page = client.get(reverse("annotation:rater", args=[campaign.public_id, browser.rater.pseudonym]))
    assert page.content.decode().count("1 of 2 right, 2 needed: failed") == 2
    table = client.get(reverse("annotation:campaign", args=[campaign.public_id])).content.decode()
    assert "test 1 failed (1 of 2), test 2 failed (1 of 2)" in table


@pytest.mark.django_db(transaction=True)
def test_practice_answers_are_in_a_file_of_their_own(client: Client) -> None:
    browser = practising(TaskKind.PAIRWISE, "training")
    [item] = practice_items(browser.rater.campaign)
    send(browser, "tie")
    send(browser, "right" if swapped_for(browser.rater, item) else "left")
    campaign = browser.rater.campaign
    client.force_login(campaign.owner)
    file = client.get(reverse("evaluation:file", args=[campaign.public_id, "practice.csv"]))
    text = b"".join(file.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["attempt"], row["winner"], row["right"]) for row in rows] == [
        ("1", "tie", "0"), ("2", "first", "1"),
    ]  # fmt: skip
    assert {row["item_kind"] for row in rows} == {ItemKind.TRAINING.value}
    assert {row["rater"] for row in rows} == {browser.rater.pseudonym}
