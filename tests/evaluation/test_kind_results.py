"""Results of presence, pairwise and mask campaigns: numbers worked out by hand, and bundles made again."""

import base64
import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from html import unescape
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from annotation.choices import TaskKind
from annotation.contents import AnswerContent
from annotation.mask_files import read_mask
from annotation.models import Campaign, Slot
from annotation.services import raters
from annotation.services.answers import record_answer
from annotation.services.tasks_for_raters import Task, next_task
from evaluation.kinds import masks as masks_kind
from evaluation.kinds import pairs as pairs_kind
from evaluation.kinds import presence as presence_kind
from evaluation.kinds.loading import asked_words
from evaluation.metrics.resizing import resize_bicubic
from evaluation.rebuilding import rebuild
from generation import storage
from generation.models import Image, Prompt, PromptWord
from tests import factories
from tests.evaluation.test_results_page import words

# A snapshot is a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def signed_in(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def get(client: Client, campaign: Campaign, name: str = "", query: str = "") -> bytes:
    url = (
        reverse("evaluation:file", args=[campaign.public_id, name])
        if name
        else reverse("evaluation:results", args=[campaign.public_id])
    )
    response = client.get(url + query)
    assert response.status_code == 200, url
    streamed = getattr(response, "streaming_content", None)
    return b"".join(streamed) if streamed is not None else response.content


def streamed(client: Client, url: str) -> bytes:
    return b"".join(getattr(client.get(url), "streaming_content", ()))


def rows(client: Client, campaign: Campaign, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(get(client, campaign, name).decode(), newline="")))


def say(campaign: Campaign, name: str, **said: AnswerContent) -> None:
    """One rater's visit: to each image the answer named by a word of its prompt."""
    rater = factories.make_rater(campaign, name)
    while isinstance(task := next_task(rater), Task):
        content = next(content for word, content in said.items() if word in task.prompt_text)
        record_answer(
            rater, slot_id=task.slot_id, content=content, idempotency_key=uuid4(),
            client_milliseconds=1, view="",
        )  # fmt: skip


def checked(*found: str) -> AnswerContent:
    return AnswerContent(words=found)


def check_rebuilt(client: Client, campaign: Campaign, folder: Path) -> None:
    bundle = folder / "bundle.zip"
    bundle.write_bytes(get(client, campaign, "bundle.zip"))
    found = rebuild(bundle)
    assert (found.different, found.missing, found.added) == ((), (), ())
    assert len(found.same) > 10


@pytest.fixture
def presence(owner: User) -> Campaign:
    """Two images, three raters: "ball" and "box" are both seen in the first, one of two in the second.

        rater   "a red ball beside a blue box."     "the green cone, a yellow cube."
        one     ball, box                           cone
        two     box, dog                            cube, dog
        three   ball                                dog, umbrella

    First: ball 2, box 2, dog 1: correct. Second: dog 2, then cone, cube and umbrella with 1; cone came first:
    {dog, cone}, a tie, not correct.
    """
    campaign = factories.make_campaign_of_kind(TaskKind.OBJECT_PRESENCE, owner=owner, raters_per_item=3)
    Prompt.objects.filter(text__contains="ball").update(extra={"relation": "other"})
    Prompt.objects.filter(text__contains="cone").update(extra={"relation": "cohyponym"})
    say(campaign, "one", ball=checked("ball", "box"), cone=checked("cone"))
    say(campaign, "two", ball=checked("box", "dog"), cone=checked("cube", "dog"))
    say(campaign, "three", ball=checked("ball"), cone=checked("dog", "umbrella"))
    return campaign


