"""Answers of presence and pair campaigns from the database as columns; see `evaluation.answer_stream`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from django.db.models import QuerySet

from annotation import standings
from annotation.choices import Choice, ItemKind
from annotation.models import Answer, Campaign, Rater
from evaluation.answer_stream import copied_numbers, ordered
from evaluation.kinds.columns import AnswerColumns
from evaluation.kinds.pair_answers import ITEM, VALUE, PairAnswers, items_of
from evaluation.kinds.presence_answers import PresenceAnswers, presence_of
from evaluation.kinds.report import Columns
from evaluation.metrics.tables import IndexArray
from evaluation.study import first_appearance

_SHARED: Final = {"answer": "int8", "item": "int8", "rater": "int8", "microseconds": "int8"}
_CHECKS: Final = _SHARED | {"number": "int4", "word": "int4"}
NOT_LISTED: Final = -1
_PAIRS: Final = _SHARED | {"choice": "int4", "swapped": "int4"}
_CHOICES: Final = {Choice.LEFT: 0, Choice.TIE: 1, Choice.RIGHT: 2}
_FIELDS: Final = ("pk", "slot__item_id", "rater_id", "shown_at", "answered_at")


def presence_answers(campaign: Campaign) -> PresenceAnswers:
    """All standing answers to the campaign's images; as `presence_from_lines` of its presence.csv."""
    standing = _standing(campaign).filter(words__isnull=False)
    rows, parameters = standing.values_list(*_FIELDS, "words").query.sql_with_params()
    # One record per checked word, in order of checking; one without a word for none of these.
    statement = (
        "SELECT answer::int8, item::int8, rater::int8,"  # noqa: S608
        " (extract(epoch FROM answered - shown) * 1000000)::int8, coalesce(number, 0)::int4,"
        " (CASE WHEN word IS NULL THEN 0"
        f" ELSE coalesce(array_position(%s::text[], word::text), {NOT_LISTED}) END)::int4"
        f" FROM ({rows}) AS raw (answer, item, rater, shown, answered, words)"
        " LEFT JOIN LATERAL unnest(words) WITH ORDINALITY AS checked (word, number) ON true"
    )
    vocabulary = list(campaign.vocabulary)
    checks = copied_numbers(statement, (vocabulary, *parameters), fields=_CHECKS)
    checks = ordered(checks, by=("answer", "number"))
    columns, answer = _columns(campaign, checks)
    word = checks["word"]
    if (word == NOT_LISTED).any():
        raise ValueError("An answer has a word that is not in the campaign's checklist.")
    has_word = word > 0
    return presence_of(columns, vocabulary=vocabulary, answer=answer[has_word], word=word[has_word] - 1)


def pair_answers(campaign: Campaign, *, given: Columns) -> PairAnswers:
    """All standing comparisons; as `pairs_from_lines` of the campaign's pairs.csv. given: its items."""
    standing = _standing(campaign).filter(choice__in=list(_CHOICES))
    rows, parameters = standing.values_list(*_FIELDS, "choice", "slot__swapped").query.sql_with_params()
    cases = " ".join(f"WHEN %s THEN {code}" for code in _CHOICES.values())
    statement = (
        "SELECT answer::int8, item::int8, rater::int8,"  # noqa: S608
        " (extract(epoch FROM answered - shown) * 1000000)::int8,"
        f" (CASE choice {cases} END)::int4, swapped::int4"
        f" FROM ({rows}) AS raw (answer, item, rater, shown, answered, choice, swapped)"
    )
    names = tuple(str(choice) for choice in _CHOICES)
    pairs = ordered(copied_numbers(statement, (*names, *parameters), fields=_PAIRS), by=("answer",))
    columns, _ = _columns(campaign, pairs)
    left, swapped = pairs["choice"] == _CHOICES[Choice.LEFT], pairs["swapped"] == 1
    value = np.where(left != swapped, 1.0, 0.0)
    value[pairs["choice"] == _CHOICES[Choice.TIE]] = VALUE[""]
    place = {item: number for number, item in enumerate(given.column("item"))}
    chosen = [place[item] for item in columns.item_ids]
    return PairAnswers(
        answers=columns,
        value=value,
        left=np.asarray(left, dtype=bool),
        items=items_of(
            columns.item_ids, columns={name: [given.column(name)[at] for at in chosen] for name in ITEM}
        ),
    )


def _standing(campaign: Campaign) -> QuerySet[Answer]:
    return Answer.objects.filter(
        slot__campaign=campaign, slot__item__kind=ItemKind.RATING, undone_at__isnull=True
    ).order_by()


def _columns(campaign: Campaign, rows: Mapping[str, IndexArray]) -> tuple[AnswerColumns, IndexArray]:
    """The answers, and of each row the number of its answer. rows: in order of the answers."""
    keys = rows["answer"]
    new = np.concatenate(([True], keys[1:] != keys[:-1]))[: keys.size]
    items, item = first_appearance(rows["item"][new])
    raters, rater = first_appearance(rows["rater"][new])
    of_rater = standings.standings(campaign)
    known = {
        pk: (pseudonym, simulated)
        for pk, pseudonym, simulated in Rater.objects.filter(campaign=campaign).values_list(
            "pk", "pseudonym", "simulated"
        )
    }
    pks = raters.tolist()
    return AnswerColumns(
        item_ids=tuple(map(str, items.tolist())),
        rater_ids=tuple(known[pk][0] for pk in pks),
        item=item,
        rater=rater,
        seconds=rows["microseconds"][new] / 1_000_000,
        failed=np.array([of_rater[pk].failed_checks for pk in pks], dtype=bool),
        excluded=np.array([of_rater[pk].excluded_by_hand for pk in pks], dtype=bool),
        simulated=np.array([known[pk][1] for pk in pks], dtype=bool),
    ), np.cumsum(new) - 1
