"""Answers from the database as numpy columns: no Python object per answer, and no row of the protocol either.

Every field that is asked for has a fixed width. PostgreSQL strings the values of a field together, and one
message brings each field whole: a million rows one by one would cost server and client more than the query.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from annotation.choices import TaskKind
from annotation.models import Answer, Campaign
from annotation.one_message import strung
from evaluation.metrics.tables import OPT_OUT_BY_NAME, BoolArray, FloatArray, IndexArray, OptOut

# A type of PostgreSQL, and its values as they are sent.
KINDS: Final = {"int8": ">i8", "int4": ">i4", "int2": ">i2"}
# A message holds up to a gigabyte. What is sent of an answer takes less than its row in the table, but with a
# row for each word of a long checklist up to four times as much.
BYTES_AT_ONCE: Final = 200_000_000
UNKNOWN: Final = -1


FIELDS: Final = {
    "answer": "int8", "item": "int8", "rater": "int8", "score": "int2", "opt_out": "int2",
    "microseconds": "int8",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Standing answers in order of submission, each array (answers,).

    answer, item, rater: primary keys.  score: NaN for an opt-out.  opt_out: values of OptOut.
    seconds: from showing to answering, by the server's clock.
    """

    answer: IndexArray
    item: IndexArray
    rater: IndexArray
    score: FloatArray
    opt_out: np.ndarray[Any, np.dtype[np.int8]]
    seconds: FloatArray

    def only(self, wanted: BoolArray) -> Answers:
        """Those of them that are wanted. wanted: (answers,)."""
        if wanted.all():
            return self
        return Answers(**{name: column[wanted] for name, column in vars(self).items()})


def read_answers(campaign: Campaign) -> Answers:
    """All standing answers to the campaign's items, checks too: the items tell which are which."""
    standing = Answer.objects.filter(
        slot__campaign=campaign,
        slot__campaign__task_kind=TaskKind.OPINION_SCORE,
        undone_at__isnull=True,
    )
    return stream(standing)


def stream(answers: QuerySet[Answer]) -> Answers:
    """These answers, in order of their keys. Raises ValueError for an opt-out unknown to the analysis."""
    columns = copied_numbers(*_statement(answers), fields=FIELDS)
    columns = ordered(columns, by=("answer",))
    opt_out = columns["opt_out"].astype(np.int8)
    if (opt_out == UNKNOWN).any():
        raise ValueError("An answer has an opt-out that the analysis does not know.")
    score = columns["score"].astype(np.float64)
    score[opt_out != OptOut.NONE] = np.nan
    return Answers(
        answer=columns["answer"],
        item=columns["item"],
        rater=columns["rater"],
        score=score,
        opt_out=opt_out,
        seconds=columns["microseconds"] / 1_000_000,
    )


def copied_numbers(
    statement: str, parameters: tuple[Any, ...], *, fields: Mapping[str, str]
) -> dict[str, IndexArray]:
    """The rows of a SELECT as columns of equal length, in no order.

    statement: gives the fields, in their order.  fields: names and types, see KINDS; none may be NULL, and
    the first is a key: it parts the rows where they are too many for one message.
    """
    slices = 1 + _size_of_answers() // BYTES_AT_ONCE
    strings = {name: f"string_agg({kind}send({name}), ''::bytea)" for name, kind in fields.items()}
    found: dict[str, list[np.ndarray]] = {name: [] for name in fields}
    for message in strung(statement, parameters, fields=strings, columns=list(fields), slices=slices):
        for (name, kind), field in zip(fields.items(), message, strict=True):
            if field is not None:
                found[name].append(np.frombuffer(field, dtype=KINDS[kind]).astype(np.int64))
    columns = {name: np.concatenate([*parts, np.zeros(0, dtype=np.int64)]) for name, parts in found.items()}
    if len({column.size for column in columns.values()}) > 1:
        raise ValueError(f"A field is empty in some rows: {statement}")
    return columns


def ordered(columns: dict[str, IndexArray], *, by: tuple[str, ...]) -> dict[str, IndexArray]:
    """The same rows in ascending order of these columns, the first one's first."""
    order = np.lexsort([columns[name] for name in reversed(by)])
    return {name: column[order] for name, column in columns.items()}


def _size_of_answers() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s)", [Answer._meta.db_table])
        return int(cursor.fetchone()[0])


def _statement(answers: QuerySet[Answer]) -> tuple[str, tuple[Any, ...]]:
    """A SELECT of FIELDS from the queryset; the queryset's own conditions stay its own."""
    chosen = answers.order_by().values_list(
        "pk", "slot__item_id", "rater_id", "score", "opt_out", "shown_at", "answered_at"
    )
    rows, parameters = chosen.query.sql_with_params()
    cases = " ".join("WHEN %s THEN %s" for _ in OPT_OUT_BY_NAME)
    codes = [part for name, code in OPT_OUT_BY_NAME.items() for part in (name, int(code))]
    statement = (
        "SELECT answer::int8, item::int8, rater::int8, coalesce(score, 0)::int2,"  # noqa: S608
        f" (CASE opt_out WHEN '' THEN 0 {cases} ELSE {UNKNOWN} END)::int2,"
        " (extract(epoch FROM answered - shown) * 1000000)::int8"
        f" FROM ({rows}) AS raw (answer, item, rater, score, opt_out, shown, answered)"
    )
    return statement, (*codes, *parameters)
