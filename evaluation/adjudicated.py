"""Adjudicated where present: a reviewer's answer in place of the raters', for an analysis that asks for it.

The files of answers are rewritten on their way: of an adjudicated item with answers, the lines of its raters
go and the reviewer's comes, as that of a rater named `adjudicated`. All that follows is computed from these
files, so that a bundle holds what was analysed and is rebuilt like any other. Nothing stored changes.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Any, Final

import numpy as np

from annotation import adjudication_queue
from annotation.choices import Choice, TaskKind
from annotation.models import Adjudication, Campaign
from common.csv_stream import cell_text, in_chunks, raw_lines
from evaluation import campaign_columns
from evaluation.answer_stream import Answers
from evaluation.metrics.tables import OPT_OUT_BY_NAME, OptOut
from evaluation.ratings_file import Ratings
from evaluation.study import GivenColumn

NAME: Final = "adjudicated"
# Of the facts of a report: how many adjudicated items had answers of raters.
FACT: Final = "adjudicated_items"
_WINNERS: Final = {Choice.LEFT: "first", Choice.RIGHT: "second"}
_NOBODYS: Final = {
    "answer_key": "", "consent_sha256": "", "rater": NAME, "platform": "", "simulated": False, "place": "",
    "rater_failed_checks": False, "rater_excluded": False, "in_analysis": True, "seconds_shown": 0.0,
    "client_milliseconds": None, "view": "",
}  # fmt: skip


class AnswersOf(StrEnum):
    """Whose answers a report rests on."""

    RATERS = "raters"
    ADJUDICATED = "adjudicated"


WORDS: Final = {
    AnswersOf.RATERS: "as raters gave them",
    AnswersOf.ADJUDICATED: "adjudicated where present",
}


def is_asked(settings: Mapping[str, str]) -> bool:
    """Whether a page's parameters ask for adjudicated answers."""
    return settings.get("answers") == AnswersOf.ADJUDICATED


def decisions_of(campaign: Campaign) -> dict[int, Adjudication]:
    """Those that stand, by item, of the items that raters have answered."""
    answered = adjudication_queue.standing_adjudications(campaign).filter(
        item__slots__answers__undone_at__isnull=True, item__slots__answers__isnull=False
    )
    return {made.item_id: made for made in answered.distinct().order_by("-pk")}


def rewritten(campaign: Campaign, file: Ratings) -> Ratings:
    """The file of answers with the decisions in it. Read inside a snapshot, as the file itself."""
    decided = decisions_of(campaign)
    rewrite = _json_lines if campaign.task_kind == TaskKind.MASK else _csv_lines
    return Ratings(columns=file.columns, pieces=partial(rewrite, file.pieces, decided))


def with_decisions(answers: Answers, *, decided: Mapping[int, Adjudication], rater: int) -> Answers:
    """Scores with the decisions in place of raters' answers. rater: key that stands for the reviewer."""
    replaced = np.isin(answers.item, list(decided))
    kept = {name: getattr(answers, name)[~replaced] for name in vars(answers)}
    made = [decided[item] for item in sorted(set(answers.item[replaced].tolist()))]
    scores = [float("nan") if one.score is None else float(one.score) for one in made]
    added = {
        "answer": np.zeros(len(made), dtype=np.int64),
        "item": np.array([one.item_id for one in made], dtype=np.int64),
        "rater": np.full(len(made), rater, dtype=np.int64),
        "score": np.array(scores, dtype=np.float64),
        "opt_out": np.array([_opt_out(one) for one in made], dtype=np.int8),
        "seconds": np.zeros(len(made), dtype=np.float64),
    }
    return replace(answers, **{name: np.concatenate([kept[name], added[name]]) for name in kept})


def with_reviewer(columns: tuple[GivenColumn, ...]) -> tuple[GivenColumn, ...]:
    """The given columns of raters.csv with a line for the reviewer."""
    none = dict.fromkeys((given.name for given in campaign_columns.CHECKS_BY_KIND), "0")
    cells = {"rater": NAME, "simulated": "0", "verdict": campaign_columns.KEPT, "checks_answered": "0",
             "checks_wrong": "0"} | none  # fmt: skip
    return tuple(replace(column, cells=[*column.cells, cells.get(column.name, "")]) for column in columns)


def _opt_out(made: Adjudication) -> int:
    return int(OPT_OUT_BY_NAME[made.opt_out]) if made.opt_out else int(OptOut.NONE)


def _csv_lines(pieces: Callable[[], Iterator[bytes]], decided: Mapping[int, Adjudication]) -> Iterator[bytes]:
    rows = csv.reader(_text(pieces()))
    names = next(rows, [])
    place = names.index("item")
    first: dict[int, list[str]] = {}

    def all_rows() -> Iterator[list[str]]:
        for row in rows:
            item = int(row[place])
            if item in decided:
                first.setdefault(item, row)
            else:
                yield row
        for item in sorted(first):
            line = dict(zip(names, first[item], strict=True))
            for said in _said(decided[item]):
                cells = line | {name: cell_text(value) for name, value in said.items() if name in line}
                yield [cells[name] for name in names]

    yield from in_chunks(raw_lines(all_rows(), header=names))


def _json_lines(
    pieces: Callable[[], Iterator[bytes]], decided: Mapping[int, Adjudication]
) -> Iterator[bytes]:
    first: dict[int, dict[str, Any]] = {}
    for text in _text(pieces()):
        line = json.loads(text)
        if line["item"] in decided:
            first.setdefault(line["item"], line)
        else:
            yield text.encode()
    for item in sorted(first):
        for said in _said(decided[item]):
            plain = {name: value if not hasattr(value, "isoformat") else cell_text(value)
                     for name, value in said.items()}  # fmt: skip
            line = first[item] | {name: value for name, value in plain.items() if name in first[item]}
            yield (json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _said(made: Adjudication) -> Iterator[dict[str, Any]]:
    """What the decision says in the columns of any of the files; a line for each checked word."""
    mask = made.mask
    common = _NOBODYS | {
        "answer_id": f"adjudication {made.pk}", "shown_at": made.at, "answered_at": made.at,
        "score": made.score, "opt_out": made.opt_out, "choice": made.choice, "swapped": False,
        "winner": _WINNERS.get(Choice(made.choice), "") if made.choice else "",
        "not_in_image": made.choice == Choice.NOT_IN_IMAGE, "area": mask.area if mask else None,
        "segmentation": {"size": [mask.height, mask.width], "counts": mask.rle} if mask else None,
        "file": "",
    }  # fmt: skip
    words = made.words or []
    for order, word in enumerate(words, start=1):
        yield common | {"n_words": len(words), "order": order, "checked_word": word}
    if not words:
        yield common | {"n_words": 0, "order": 0, "checked_word": ""}


def _text(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines with their ends, of a file in pieces."""
    held = ""
    for text in codecs.iterdecode(pieces, "utf-8"):
        *whole, held = (held + text).split("\n")
        for line in whole:
            yield line + "\n"
    if held:
        yield held
