"""wide.csv, answers.jsonl and their codebook: every answer once, the same bytes twice, no cell that acts."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from annotation import plain_exports
from annotation.choices import TaskKind
from annotation.models import Answer, Campaign, Rater
from common.csv_stream import FORMULA_STARTS, unguard
from generation.models import Prompt
from tests import factories

# A snapshot is a transaction of its own.
pytestmark = pytest.mark.django_db(transaction=True)

Write = Callable[[Campaign], Iterator[bytes]]
WRITERS: tuple[Write, ...] = (
    plain_exports.wide_csv, plain_exports.answers_jsonl, plain_exports.codebook_csv,
)  # fmt: skip


def rated(kind: TaskKind = TaskKind.OPINION_SCORE) -> Campaign:
    """A campaign with two raters' answers."""
    campaign = factories.make_campaign_of_kind(kind)
    for _ in range(2):
        factories.rate_all(factories.make_rater(campaign))
    return campaign


def content(write: Write, campaign: Campaign) -> str:
    return b"".join(write(campaign)).decode()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("kind", list(TaskKind))
def test_both_forms_hold_every_standing_answer_once(kind: TaskKind) -> None:
    """Control: leave undone answers in; group unordered rows."""
    campaign = rated(kind)
    answers = Answer.objects.filter(undone_at=None)
    told = [json.loads(line) for line in content(plain_exports.answers_jsonl, campaign).splitlines()]
    assert [line["answer_id"] for line in told] == [answer.pk for answer in answers.order_by("pk")]
    wide = table(content(plain_exports.wide_csv, campaign))
    raters = [rater.pseudonym for rater in Rater.objects.all()]
    cells = [row[rater] for row in wide for rater in raters if row[rater]]
    assert len(cells) == answers.count() > 0
    assert len({row["item"] for row in wide}) == len(wide)
    expected = {
        TaskKind.OPINION_SCORE: {"4"},
        TaskKind.OBJECT_PRESENCE: {"ball"},
        TaskKind.PAIRWISE: {"tie"},
        TaskKind.MASK: {"not_in_image"},
    }
    assert set(cells) == expected[kind]


def test_numbers_are_numbers_and_texts_are_as_they_were() -> None:
    """Control: cell_text for every value; guard in the JSON."""
    Prompt.objects.all().delete()
    campaign = factories.make_open_campaign(
        run=factories.make_finished_run(prompts=["=1+1 red ball"]), raters_per_item=1
    )
    factories.rate_all(factories.make_rater(campaign))
    line = json.loads(content(plain_exports.answers_jsonl, campaign).splitlines()[0])
    assert (line["score"], line["simulated"], line["prompt"]) == (4, False, "=1+1 red ball")
    row = table(content(plain_exports.wide_csv, campaign))[0]
    assert (row["prompt"][0], unguard(row["prompt"])) == ("'", "=1+1 red ball")


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_the_same_data_give_the_same_bytes(write: Write) -> None:
    """Control: take the order off."""
    campaign = rated()
    assert content(write, campaign) == content(write, campaign)


def test_no_cell_of_the_wide_file_acts() -> None:
    campaign = rated()
    for row in csv.reader(io.StringIO(content(plain_exports.wide_csv, campaign))):
        assert [cell for cell in row if cell[:1] in FORMULA_STARTS and cell] == []


@pytest.mark.parametrize("kind", list(TaskKind))
def test_the_codebook_and_the_guide_name_every_column(kind: TaskKind) -> None:
    campaign = rated(kind)
    book = {(row["file"], row["column"]) for row in table(content(plain_exports.codebook_csv, campaign))}
    first = json.loads(content(plain_exports.answers_jsonl, campaign).splitlines()[0])
    assert {("answers.jsonl", name) for name in first} <= book
    guide = (Path(settings.BASE_DIR) / "docs" / "exports.md").read_text()
    for row in table(content(plain_exports.codebook_csv, campaign)):
        if row["file"] == "wide.csv":
            assert f"| `{row['column']}` | {unguard(row['meaning'])} |" in guide