def test_presence_has_the_accuracies_worked_out_by_hand(signed_in: Client, presence: Campaign) -> None:
    """Control: let `_judged` take every answer's first word, or leave `n_asked` out of the status."""
    images = {row["relation"]: row for row in rows(signed_in, presence, "images.csv")}
    first, second = images["other"], images["cohyponym"]
    assert (first["first_label"], first["second_label"], first["correct"], first["tied"]) == (
        "ball", "box", "1", "0",
    )  # fmt: skip
    assert (second["first_label"], second["second_label"], second["correct"], second["tied"]) == (
        "dog", "cone", "0", "1",
    )  # fmt: skip
    assert (second["first_asked"], second["second_asked"], second["n_asked"]) == ("cone", "cube", "2")
    accuracy = {row["relation"]: row for row in rows(signed_in, presence, "relations.csv")}
    assert (accuracy["other"]["accuracy"], accuracy["cohyponym"]["accuracy"]) == ("1.0", "0.0")
    # Wilson for 1 of 1: z^2 / (1 + z^2) = 0.2065.
    assert float(accuracy["other"]["accuracy_low"]) == pytest.approx(0.206549, abs=1e-6)
    (test,) = rows(signed_in, presence, "relation_tests.csv")
    assert (test["test"], float(test["p_value"])) == ("fisher", 1.0)
    assert 0 <= float(first["map_iou"]) <= 1
    shown = words(get(signed_in, presence).decode())
    assert "Images with both objects 50 %" in shown
    assert not re.search(r"\bnan\b", shown.lower())


def test_presence_leaves_excluded_raters_and_other_prompts_out(signed_in: Client, presence: Campaign) -> None:
    """Control: let `Answers.counted` give every answer."""
    rater = presence.raters.order_by("pk")[0]
    raters.exclude(rater, presence.owner, "asked to be left out")
    Prompt.objects.filter(text__contains="cone").update(text="the green cone, a yellow thing.")
    PromptWord.objects.filter(text="cube").update(text="thing", lemma="thing")
    images = {row["relation"]: row for row in rows(signed_in, presence, "images.csv")}
    assert (images["other"]["n_answers"], images["other"]["first_votes"]) == ("2", "1")
    assert (images["cohyponym"]["status"], images["cohyponym"]["correct"]) == ("not two words", "")


def test_pairs_have_the_shares_worked_out_by_hand(signed_in: Client, owner: User, tmp_path: Path) -> None:
    """Five answers for the first system, two ties, one for the second: (5 + 1) / 8 = 75 %.

    Davidson's model fits one pair exactly: strengths differ by log(5 / 1), so that each is half of it.
    Control: let `VALUE` count a tie as 1.
    """
    campaign = factories.make_campaign_of_kind(TaskKind.PAIRWISE, owner=owner, raters_per_item=4)
    answers = iter(["first"] * 5 + ["tie"] * 2 + ["second"])
    for number in range(4):
        rater = factories.make_rater(campaign, f"rater {number}")
        while isinstance(task := next_task(rater), Task):
            wanted = next(answers)
            swapped = Slot.objects.get(pk=task.slot_id).swapped
            sides = {"first": "right", "second": "left"} if swapped else {"first": "left", "second": "right"}
            record_answer(
                rater, slot_id=task.slot_id, content=AnswerContent(choice=sides.get(wanted, "tie")),
                idempotency_key=uuid4(), client_milliseconds=1, view="",
            )  # fmt: skip
    shown = words(get(signed_in, campaign).decode())
    assert "75 %" in shown
    strengths = [float(row["strength"]) for row in rows(signed_in, campaign, "systems.csv")]
    assert strengths == pytest.approx([np.log(5) / 2, -np.log(5) / 2], abs=1e-8)
    assert [row["n"] for row in rows(signed_in, campaign, "outcomes.csv")][:3] == ["5", "2", "1"]
    check_rebuilt(signed_in, campaign, tmp_path)


def drawn(*box: int) -> AnswerContent:
    """A mask with a white box (left, top, right, bottom)."""
    left, top, right, bottom = box
    png = factories.mask_png(box=(left, top, right, bottom))
    return AnswerContent(mask=read_mask(png, height=factories.SIDE, width=factories.SIDE))


