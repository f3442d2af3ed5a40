"""The choices behind a report. Every file and page names them; the defaults are the headline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from evaluation.metrics.intervals import IntervalMethod
from evaluation.metrics.opinion import PRESETS, Protocol


@dataclass(frozen=True, kw_only=True)
class Only:
    """A filter: items of one group of one grouping."""

    grouping: str
    value: str


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
