"""What presence, pairs and masks say in their files is what was answered; the guide lists every column."""

import base64
import csv
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image as Picture
from pycocotools import mask as coco

from annotation import kind_exports
from annotation.choices import PairOf, TaskKind
from annotation.exports import ratings_csv
from annotation.models import Answer, Campaign
from tests import factories
from tests.annotation.rater_browser import RaterBrowser

# A snapshot is a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)


def send(campaign: Campaign, name: str, option: str, **more: str) -> None:
    """One rater's answer to her first task, through the page."""
    browser = RaterBrowser(factories.make_rater(campaign, name))
    page = browser.open()
    names = ("slot", "idempotency_key")
    sent = {field: page.hidden(field) for field in names} | {"option": option} | more
    assert browser.post("answer", sent).status == 303


def table(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_presence_has_a_line_per_word_in_the_order_of_checking() -> None:
    campaign = factories.make_campaign_of_kind(TaskKind.OBJECT_PRESENCE)
    send(campaign, "one", "checked", **{"word.3": "1", "word.0": "1"})
    send(campaign, "two", "none")
    rows = table(b"".join(kind_exports.presence_csv(campaign)))
    assert [(row["checked_word"], row["order"], row["n_words"]) for row in rows] == [
        ("cube", "1", "2"), ("ball", "2", "2"), ("", "0", "0"),
    ]  # fmt: skip
    assert {row["prompt"] for row in rows} <= set(factories.PROMPTS)
    assert {row["image_model_id"] for row in rows} == {"test-model"}


@pytest.mark.parametrize("pair_of", list(PairOf))
def test_pairs_name_the_winner_whichever_side_it_lay_on(pair_of: PairOf) -> None:
    """Control: leaving `swapped` out of `winner`."""
    campaign = factories.make_campaign_of_kind(TaskKind.PAIRWISE, pair_of=pair_of, raters_per_item=4)
    for number, choice in enumerate(["left", "right", "tie", "left", "right", "left"]):
        send(campaign, f"rater {number}", choice)
    rows = table(b"".join(kind_exports.pairs_csv(campaign)))
    assert {row["swapped"] for row in rows} == {"0", "1"}
    for row in rows:
        left, right = ("second", "first") if row["swapped"] == "1" else ("first", "second")
        assert row["winner"] == {"left": left, "right": right, "tie": ""}[row["choice"]]
        assert row["first_system"] != row["second_system"]
        by_method = pair_of == PairOf.METHODS
        assert (row["first_image_sha256"] == row["second_image_sha256"]) == by_method
        assert [row["first_method"], row["second_method"]] == (
            list(factories.METHODS) if by_method else ["", ""]
        )
        assert bool(row["word"]) == (pair_of != PairOf.IMAGES)


def test_masks_are_cocos_encoding_and_png_files_of_the_same_pixels() -> None:
    campaign = factories.make_campaign_of_kind(TaskKind.MASK)
    text = base64.urlsafe_b64encode(factories.mask_png()).decode().rstrip("=")
    send(campaign, "one", "drawn", mask=text)
    send(campaign, "two", "not_in_image")
    lines = b"".join(kind_exports.masks_jsonl(campaign)).decode().splitlines()
    drawn, absent = (json.loads(line) for line in lines)
    decoded = coco.decode(drawn["segmentation"])
    assert (decoded.sum(), drawn["area"], drawn["not_in_image"]) == (512, 512, False)
    assert (absent["segmentation"], absent["file"], absent["not_in_image"]) == (None, "", True)
    archives = []
    for _ in range(2):
        target = io.BytesIO()
        kind_exports.write_masks_zip(campaign, target)
        archives.append(target.getvalue())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(io.BytesIO(archives[0])) as archive:
        assert archive.namelist() == [drawn["file"], "masks.jsonl"]
        picture = np.asarray(Picture.open(io.BytesIO(archive.read(drawn["file"]))))
    assert (picture == decoded.astype(bool)).all()


def test_other_kinds_are_not_in_ratings_csv_and_scores_not_in_theirs() -> None:
    other = factories.make_campaign_of_kind(TaskKind.OBJECT_PRESENCE)
    send(other, "one", "none")
    scored = factories.make_campaign_of(2)
    send(scored, "one", "4")
    assert Answer.objects.count() == 2
    assert table(b"".join(ratings_csv(other))) == []
    assert len(table(b"".join(ratings_csv(scored)))) == 1
    for write in (kind_exports.presence_csv, kind_exports.pairs_csv):
        assert table(b"".join(write(scored))) == []
    assert b"".join(kind_exports.masks_jsonl(scored)) == b""


@pytest.mark.parametrize("name", ["PRESENCE", "PAIRS", "MASKS"])
def test_the_guide_lists_every_column_with_its_meaning(name: str) -> None:
    guide = (Path(settings.BASE_DIR) / "docs" / "exports.md").read_text()
    for column in getattr(kind_exports, name):
        assert f"| `{column.name}` | {column.meaning} |" in guide
