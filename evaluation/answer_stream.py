"""Answers from the database as numpy columns, by COPY in its binary form: no Python object per answer.

Every field that is asked for has a fixed width, so a block of rows is one array of records. At a million
answers this takes about a second, where a cursor's tuples take several and hundreds of megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from annotation.choices import ItemKind, TaskKind
from annotation.models import Answer, Campaign
from evaluation.metrics.tables import OPT_OUT_BY_NAME, FloatArray, IndexArray, OptOut

# The file header of COPY's binary format is 19 bytes and no extension; its last record is a count of -1.
HEADER: Final = 19
BLOCK: Final = 4 * 1024 * 1024
UNKNOWN: Final = -1


def record_of(fields: Sequence[tuple[str, str]]) -> np.dtype[Any]:
    """What COPY writes of a row of fields of fixed width: how many fields, and before each field its length.

    fields: names and types, e.g. ">i8".
    """
    parts = [part for name, kind in fields for part in ((f"{name}_length", ">i4"), (name, kind))]
    return np.dtype([("fields", ">i2"), *parts])


RECORD: Final = record_of(
    (
        ("answer", ">i8"), ("item", ">i8"), ("rater", ">i8"), ("score", ">i2"), ("opt_out", ">i2"),
        ("microseconds", ">i8"),
    )
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Standing answers to rating items in order of submission, each array (answers,).

    answer, item, rater: primary keys.  score: NaN for an opt-out.  opt_out: values of OptOut.
    seconds: from showing to answering, by the server's clock.
    """

    answer: IndexArray
    item: IndexArray
    rater: IndexArray
    score: FloatArray
    opt_out: np.ndarray[Any, np.dtype[np.int8]]
    seconds: FloatArray


def read_answers(campaign: Campaign) -> Answers:
    """All standing answers to the campaign's rating items."""
    standing = Answer.objects.filter(
        slot__campaign=campaign,
        slot__campaign__task_kind=TaskKind.OPINION_SCORE,
        slot__item__kind=ItemKind.RATING,
        undone_at__isnull=True,
    )
    return stream(standing)


def stream(answers: QuerySet[Answer]) -> Answers:
    """These answers, in order of their keys. Raises ValueError for an opt-out unknown to the analysis."""
    records = copied_records(*_statement(answers), record=RECORD)
    records = records[np.argsort(records["answer"], kind="stable")]
    opt_out = records["opt_out"].astype(np.int8)
    if (opt_out == UNKNOWN).any():
        raise ValueError("An answer has an opt-out that the analysis does not know.")
    score = records["score"].astype(np.float64)
    score[opt_out != OptOut.NONE] = np.nan
    return Answers(
        answer=records["answer"].astype(np.int64),
        item=records["item"].astype(np.int64),
        rater=records["rater"].astype(np.int64),
        score=score,
        opt_out=opt_out,
        seconds=records["microseconds"].astype(np.float64) / 1_000_000,
    )


def copied_records(statement: str, parameters: tuple[Any, ...], *, record: np.dtype[Any]) -> np.ndarray:
    """The rows of a COPY in binary form as one array of records."""
    blocks = _records(statement, parameters, record=record)
    return np.concatenate([*blocks, np.zeros(0, dtype=record)])


def _records(statement: str, parameters: tuple[Any, ...], *, record: np.dtype[Any]) -> Iterator[np.ndarray]:
    """Blocks of records, as they arrive."""
    held = bytearray()
    start = HEADER
    with connection.wrap_database_errors, connection.cursor() as cursor:
        # Django's own wrapper takes no parameters for COPY while it logs queries (DEBUG).
        with cursor.cursor.copy(statement, parameters) as copy:
            for piece in copy:
                held += piece
                if len(held) >= BLOCK:
                    whole = (len(held) - start) // record.itemsize
                    yield np.frombuffer(bytes(held), dtype=record, count=whole, offset=start)
                    del held[: start + whole * record.itemsize]
                    start = 0
        rest = (len(held) - start) // record.itemsize
        if rest > 0:
            yield np.frombuffer(bytes(held), dtype=record, count=rest, offset=start)


def _statement(answers: QuerySet[Answer]) -> tuple[str, tuple[Any, ...]]:
    """COPY of the queryset with every field at a fixed width; the queryset's own conditions stay its own."""
    chosen = answers.order_by().values_list(
        "pk", "slot__item_id", "rater_id", "score", "opt_out", "shown_at", "answered_at"
    )
    rows, parameters = chosen.query.sql_with_params()
    cases = " ".join("WHEN %s THEN %s" for _ in OPT_OUT_BY_NAME)
    codes = [part for name, code in OPT_OUT_BY_NAME.items() for part in (name, int(code))]
    statement = (
        "COPY (SELECT answer::int8, item::int8, rater::int8, coalesce(score, 0)::int2,"  # noqa: S608
        f" (CASE opt_out WHEN '' THEN 0 {cases} ELSE {UNKNOWN} END)::int2,"
        " (extract(epoch FROM answered - shown) * 1000000)::int8"
        f" FROM ({rows}) AS given (answer, item, rater, score, opt_out, shown, answered))"
        " TO STDOUT (FORMAT BINARY)"
    )
    return statement, (*codes, *parameters)
