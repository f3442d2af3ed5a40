"""Adjudicated where present: only where it is asked for, said on the page, and rebuilt from its bundle."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import TaskKind
from annotation.contents import AnswerContent
from annotation.mask_files import read_mask
from annotation.models import Answer, Campaign
from annotation.services import adjudications
from evaluation.rebuilding import rebuild
from tests import factories

# A snapshot is a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)
ASKED = {"answers": "adjudicated"}


def get(client: Client, campaign: Campaign, name: str, **query: str) -> bytes:
    response = client.get(reverse("evaluation:file", args=[campaign.public_id, name]), query)
    assert response.status_code == 200, name
    streamed: Any = getattr(response, "streaming_content", None)
    return b"".join(streamed) if streamed is not None else response.content


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def page(client: Client, campaign: Campaign, **query: str) -> str:
    return client.get(reverse("evaluation:results", args=[campaign.public_id]), query).content.decode()


def test_a_decided_score_replaces_the_raters_only_where_it_is_asked_for(
    client: Client, owner: User, tmp_path: Path
) -> None:
    """Control: replacing in every analysis, or leaving `ratings_of` without the settings."""
    client.force_login(owner)
    campaign = factories.make_campaign_of(2, owner=owner)
    for name, said in (("one", "1"), ("two", "5"), ("three", "3")):
        factories.rate_all(factories.make_rater(campaign, name), said)
    first, second = campaign.items.order_by("pk")
    before = list(Answer.objects.order_by("pk").values())
    adjudications.adjudicate(first, AnswerContent(score=5), actor=owner)
    plain = {row["item"]: row for row in rows(get(client, campaign, "items.csv"))}
    assert [float(plain[str(item.pk)]["median"]) for item in (first, second)] == [3.0, 3.0]
    asked = {row["item"]: row for row in rows(get(client, campaign, "items.csv", **ASKED))}
    assert [float(asked[str(item.pk)]["median"]) for item in (first, second)] == [5.0, 3.0]
    assert [asked[str(item.pk)]["n_scores"] for item in (first, second)] == ["1", "3"]
    ratings = rows(get(client, campaign, "ratings.csv", **ASKED))
    assert [row["rater"] for row in ratings if row["item"] == str(first.pk)] == ["adjudicated"]
    assert len(rows(get(client, campaign, "ratings.csv"))) == 6
    assert "Adjudicated where present" in page(client, campaign, **ASKED)
    assert "of 1 item the raters' answers are replaced" in page(client, campaign, **ASKED)
    assert "answers are replaced" not in page(client, campaign)
    assert list(Answer.objects.order_by("pk").values()) == before
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(get(client, campaign, "bundle.zip", **ASKED))
    found = rebuild(bundle)
    assert (found.different, found.missing, found.added) == ((), (), ())


@pytest.mark.parametrize(
    ("kind", "file", "column", "expected"),
    [
        (TaskKind.OBJECT_PRESENCE, "presence.csv", "checked_word", ["box", "dog"]),
        (TaskKind.PAIRWISE, "pairs.csv", "winner", ["second"]),
        (TaskKind.MASK, "masks.jsonl", "", []),
    ],
)
def test_every_kind_has_its_decisions_in_its_file_and_bundle(
    client: Client, owner: User, tmp_path: Path, kind: TaskKind, file: str, column: str, expected: list[str]
) -> None:
    client.force_login(owner)
    campaign = factories.make_campaign_of_kind(kind, owner=owner, raters_per_item=2)
    for name in ("one", "two"):
        factories.rate_all(factories.make_rater(campaign, name))
    item = campaign.items.filter(kind="rating").order_by("pk")[0]
    drawn = read_mask(factories.mask_png(), height=factories.SIDE, width=factories.SIDE)
    content = {
        TaskKind.OBJECT_PRESENCE: AnswerContent(words=("box", "dog")),
        TaskKind.PAIRWISE: AnswerContent(choice="right"),
        TaskKind.MASK: AnswerContent(mask=drawn),
    }[kind]
    adjudications.adjudicate(item, content, actor=owner)
    asked, plain = get(client, campaign, file, **ASKED), get(client, campaign, file)
    assert b"adjudicated" in asked
    assert b"adjudicated" not in plain
    if column:
        decided = [row[column] for row in rows(asked) if row["item"] == str(item.pk)]
        assert decided == expected
    assert "answers are replaced" in page(client, campaign, **ASKED)
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(get(client, campaign, "bundle.zip", **ASKED))
    found = rebuild(bundle)
    assert (found.different, found.missing, found.added) == ((), (), ())
