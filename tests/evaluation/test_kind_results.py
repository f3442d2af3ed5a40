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
from evaluation.metrics.average_precision import Classes, SegmentedWord, average_precision
from evaluation.metrics.resizing import resize_bicubic
from evaluation.rebuilding import rebuild
from generation import storage
from generation.models import Image, Prompt, PromptWord
from tests import factories
from tests.evaluation.test_results_page import words

# A snapshot is a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)


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
    at_99 = get(signed_in, presence, "relation_tests.csv", query="?confidence=0.99").decode()
    (wide,) = csv.DictReader(io.StringIO(at_99, newline=""))
    assert float(wide["difference_low"]) < float(test["difference_low"])
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
    # Masks A and B, and each of them against nothing drawn: (1/3 + 0 + 0) / 3.
    assert [float(row["agreement_iou"]) for row in first] == pytest.approx([1 / 9] * len(first))
    assert {row["n_absent_pairs"] for row in first} == {"2"}
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


def test_maps_have_the_average_precision_of_pycocotools_and_words_not_there_are_false_finds(
    signed_in: Client, masks: Campaign
) -> None:
    """Of the library itself, from the masks in the files: maps of "cone" match nothing that anybody drew.

    Control: leave words out that are not in their image, or rank maps by their peak.
    """
    (row, *_) = rows(signed_in, masks, "average_precision.csv")
    items = {line["item"]: line for line in rows(signed_in, masks, "items.csv")}
    words = []
    for text in get(signed_in, masks, "word_maps.jsonl").decode().splitlines():
        line = json.loads(text)
        if line["source"] != "whole":
            continue
        raw = np.frombuffer(base64.b64decode(line["float16"]), "<f2").astype(float)
        soft = resize_bicubic(raw.reshape(line["height"], line["width"]) * line["scale"], shape=(64, 64))
        drawn = soft >= 0.4 * soft.max()
        truth = np.zeros((64, 64), dtype=bool)
        truth[:16, 8:16] = items[line["item"]]["status"] == "ok"
        words.append(
            SegmentedWord(
                image=items[line["item"]]["image_sha256"], word=line["item"], truth=truth, prediction=drawn,
                score=float(soft[drawn].mean()),
            )
        )  # fmt: skip
    expected = average_precision(words, classes=Classes.BINARY)
    assert float(row["ap"]) == pytest.approx(expected.ap, abs=1e-12)
    n_there = sum(line["status"] == "ok" for line in items.values())
    assert (row["n_truths"], row["n_predictions"]) == (str(n_there), str(len(items)))
    assert n_there < len(items)
    curve = get(signed_in, masks, "figures/precision_recall.csv").decode().splitlines()
    assert len(curve) == 102


def test_masks_are_filtered_by_part_of_speech(signed_in: Client, masks: Campaign) -> None:
    """Control: measure filtered words too, or leave the filter out of the flow."""
    PromptWord.objects.filter(prompt__text__contains="cone").update(part_of_speech="VERB")
    content = get(signed_in, masks, "items.csv", "?only-part_of_speech=NOUN").decode()
    found = list(csv.DictReader(io.StringIO(content, newline="")))
    assert {row["status"] for row in found if "cone" in row["prompt"]} == {"filtered out"}
    assert {row["status"] for row in found if "ball" in row["prompt"]} == {"ok"}
    facts = json.loads(get(signed_in, masks, "provenance.json", "?only-part_of_speech=NOUN"))
    steps = [(s["name"], s["items_before"], s["items_after"]) for s in facts["filters_in_order"]]
    n = len([row for row in found if row["status"] == "ok"])
    assert (steps[0], steps[-1]) == (("filter", len(found), n), ("outcome", n, n))


def test_what_counts_in_masks_can_be_chosen_and_is_said(signed_in: Client, masks: Campaign) -> None:
    """Control: pass neither `absent` to `pairwise_iou` nor `rules` to `summarise`."""
    query = "?absent=skip&counting=published_code"
    content = get(signed_in, masks, "items.csv", query).decode()
    found = [row for row in csv.DictReader(io.StringIO(content)) if "ball" in row["prompt"]]
    assert [float(row["agreement_iou"]) for row in found] == pytest.approx([1 / 3] * len(found))
    summary = get(signed_in, masks, "summary.csv", query + "&confidence=0.99").decode()
    row = next(csv.DictReader(io.StringIO(summary)))
    assert (row["miou_method"], row["miou_confidence"]) == ("z1.96_population", "0.95")
    shown = words(get(signed_in, masks, query=query).decode())
    assert "don't count in the raters' agreement" in unescape(shown)
    assert "as the published code does" in shown
    assert "count as an IoU of 0 in the raters' agreement" in unescape(words(get(signed_in, masks).decode()))


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


def test_words_that_name_one_thing_are_a_baseline_of_overlap(signed_in: Client, owner: User) -> None:
    """Of "a red ball beside a blue box." the row says ball=box and ball=cat; there is no cat.

    Control: draw the unrelated pair among coreferent words too, or drop unknown words in silence.
    """
    campaign = factories.make_campaign_of_kind(TaskKind.OBJECT_PRESENCE, owner=owner)
    Prompt.objects.filter(text__contains="ball").update(extra={"coreferent": "Ball=box; ball=cat"})

    def get_of(name: str) -> str:
        return streamed(
            signed_in, reverse("evaluation:maps_file", args=[campaign.public_id, name])
        ).decode()  # fmt: skip

    pairs = csv.DictReader(io.StringIO(get_of("overlaps.csv"), newline=""))
    found = [row for row in pairs if row["relation"] == "coreferent"]
    words_of = {w.position: w.text for w in PromptWord.objects.filter(prompt__text__contains="ball")}
    told = {(words_of[int(r["head_position"])], words_of[int(r["dependent_position"])]) for r in found}
    assert told == {("ball", "box")}
    assert json.loads(get_of("provenance.json"))["campaign"]["coreferences_not_found"] == len(found)
    page = signed_in.get(reverse("evaluation:maps", args=[campaign.public_id])).content.decode()
    assert "names a word that its prompt hasn" in page


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