@pytest.fixture
def masks(owner: User) -> Campaign:
    """The words of two prompts; three raters draw two boxes of 16 x 16 that overlap by half, or nothing.

    In images of "ball" the masks are A, B and none: the majority is A and B, 128 pixels, and IoU(A, B) is
    128 / 384. In images of "cone" two of three raters draw nothing: the word is not in the image.
    """
    campaign = factories.make_campaign_of_kind(TaskKind.MASK, owner=owner, raters_per_item=3)
    nothing = AnswerContent(choice="not_in_image")
    say(campaign, "one", ball=drawn(0, 0, 16, 16), cone=drawn(0, 0, 16, 16))
    say(campaign, "two", ball=drawn(8, 0, 24, 16), cone=nothing)
    say(campaign, "three", ball=nothing, cone=nothing)
    return campaign


def test_masks_have_the_overlaps_worked_out_by_hand(signed_in: Client, masks: Campaign) -> None:
    """Control: leave who drew nothing out of `consensus`, or resize the truth instead of the map."""
    found = rows(signed_in, masks, "items.csv")
    first = [row for row in found if "ball" in row["prompt"]]
    assert {row["status"] for row in found if row not in first} == {"not in the image"}
    assert {(row["status"], row["n_masks"], row["n_absent"], row["truth_pixels"]) for row in first} == {
        ("ok", "2", "1", "128")
    }
    assert [float(row["agreement_iou"]) for row in first] == pytest.approx([1 / 3] * len(first))
    maps = {
        json.loads(line)["item"]: json.loads(line)
        for line in get(signed_in, masks, "word_maps.jsonl").decode().splitlines()
    }
    for row in first:
        line = maps[row["item"]]
        raw = (
            np.frombuffer(base64.b64decode(line["float16"]), "<f2").astype(float).reshape(8, 8)
            * line["scale"]
        )
        inside = resize_bicubic(raw, shape=(64, 64))
        inside = inside >= 0.4 * inside.max()
        truth = np.zeros((64, 64), dtype=bool)
        truth[:16, 8:16] = True
        assert float(row["iou"]) == pytest.approx((inside & truth).sum() / (inside | truth).sum(), abs=1e-12)
    curve = rows(signed_in, masks, "thresholds.csv")
    assert [row["threshold"] for row in curve] == [f"{0.05 * step:g}" for step in range(1, 20)]
    assert {row["threshold"]: row["difference_undefined_because"] for row in curve}["0.4"] == "the reference"


def test_the_truth_can_be_chosen(signed_in: Client, masks: Campaign) -> None:
    def pixels(query: str) -> set[str]:
        content = get(signed_in, masks, "items.csv", query).decode()
        return {
            row["truth_pixels"] for row in csv.DictReader(io.StringIO(content)) if "ball" in row["prompt"]
        }

    assert (pixels("?truth=union"), pixels("?truth=intersection")) == ({"384"}, {""})
    shown = unescape(words(get(signed_in, masks, query="?truth=most").decode()))
    assert "truth can't be 'most'" in shown


@pytest.mark.parametrize("kind", ["presence", "masks"])
def test_a_bundle_is_made_again(
    signed_in: Client, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    check_rebuilt(signed_in, request.getfixturevalue(kind), tmp_path)


def test_a_changed_answer_is_found_out(signed_in: Client, presence: Campaign, tmp_path: Path) -> None:
    """Control: let `_files_of_kind` read the results of images.csv too."""
    whole = zipfile.ZipFile(io.BytesIO(get(signed_in, presence, "bundle.zip")))
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(changed, "w") as archive:
        for name in whole.namelist():
            content = whole.read(name)
            archive.writestr(name, content.replace(b",dog", b",box") if name == "presence.csv" else content)
    assert {"images.csv", "provenance.json"} <= set(rebuild(changed).different)


@pytest.mark.parametrize("kind", [TaskKind.OBJECT_PRESENCE, TaskKind.PAIRWISE, TaskKind.MASK])
def test_a_campaign_nobody_answered_says_so(signed_in: Client, owner: User, kind: TaskKind) -> None:
    campaign = factories.make_campaign_of_kind(kind, owner=owner)
    shown = words(get(signed_in, campaign).decode())
    assert "No answers yet" in shown
    assert not re.search(r"\bnan\b", shown.lower())
    get(signed_in, campaign, "bundle.zip")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Ball on a box", ["ball", "box"]),
        ("two boxes, one ball", ["box", "ball"]),
        ("a football", []),
        ("a traffic light behind a ball", ["traffic light", "ball"]),
    ],
)
def test_a_prompt_names_words_of_the_checklist_in_order(text: str, expected: list[str]) -> None:
    """Control: look for the entry anywhere in the text."""
    lemmas = {"boxes": "box"}
    tokens = [(word, lemmas.get(word, word)) for word in re.findall(r"\w+", text)]
    assert asked_words(text, tokens, vocabulary=("ball", "box", "traffic light")) == expected


