"""The kinds of task beside the opinion score, through their pages as a browser without scripts uses them."""

import base64
import io
import re
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image as Picture

from annotation import coco_rle
from annotation.choices import ItemKind, PairOf, SlotState, TaskKind
from annotation.models import Answer, Campaign, Draft, Slot
from annotation.services.answers import undo_last
from annotation.services.tasks_for_raters import Task, next_task
from generation.models import Run
from tests import factories
from tests.annotation.rater_browser import RaterBrowser, fresh_key, json_of

pytestmark = pytest.mark.django_db

OTHER_KINDS = (TaskKind.OBJECT_PRESENCE, TaskKind.MASK, TaskKind.PAIRWISE)


def browser_of(kind: TaskKind, **changes: Any) -> RaterBrowser:
    """A rater at the first task of a campaign of the kind."""
    return RaterBrowser(factories.make_rater(factories.make_campaign_of_kind(kind, **changes)))


def fields(browser: RaterBrowser, option: str, **more: str) -> dict[str, str]:
    """What the current page sends for an option."""
    page = browser.open()
    names = ("slot", "idempotency_key")
    return {name: page.hidden(name) for name in names} | {"option": option} | more


def encoded(png: bytes) -> str:
    """A file as the page sends it."""
    return base64.urlsafe_b64encode(png).decode().rstrip("=")


# Presence


def test_checked_words_are_stored_in_the_order_of_checking() -> None:
    """Control: sorting the fields, or reading them into a set."""
    browser = browser_of(TaskKind.OBJECT_PRESENCE)
    sent = fields(browser, "checked", **{"word.3": "1", "word.0": "1", "word.5": "1"})
    assert browser.post("answer", sent).status == 303
    assert Answer.objects.get().words == ["cube", "ball", "umbrella"]


def test_none_of_these_is_an_answer_without_words() -> None:
    browser = browser_of(TaskKind.OBJECT_PRESENCE)
    browser.post("answer", fields(browser, "none"))
    assert Answer.objects.get().words == []


@pytest.mark.parametrize(
    ("option", "words", "says"),
    [
        ("checked", {}, "No word is ticked"),
        ("none", {"word.1": "1"}, "Choose one of the two"),
        ("checked", {"word.6": "1"}, "word.N must name one of the 6 words"),
        ("checked", {"word.01": "1"}, "not known"),
        ("checked", {"word.１": "1"}, "not known"),
        ("4", {"word.1": "1"}, "option must be"),
    ],
)
def test_a_checklist_that_says_nothing_or_two_things_is_refused_with_the_way_back(
    option: str, words: dict[str, str], says: str
) -> None:
    browser = browser_of(TaskKind.OBJECT_PRESENCE)
    page = browser.post("answer", fields(browser, option, **words))
    assert page.status == 400
    assert says in page.html
    assert browser.url("session") in page.html
    assert Answer.objects.count() == 0


def test_a_rater_keeps_her_own_order_of_the_checklist_and_others_have_theirs() -> None:
    """Control: a shuffle without the pseudonym in its seed, or without a seed."""
    campaign = factories.make_campaign_of_kind(TaskKind.OBJECT_PRESENCE, raters_per_item=4)
    orders = []
    for number in range(4):
        browser = RaterBrowser(factories.make_rater(campaign, f"rater {number}"))
        order = re.findall(r'name="(word\.\d)"', browser.open().html)
        browser.post("answer", fields(browser, "none"))
        assert re.findall(r'name="(word\.\d)"', browser.open().html) == order
        assert sorted(order) == [f"word.{place}" for place in range(6)]
        orders.append(tuple(order))
    assert len(set(orders)) > 1


def test_the_prompt_is_nowhere_in_a_presence_task() -> None:
    """It would say what there is to see. Control: leaving shows_prompt out of `task_screen`."""
    browser = browser_of(TaskKind.OBJECT_PRESENCE)
    sent = fields(browser, "none")
    for page in (browser.open(), browser.post("answer", sent, script=True)):
        for prompt in factories.PROMPTS:
            assert prompt not in page.html
            assert prompt[:9] not in page.html


# Pairs


@pytest.mark.parametrize("choice", ["left", "tie", "right"])
def test_a_side_is_stored_as_chosen_with_the_slots_assignment(choice: str) -> None:
    browser = browser_of(TaskKind.PAIRWISE)
    browser.post("answer", fields(browser, choice))
    assert Answer.objects.get().choice == choice


