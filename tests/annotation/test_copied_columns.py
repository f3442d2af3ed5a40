"""Columns of cells by COPY: line by line in the order asked for, and all at once in one message."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet

from annotation import copied_columns
from annotation.copied_columns import copied, copied_at_once
from annotation.models import Answer, Item, Rater
from common.csv_stream import cell_text
from generation.models import Image
from tests import factories

pytestmark = pytest.mark.django_db

NASTY = 'a "b", \\N \\ \t\n\r\u2028 é'
ANSWERS = (
    "pk", "idempotency_key", "score", "opt_out", "client_milliseconds", "shown_at", "undone_at", "view",
    "rater__simulated", "rater__pseudonym", "slot__item__word_map__peak", "slot__item__image_id",
    "slot__item__check_kind",
)  # fmt: skip


@pytest.fixture
def answered(owner: User) -> None:
    """Answers with every type of field, empty ones among them, and texts that mean something to COPY."""
    campaign = factories.make_open_campaign(owner, checks_per_rater=2, raters_per_item=2)
    factories.rate_all(factories.make_rater(campaign, "first"))
    factories.rate_all(factories.make_rater(campaign, "second"), "image_too_poor")
    odd = Answer.objects.order_by("pk")[0]
    odd.view, odd.client_milliseconds = NASTY[:60], None
    odd.save()
    Rater.objects.filter(answers=odd).update(simulated=True)
    Image.objects.update(versions={"torch": '2,"9"', "a": NASTY})


def as_python_writes(rows: QuerySet[Any], paths: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(map(cell_text, row)) for row in rows.values_list(*paths)]


def at_once(rows: QuerySet[Any], paths: Sequence[str]) -> list[tuple[str, ...]]:
    return sorted(zip(*copied_at_once(rows, paths=paths), strict=True), key=lambda row: int(row[0]))


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("rows_of_a_message", [copied_columns.ROWS_OF_A_MESSAGE, 5])
def test_both_ways_give_the_cells_that_python_writes(
    monkeypatch: pytest.MonkeyPatch, rows_of_a_message: int
) -> None:
    """Controls: leave `_unescaped` out of `copied`, or WHERE out of `one_message.strung`."""
    monkeypatch.setattr(copied_columns, "ROWS_OF_A_MESSAGE", rows_of_a_message)
    answers = Answer.objects.order_by("pk")
    expected = as_python_writes(answers, ANSWERS)
    assert len(expected) > 5
    assert [row for block in copied(answers, paths=ANSWERS) for row in zip(*block, strict=True)] == expected
    assert at_once(answers, ANSWERS) == expected
    pictures = Image.objects.order_by("pk")
    of_picture = ("pk", "versions", "run__guidance", "prompt__text", "run__negative_prompt")
    assert at_once(pictures, of_picture) == as_python_writes(pictures, of_picture)


@pytest.mark.usefixtures("answered")
def test_a_column_of_nothing_but_empty_cells_has_them_all() -> None:
    """One row's empty text and no row at all look alike once strung together.

    Control: take an empty field for no rows in `copied_at_once`.
    """
    one = Item.objects.filter(check_kind="").order_by("pk")[:1]
    assert copied_at_once(Item.objects.filter(pk__in=one.values("pk")), paths=["check_kind"]) == [[""]]
    assert copied_at_once(Item.objects.filter(pk=0), paths=["pk", "check_kind"]) == [[], []]
