"""A study: the answers and what is known about items and raters, whatever they came from.

A campaign (`loading`), a file of ratings collected elsewhere (`importing`) and an export (`bundles`) all
become
a Study; reports, files, figures and pages are made from a Study alone. It is held in columns: a million
ratings
make no Python object each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np

from evaluation.metrics.tables import OPT_OUT_BY_NAME, BoolArray, IndexArray, OptOut, RatingTable

NOT_RATED: Final = -1


class Origin(StrEnum):
    """Where the answers were given."""

    CAMPAIGN = "campaign"
    IMPORT = "import"


@dataclass(frozen=True, kw_only=True, eq=False)
class GivenColumn:
    """A column of items.csv or raters.csv that belongs to the data.

    cells: as the file has them, guarded. A large study has tuples: Python's collector of cycles looks through
    a tuple of texts once, but through a list every time.
    """

    name: str
    meaning: str
    cells: Sequence[str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Listing:
    """The lines of items.csv or raters.csv with their given columns.

    index: (lines,), the line's place in the table's item_ids or rater_ids; NOT_RATED where it has none.
    """

    columns: tuple[GivenColumn, ...]
    index: IndexArray

    def column(self, name: str) -> list[str]:
        """The cells of one column. Raises KeyError for an unknown name."""
        for column in self.columns:
            if column.name == name:
                return list(column.cells)
        raise KeyError(name)

    def __len__(self) -> int:
        return int(self.index.size)


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouping:
    """One way to put items into groups. index: (items of the table,), into values; labels: in words."""

    name: str
    label: str
    values: tuple[str, ...]
    labels: tuple[str, ...]
    index: IndexArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Exclusion:
    """Raters who are left out together, and why. raters: (raters of the table,)."""

    detail: str
    raters: BoolArray


@dataclass(frozen=True, kw_only=True)
class Option:
    """One answer that could be given, by its code in the files and its words on the pages."""

    code: str
    label: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """Everything a report is made of.

    facts: what provenance.json says of the origin.  table: answers to rated items, of all raters, excluded
    ones
    too; all items and raters of the listings are known to it.  exclusions: in order.
    options: empty where the scale has too many steps to count answers by option.
    raters_known: False where the answers don't say who gave them; raters are then mere row numbers.
    same_thing: (items of the table,), from 0 up; items with one number show one thing under several
    conditions (a prompt under several models, a word of a prompt under several seeds).
    """

    origin: Origin
    title: str
    facts: Mapping[str, Any]
    table: RatingTable
    items: Listing
    raters: Listing
    groupings: tuple[Grouping, ...]
    exclusions: tuple[Exclusion, ...]
    options: tuple[Option, ...]
    fair_from: float
    raters_known: bool
    same_thing: IndexArray

    @property
    def is_campaign(self) -> bool:
        """Whether the answers were given in a campaign of this installation."""
        return self.origin == Origin.CAMPAIGN

    @property
    def has_drop_rule(self) -> bool:
        """Whether a drop rule can drop an item: somebody could say, or said, that a word is too abstract."""
        return self.is_campaign or bool((self.table.opt_out == OptOut.WORD_TOO_ABSTRACT).any())

    @property
    def has_opt_outs(self) -> bool:
        """Whether an answer could be an opt-out: in a campaign, or where the file's values name one."""
        if self.is_campaign or bool(self.table.opt_out.any()):
            return True
        return not set(OPT_OUT_BY_NAME).isdisjoint(self.facts["import"]["values"].values())

    def grouping(self, name: str) -> Grouping:
        """The grouping of this name. Raises KeyError where there is none."""
        for grouping in self.groupings:
            if grouping.name == name:
                return grouping
        raise KeyError(name)


def places(wanted: IndexArray, *, among: IndexArray) -> IndexArray:
    """Where each wanted number stands in `among`, whose numbers differ. Raises KeyError for one that is
    missing.

    wanted: (n,).  Returns (n,).
    """
    order = np.argsort(among, kind="stable")
    ranked = among[order]
    found = np.searchsorted(ranked, wanted)
    inside = np.minimum(found, max(ranked.size - 1, 0))
    if wanted.size and (ranked.size == 0 or not np.array_equal(ranked[inside], wanted)):
        raise KeyError("a number that is not in the list")
    return order[inside] if wanted.size else np.zeros(0, dtype=np.int64)


def first_appearance(keys: IndexArray) -> tuple[IndexArray, IndexArray]:
    """(distinct keys in order of first appearance, each key's place among them)."""
    distinct, first, place = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    return distinct[order], rank[place]
