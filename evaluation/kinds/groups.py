"""Filters by group of a kind's report: by which columns of its items, and what passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from annotation.choices import TaskKind
from evaluation.kinds.report import Columns, Line
from evaluation.metrics.tables import BoolArray, IndexArray
from evaluation.settings import Only

# By kind, the columns of its items that filter, and what they are called.
FILTERS: Final[Mapping[str, Mapping[str, str]]] = {
    TaskKind.OBJECT_PRESENCE: {"relation": "relation"},
    TaskKind.PAIRWISE: {
        "word": "word",
        "first_system": "first system",
        "second_system": "second system",
    },
    TaskKind.MASK: {"part_of_speech": "part of speech"},
}
MOST_GROUPS: Final = 300
# In the report of the maps, before the name of a column of the prompts' rows.
PROMPT_COLUMN: Final = "prompt_"


def groups_of(kind: str, given: Sequence[Line]) -> dict[str, list[str]]:
    """By column, the groups that a page offers; a column of one group, or of very many, offers none."""
    found = {}
    for name in FILTERS.get(kind, {}):
        column = given.column(name) if isinstance(given, Columns) else [line[name] for line in given]
        found[name] = sorted(set(column))
    return offered(found)


def offered(groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Of all columns with their groups, those by which a page filters."""
    return {name: list(values) for name, values in groups.items() if 1 < len(values) <= MOST_GROUPS}


def words_of(name: str) -> str:
    """What a column that filters is called."""
    if name.startswith(PROMPT_COLUMN):
        return f"{name.removeprefix(PROMPT_COLUMN)} of the prompt"
    return next((own[name] for own in FILTERS.values() if name in own), name)


def passing(given: Columns, only: Sequence[Only]) -> BoolArray:
    """(items,), what all filters let through. Raises KeyError for a column that there is not."""
    passes = np.ones(len(given), dtype=bool)
    for filter_ in only:
        passes &= np.array(given.column(filter_.grouping), dtype=object) == filter_.value
    return passes


def filters_of(given: Columns, only: Sequence[Only], *, place: IndexArray) -> list[tuple[str, BoolArray]]:
    """(in words, (answers,) what passes) of every filter, in order. place: (answers,), into the items."""
    return [
        (f"{filter_.grouping} is {filter_.value or '(none)'}", passing(given, [filter_])[place])
        for filter_ in only
    ]


def only_facts(only: Sequence[Only]) -> list[dict[str, str]]:
    """The filters as JSON values."""
    return [{"grouping": filter_.grouping, "value": filter_.value} for filter_ in only]


def only_of(facts: Mapping[str, Any]) -> tuple[Only, ...]:
    """The filters that `only_facts` wrote under "only"; none in older reports."""
    return tuple(Only(**filter_) for filter_ in facts.get("only", ()))