@pytest.mark.parametrize("pair_of", list(PairOf))
def test_left_and_right_are_the_slots_assignment(pair_of: PairOf) -> None:
    """Control: leaving `swapped` out of `pictures.picture`."""
    campaign = factories.make_campaign_of_kind(TaskKind.PAIRWISE, pair_of=pair_of, raters_per_item=2)
    seen: dict[int, set[bytes]] = {}
    for name in ("one", "two"):
        browser = RaterBrowser(factories.make_rater(campaign, name))
        while isinstance(task := next_task(browser.rater), Task):
            slot = Slot.objects.get(pk=task.slot_id)
            # By methods the image is the same on both sides, and the maps differ.
            names = ("left_map", "right_map") if pair_of == PairOf.METHODS else ("left", "right")
            left, right = (browser.open(name, slot.public_id).response.content for name in names)
            assert left != right
            first = right if slot.swapped else left
            seen.setdefault(slot.item_id, set()).add(first)
            browser.post("answer", fields(browser, "tie"))
    assert {len(firsts) for firsts in seen.values()} == {1}


def test_half_of_an_items_places_are_swapped() -> None:
    """Control: drawing every slot's side by itself."""
    campaign = factories.make_campaign_of_kind(TaskKind.PAIRWISE, raters_per_item=4)
    for item in campaign.items.all():
        assert sorted(item.slots.values_list("swapped", flat=True)) == [False, False, True, True]


def test_nothing_in_a_pair_tells_whose_it_is() -> None:
    browser = browser_of(TaskKind.PAIRWISE)
    html = browser.open().html
    for run in Run.objects.all():
        for secret in (run.name, run.model_id, run.model_revision):
            assert secret not in html
    assert re.findall(r'src="[^"]*/(left|right)/[0-9a-f-]{36}\.png"', html) == ["left", "right"]


# Masks


def test_a_mask_is_stored_as_one_bit_png_and_coco_counts() -> None:
    browser = browser_of(TaskKind.MASK)
    sent = fields(browser, "drawn", mask=encoded(factories.mask_png()))
    assert browser.post("answer", sent).status == 303
    mask = Answer.objects.get().mask
    assert mask is not None
    assert (mask.height, mask.width, mask.area) == (64, 64, 32 * 16)
    stored = Picture.open(io.BytesIO(bytes(mask.png)))
    assert stored.mode == "1"
    inside = np.zeros((64, 64), dtype=bool)
    inside[4:20, 8:40] = True
    assert (np.asarray(stored) == inside).all()
    assert (coco_rle.decode(mask.rle, height=64, width=64) == inside).all()


def test_not_in_the_image_needs_no_scripts() -> None:
    browser = browser_of(TaskKind.MASK)
    browser.post("answer", fields(browser, "not_in_image"))
    assert Answer.objects.get().choice == "not_in_image"


def test_the_same_mask_twice_is_one_and_another_under_its_key_is_refused() -> None:
    browser = browser_of(TaskKind.MASK)
    sent = fields(browser, "drawn", mask=encoded(factories.mask_png()))
    outcomes = [json_of(browser.post("answer", sent, script=True))["outcome"] for _ in range(2)]
    other = sent | {"mask": encoded(factories.mask_png(box=(0, 0, 3, 3)))}
    refused = browser.post("answer", other, script=True)
    assert outcomes == ["saved", "already"]
    assert (refused.status, json_of(refused)["outcome"]) == (409, "refused")
    assert Answer.objects.count() == 1


def draft(browser: RaterBrowser, number: str, png: bytes, **changes: str) -> Any:
    """A stroke's end, as the page sends it."""
    sent = {"slot": browser.open().hidden("slot"), "number": number, "mask": encoded(png)}
    return browser.post("draft", sent | changes, script=True)


def test_a_draft_is_kept_by_its_number_and_comes_back_on_any_device() -> None:
    """Control: storing whatever comes last keeps the older stroke."""
    browser = browser_of(TaskKind.MASK)
    small, large = factories.mask_png(box=(0, 0, 3, 3)), factories.mask_png()
    for number, png in (("1", small), ("3", large), ("2", small), ("3", small)):
        assert draft(browser, number, png).status == 200
    kept = Draft.objects.get()
    assert kept.number == 3
    page = browser.open()
    assert 'data-draft-number="3"' in page.html
    shown = browser.open("kept_draft", kept.slot.public_id).response.content
    assert (np.asarray(Picture.open(io.BytesIO(shown))) == np.asarray(Picture.open(io.BytesIO(large)))).all()


def test_a_draft_is_gone_with_its_task_and_its_mask_is_back_after_undo() -> None:
    browser = browser_of(TaskKind.MASK)
    draft(browser, "1", factories.mask_png(box=(0, 0, 3, 3)))
    browser.post("answer", fields(browser, "drawn", mask=encoded(factories.mask_png())))
    assert Draft.objects.count() == 0
    undo_last(browser.rater)
    mask = Answer.objects.get().mask
    assert mask is not None
    assert bytes(Draft.objects.get().png) == bytes(mask.png)


