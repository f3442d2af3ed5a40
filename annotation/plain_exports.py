"""wide.csv, answers.jsonl and answers-codebook.csv: the answers of every kind of task in three plain forms.

wide.csv has a line per item and a column per rater; answers.jsonl a line per answer, with numbers as numbers
and texts as they are; the codebook says what every column of the files with answers holds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from django.db.models import F
from django.db.models.functions import Coalesce

from annotation import (
    adjudication_exports,
    check_rows,
    evidence_exports,
    kind_exports,
    practice_exports,
    standings,
)
from annotation.choices import TaskKind
from annotation.exports import RATINGS, ROWS_AT_ONCE, Row, snapshot
from annotation.models import Answer, Campaign, Rater
from annotation.shown import with_shown
from annotation.standings import option_code
from common.csv_stream import Cell, Column, cell_text, in_chunks, lines, raw_lines

_THING: Final = "slot__item__"
_WIDE_FIRST: Final = (
    ("item", "Number of the item; joins items.csv.", "slot__item_id"),
    ("item_kind", "rating, or attention for an attention check.", f"{_THING}kind"),
    ("prompt", "The prompt.", "prompt"),
    ("word", "The word in question; empty where the task is about the image.", "word"),
    ("seed", "Seed of the image's noise.", "seed"),
)
WIDE_ANSWER: Final = (
    "One column per rater, named by pseudonym: the score or opt-out; the checked words with semicolons "
    "between them, or none; first, second or tie of a pair; mask or not_in_image of a drawing. "
    "Empty where not asked."
)
WORDS: Final = Column[Row](
    "words", "Checked words in the order of checking; empty for none of these.", lambda row: row["words"]
)
_OF_KIND: Final[dict[TaskKind, Sequence[Column[Row]]]] = {
    TaskKind.OPINION_SCORE: RATINGS,
    TaskKind.OBJECT_PRESENCE: (
        *(column for column in kind_exports.PRESENCE if column.name not in ("order", "checked_word")),
        WORDS,
    ),
    TaskKind.PAIRWISE: kind_exports.PAIRS,
    TaskKind.MASK: kind_exports.MASKS,
}

_FILES: Final = {
    TaskKind.OPINION_SCORE: "ratings.csv",
    TaskKind.OBJECT_PRESENCE: "presence.csv",
    TaskKind.PAIRWISE: "pairs.csv",
    TaskKind.MASK: "masks.jsonl",
}
_FILE_COLUMNS: Final = _OF_KIND | {TaskKind.OBJECT_PRESENCE: kind_exports.PRESENCE}


@dataclass(frozen=True, kw_only=True)
class CodebookLine:
    """One column of one file."""

    file: str
    column: str
    meaning: str


CODEBOOK: Final[tuple[Column[CodebookLine], ...]] = (
    Column("file", "File that has the column.", attrgetter("file")),
    Column("column", "Name of the column, or of the field of a line.", attrgetter("column")),
    Column("meaning", "What it holds.", attrgetter("meaning")),
)


def wide_csv(campaign: Campaign) -> Iterator[bytes]:
    """One line per item that has answers, one column per rater; from one snapshot, one item in memory."""
    with snapshot():
        raters = list(Rater.objects.filter(campaign=campaign).order_by("pk").values_list("pk", "pseudonym"))
        header = [*(name for name, _, _ in _WIDE_FIRST), *(pseudonym for _, pseudonym in raters)]
        yield from in_chunks(raw_lines(_wide(campaign, [pk for pk, _ in raters]), header=header))


def answers_jsonl(campaign: Campaign) -> Iterator[bytes]:
    """One JSON object per standing answer, in order of submission, from one snapshot."""
    columns = columns_of(campaign)
    with snapshot():
        for row in _answers(campaign, columns):
            values = {column.name: _plain(column.of(row)) for column in columns}
            yield (json.dumps(values, ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n").encode()


def codebook_csv(campaign: Campaign) -> Iterator[bytes]:
    """One line per column of the campaign's files with answers."""
    files: dict[str, Sequence[Column[Any]]] = {
        _FILES[TaskKind(campaign.task_kind)]: _FILE_COLUMNS[TaskKind(campaign.task_kind)],
        "wide.csv": [*_wide_columns()],
        "answers.jsonl": columns_of(campaign),
        "practice.csv": practice_exports.PRACTICE,
        "adjudications.csv": adjudication_exports.ADJUDICATIONS,
        "evidence.csv": evidence_exports.EVIDENCE,
    }
    rows = (
        CodebookLine(file=file, column=column.name, meaning=column.meaning)
        for file, columns in files.items()
        for column in columns
    )
    return in_chunks(lines(rows, columns=CODEBOOK))


