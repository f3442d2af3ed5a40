"""The choices behind a report. Every file and page names them; the defaults are the headline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.opinion import PRESETS, Protocol
from evaluation.number_words import grouped

MOST_NAMED: Final = 20


@dataclass(frozen=True, kw_only=True)
class Only:
    """A filter: items of one group of one grouping."""

    grouping: str
    value: str


def read_only(text: str, *, groups: Mapping[str, Sequence[str]], columns: str) -> Only:
    """COL=GROUP as a filter. groups: by column.  columns: what these are, in the plural.

    Raises ValueError, which says what there is, for a column or group that there is none of. Names may hold
    "=" themselves.
    """
    named = [name for name in groups if text.startswith(f"{name}=")]
    if not named:
        there = f"There are: {_some(groups)}" if groups else "There are none"
        raise ValueError(f"{text!r} names none of the {columns}. {there}. Write COL=GROUP.")
    column = max(named, key=len)
    value = text.removeprefix(f"{column}=")
    if value not in groups[column]:
        raise ValueError(f"{text!r}: {column} has no group {value!r}. There are: {_some(groups[column])}.")
    return Only(grouping=column, value=value)


def _some(names: Iterable[str]) -> str:
    """The first names of many."""
    known = list(names)
    more = f" and {grouped(len(known) - MOST_NAMED)} more" if len(known) > MOST_NAMED else ""
    return ", ".join(map(repr, known[:MOST_NAMED])) + more


class RaterModel(StrEnum):
    """What tells a rater's own part from an item's: plain differences, or maximum likelihood beside them."""

    DIFFERENCES = "differences"
    P910 = "p910"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """protocol: rules of the opinion scores.  only: filters, all of which an item must pass, in order.

    item_interval: of the mean of a single item, SOS or BINOMIAL_BOUNDED.
    """

    protocol: Protocol = field(default_factory=Protocol)
    only: tuple[Only, ...] = ()
    item_interval: IntervalMethod = IntervalMethod.SOS
    rater_model: RaterModel = RaterModel.DIFFERENCES


def preset_of(protocol: Protocol) -> str:
    """Name of the preset with exactly these choices, the scale's own `fair_from` aside; empty for none."""
    for name, preset in PRESETS.items():
        if replace(protocol, fair_from=preset.fair_from) == preset:
            return name
    return ""