def test_the_guide_has_the_columns_of_items_and_images() -> None:
    """Control: rename a column without the guide."""
    guide = (Path(__file__).resolve().parents[2] / "docs" / "exports.md").read_text()
    fields = [*presence_kind.GIVEN, *presence_kind.RESULTS, *pairs_kind.ITEM_FIELDS]
    fields += [*masks_kind.GIVEN, *masks_kind.RESULTS, *masks_kind.MAP_FIELDS]
    assert [field.name for field in fields if f"| `{field.name}` | {field.meaning} |" not in guide] == []


def test_the_maps_by_themselves_have_boxes_and_relations(
    signed_in: Client, owner: User, tmp_path: Path
) -> None:
    """Against the stored maps themselves: the share of pixels from 0.4 of the peak up, and their overlap.

    Control: cut at another share in `_measure`, or take the dependent for the head in `_pairs_of`.
    """
    campaign = factories.make_campaign_of(2, owner=owner)
    PromptWord.objects.filter(position=1).update(head_position=0, dependency="amod")

    def table(name: str) -> list[dict[str, str]]:
        url = reverse("evaluation:maps_file", args=[campaign.public_id, name])
        content = streamed(signed_in, url)
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))

    image = Image.objects.get()
    masks = {place: found >= 0.4 * found.max() for place, found in storage.read_word_maps(image).items()}
    assert {int(row["position"]): float(row["intensity"]) for row in table("maps.csv")} == pytest.approx(
        {place: mask.mean() for place, mask in masks.items()}
    )
    (pair,) = table("overlaps.csv")
    assert (pair["relation"], int(pair["both"])) == ("amod", int((masks[0] & masks[1]).sum()))
    assert (int(pair["head"]), int(pair["dependent"])) == (int(masks[0].sum()), int(masks[1].sum()))
    (box,) = table("intensity.csv")
    assert (box["part_of_speech"], box["n"]) == ("NOUN", "2")
    bundle = tmp_path / "maps.zip"
    url = reverse("evaluation:maps_file", args=[campaign.public_id, "bundle.zip"])
    bundle.write_bytes(streamed(signed_in, url))
    assert rebuild(bundle).is_whole
    shown = words(signed_in.get(reverse("evaluation:maps", args=[campaign.public_id])).content.decode())
    assert "Intensity of the maps by part of speech" in shown
    call_command("map_report", str(campaign.public_id), out=tmp_path / "all", stdout=io.StringIO())
    assert (tmp_path / "all" / "figures" / "intensity.pdf").read_bytes().startswith(b"%PDF")


def test_the_pages_break_no_rule_of_accessibility_and_fit_a_small_phone(
    sign_in: Callable[..., Page], owner: User, masks: Campaign
) -> None:
    """Control: leave `tabindex` off the figures, which scroll sideways."""
    page = sign_in(owner, "small phone")
    for name in ("evaluation:results", "evaluation:maps"):
        page.goto(reverse(name, args=[masks.public_id]))
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert Axe().run(page).response["violations"] == []