def test_a_draft_is_for_the_task_in_hand_alone() -> None:
    """Control: leaving the rater out of `_in_hand` and `draft_of`."""
    browser = browser_of(TaskKind.MASK, raters_per_item=2)
    other = RaterBrowser(factories.make_rater(browser.rater.campaign))
    slot = browser.open().hidden("slot")
    assert draft(other, "1", factories.mask_png(), slot=slot).status == 409
    assert draft(browser, "1", factories.mask_png()).status == 200
    assert other.open("kept_draft", UUID(slot)).status == 404


@pytest.mark.parametrize("number", ["0", "", "-1", "1_0", "１", "99999999999"])
def test_a_draft_without_a_proper_number_is_refused(number: str) -> None:
    browser = browser_of(TaskKind.MASK)
    assert draft(browser, number, factories.mask_png()).status == 400
    assert Draft.objects.count() == 0


# All of them


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_an_answer_of_another_kind_is_refused(kind: TaskKind) -> None:
    browser = browser_of(kind)
    assert browser.post("answer", fields(browser, "4")).status == 400
    assert Answer.objects.count() == 0


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_undo_and_the_way_to_the_code_are_the_same(kind: TaskKind) -> None:
    option = {"object_presence": "none", "mask": "not_in_image", "pairwise": "left"}[kind]
    browser = browser_of(kind, raters_per_item=1)
    first = browser.open().hidden("slot")
    browser.post("answer", fields(browser, option))
    browser.post("undo")
    assert browser.open().hidden("slot") == first
    while 'name="slot"' in browser.open().html:
        assert browser.post("answer", fields(browser, option)).status == 303
    assert "DONE1234" in browser.open().html
    campaign = browser.rater.campaign
    answered = Slot.objects.filter(campaign=campaign, state=SlotState.ANSWERED).count()
    assert answered == campaign.items.filter(kind=ItemKind.RATING).count() > 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", list(TaskKind))
def test_a_researcher_makes_previews_and_opens_each_kind_from_the_pages(kind: TaskKind) -> None:
    owner = factories.make_user()
    run = factories.make_finished_run(owner)
    other = factories.make_run_again(run)
    client = Client()
    client.force_login(owner)
    address = f"{reverse('annotation:campaign_new')}?run={run.pk}&kind={kind.value}"
    initial = client.get(address).context["form"].initial
    entered = {name: value for name, value in initial.items() if value is not None} | {
        "contact": "me@example.org", "vocabulary": "ball\nbox\nball\n", "compared_runs": [str(other.pk)],
        "checks_per_rater": "0",
    }  # fmt: skip
    made = client.post(address, entered)
    assert made.status_code == 302, made.context["form"].errors
    campaign = Campaign.objects.get()
    assert campaign.task_kind == kind
    assert campaign.vocabulary == (["ball", "box"] if kind == TaskKind.OBJECT_PRESENCE else [])
    preview = client.get(reverse("annotation:preview", args=[campaign.public_id])).content.decode()
    pictures = re.findall(r'src="(/campaigns/[^"]+\.png)"', preview)
    assert pictures
    for picture in pictures:
        assert client.get(picture)["Content-Type"] == "image/png"
    assert client.get(reverse("annotation:campaign_edit", args=[campaign.public_id])).status_code == 200
    client.post(reverse("annotation:campaign_open", args=[campaign.public_id]))
    campaign.refresh_from_db()
    assert campaign.state == "open"
    for name in ("annotation:campaign", "evaluation:results"):
        assert client.get(reverse(name, args=[campaign.public_id])).status_code == 200


@pytest.mark.parametrize(
    ("words", "says"), [("", "2 to 200"), ("ball\nball", "2 to 200"), ("x" * 61 + "\ny", "60")]
)
def test_a_vocabulary_that_is_no_list_is_refused_with_the_rule(words: str, says: str) -> None:
    owner = factories.make_user()
    run = factories.make_finished_run(owner)
    client = Client()
    client.force_login(owner)
    address = f"{reverse('annotation:campaign_new')}?run={run.pk}&kind=object_presence"
    response = client.post(address, {"vocabulary": words})
    assert response.status_code == 400
    assert says in str(response.context["form"].errors["vocabulary"])


def test_a_mask_for_an_image_that_was_not_put_to_the_rater_is_refused_before_it_is_read() -> None:
    browser = browser_of(TaskKind.MASK)
    sent = {"slot": fresh_key(), "idempotency_key": fresh_key(), "option": "drawn", "mask": "AAAA"}
    assert browser.post("answer", sent).status == 409