def columns_of(campaign: Campaign) -> Sequence[Column[Row]]:
    """The fields of a line of answers.jsonl."""
    return _OF_KIND[TaskKind(campaign.task_kind)]


def _wide_columns() -> Iterator[Column[Any]]:
    for name, meaning, _ in (*_WIDE_FIRST, ("(pseudonym)", WIDE_ANSWER, "")):
        yield Column(name, meaning, str)


def _wide(campaign: Campaign, raters: list[int]) -> Iterator[list[str]]:
    image, word_map = f"{_THING}image__", f"{_THING}word_map__"
    answers = (
        Answer.objects.filter(slot__campaign=campaign, undone_at__isnull=True)
        .annotate(
            prompt=Coalesce(F(f"{image}prompt__text"), F(f"{word_map}image__prompt__text")),
            word=Coalesce(F(f"{_THING}word__text"), F(f"{word_map}word__text")),
            seed=Coalesce(F(f"{image}seed"), F(f"{word_map}image__seed")),
        )
        .order_by("slot__item__position", "slot__item_id", "pk")
        .values(
            *(path for _, _, path in _WIDE_FIRST), "rater_id", "score", "opt_out", "words", "choice",
            "mask_id", "slot__swapped",
        )
    )  # fmt: skip
    rows = answers.iterator(chunk_size=ROWS_AT_ONCE)
    for _, of_item in groupby(rows, key=lambda row: row["slot__item_id"]):
        given = list(of_item)
        cells = {row["rater_id"]: _said(row) for row in given}
        first = [cell_text(given[0][path]) for _, _, path in _WIDE_FIRST]
        yield [*first, *(cell_text(cells.get(rater)) for rater in raters)]


def _said(row: Row) -> str:
    """What one answer says, in a word."""
    if row["words"] is not None:
        return "; ".join(row["words"]) or "none"
    if row["mask_id"] is not None:
        return "mask"
    if row["choice"] in ("left", "right", "tie"):
        return kind_exports.winner(row) or "tie"
    return row["choice"] or option_code(score=row["score"], opt_out=row["opt_out"])


def _answers(campaign: Campaign, columns: Sequence[Column[Row]]) -> Iterator[Row]:
    if campaign.task_kind != TaskKind.OPINION_SCORE:
        yield from kind_exports.answer_rows(campaign, columns)
        return
    of_rater = standings.standings(campaign)
    paths = [path for column in columns if (path := getattr(column, "path", ""))]
    answers = check_rows.with_first_answers(
        Answer.objects.filter(slot__campaign=campaign, undone_at__isnull=True)
    )
    answers = with_shown(answers, campaign=campaign, item=_THING)
    rows = answers.order_by("pk").values(*paths, *check_rows.COLUMNS, "rater_id")
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        yield row | {"campaign": campaign, "standing": of_rater[row["rater_id"]]}


def _plain(value: Cell) -> Any:
    """A value as JSON has it; a text as it is, since no spreadsheet reads this file."""
    if value is None or isinstance(value, str | bool | int | float | dict | list):
        return value
    return cell_text(value)
