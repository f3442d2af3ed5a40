"""The choices behind a report. Every file and page names them; the defaults are the headline."""

from __future__ import annotations

from dataclasses import dataclass, field

from evaluation.metrics.opinion import Protocol


@dataclass(frozen=True, kw_only=True)
class Only:
    """A filter: items of one group of one grouping."""

    grouping: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """protocol: rules of the opinion scores.  only: filters, all of which an item must pass, in order."""

    protocol: Protocol = field(default_factory=Protocol)
    only: tuple[Only, ...] = ()
