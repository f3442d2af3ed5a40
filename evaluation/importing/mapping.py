"""Which column of the file holds what, and what its values mean. What is not said here is an error."""

from __future__ import annotations

import math
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from evaluation.metrics.intervals import MOST_VALUE
from evaluation.metrics.tables import OPT_OUT_BY_NAME
from evaluation.number_words import end_of_scale

DEFAULT_SCALE = (1.0, 5.0)
LEAST_WIDTH = 1e-200


class ImportRefused(ValueError):  # noqa: N818 (an outcome, not a malfunction)
    """The file or the mapping can't be used at all; the message says why and what to do."""


class Duplicates(StrEnum):
    """What becomes of answers of one rater to one item that contradict each other."""

    LEAVE_OUT = "leave-out"
    FIRST = "first"
    LAST = "last"


class Empty(StrEnum):
    """What an empty score means."""

    FAULT = "fault"
    NOT_ASKED = "not-asked"


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """How to read a file.

    rater: None where the file doesn't say who answered (asked for by name, never assumed).
    values: from a text in the file to a score or to the name of an opt-out; other texts are numbers or
    faults.
    fair_from: lowest score that counts as fair; the middle of the scale where None.
    """

    item: str
    rater: str | None
    score: str
    groups: tuple[str, ...] = ()
    seconds: str | None = None
    scale: tuple[float, float] = DEFAULT_SCALE
    values: MappingOf[str, str] = field(default_factory=dict)
    duplicates: Duplicates = Duplicates.LEAVE_OUT
    empty: Empty = Empty.FAULT
    keep_rater_ids: bool = False
    fair_from: float | None = None

    def __post_init__(self) -> None:
        """Refuses a mapping that can't be meant."""
        low, high = self.scale
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ImportRefused(
                f"The scale {low:g} to {high:g} is none: give the lowest score, then the highest."
            )
        if max(abs(low), abs(high)) > MOST_VALUE or high - low < LEAST_WIDTH:
            raise ImportRefused(
                f"The scale {low:g} to {high:g} is too long or too short to calculate with: give the scores"
                f" in another unit, at most {MOST_VALUE:g} in size on a scale of {LEAST_WIDTH:g} or longer."
            )
        if self.fair_from is not None and not low <= self.fair_from <= high:
            raise ImportRefused(
                f"fair-from {end_of_scale(self.fair_from)} is not on the scale {end_of_scale(low)} to"
                f" {end_of_scale(high)}."
            )
        if not all((self.item, self.score, self.rater != "", *self.groups)):
            raise ImportRefused("A column was named with an empty text. Give the name that the header has.")
        used = [name for name in (self.item, self.rater, self.score, self.seconds) if name]
        twice = sorted({name for name in used if used.count(name) > 1})
        if twice:
            raise ImportRefused(f"The column {twice[0]!r} is named for two purposes. Each needs its own.")
        repeated = sorted({name for name in self.groups if self.groups.count(name) > 1})
        if repeated:
            raise ImportRefused(f"The group {repeated[0]!r} is named twice.")
        for text, meaning in self.values.items():
            self._check_value(text, meaning)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the mapping reads."""
        return tuple(name for name in (self.item, self.rater, self.score, *self.groups, self.seconds) if name)

    @property
    def fair(self) -> float:
        """The lowest score that counts as fair."""
        return sum(self.scale) / 2 if self.fair_from is None else self.fair_from

    def facts(self) -> dict[str, Any]:
        """The mapping as JSON values, for provenance.json."""
        return {
            "columns": {
                "item": self.item,
                "rater": self.rater,
                "score": self.score,
                "groups": list(self.groups),
                "seconds": self.seconds,
            },
            "scale": list(self.scale),
            "values": dict(self.values),
            "duplicates": self.duplicates.value,
            "empty_scores": self.empty.value,
            "rater_ids_kept": self.keep_rater_ids,
            "fair_from": self.fair,
        }

    def _check_value(self, text: str, meaning: str) -> None:
        if meaning in OPT_OUT_BY_NAME:
            return
        score = number(meaning)
        low, high = self.scale
        if score is None:
            known = ", ".join(OPT_OUT_BY_NAME)
            raise ImportRefused(
                f"{text!r} can't become {meaning!r}: give a score on the scale, or one of {known}."
            )
        if not low <= score <= high:
            raise ImportRefused(
                f"{text!r} becomes {end_of_scale(score)}, which is not on the scale {end_of_scale(low)} to"
                f" {end_of_scale(high)}."
                " Name the scale too."
            )


def number(text: str) -> float | None:
    """The finite number that the text is, or None. A comma is no decimal point: 1,5 could be two numbers.

    Python reads digits of every script, full-width ones too; what no other program reads is a fault here.
    """
    if not text.isascii():
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def values_of(pairs: Sequence[str]) -> dict[str, str]:
    """Texts like yes=1 as a dictionary. Raises ImportRefused for others, and for a text named twice."""
    values: dict[str, str] = {}
    for pair in pairs:
        text, equals, meaning = pair.rpartition("=")
        if not equals or not meaning.strip():
            raise ImportRefused(f"{pair!r} is not of the form TEXT=SCORE, such as yes=1.")
        if text.strip() in values:
            raise ImportRefused(f"The value {text.strip()!r} is named twice.")
        values[text.strip()] = meaning.strip()
    return values
