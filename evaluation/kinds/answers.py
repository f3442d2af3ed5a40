"""The answers of a kind, read from the file that the campaign exports: the one way in, also from a bundle."""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from common.csv_stream import unguard
from evaluation.kinds.report import (
    Field,
    Line,
    Table,
    Tile,
    decimals,
    shown_count,
    shown_number,
    shown_text,
)
from evaluation.metrics.alpha import Level, krippendorff_alpha
from evaluation.metrics.tables import FlowStep, RatingTable

YES: Final = ("1", True)
VERDICT_FIELDS: Final = (
    ("rater_failed_checks", "failed checks"), ("rater_excluded", "excluded"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Given:
    """One answer. lines: its lines in the file; what is about the whole answer stands in each of them."""

    item: str
    rater: str
    counts: bool
    lines: tuple[Line, ...]

    def __getitem__(self, name: str) -> Any:
        return self.lines[0][name]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """All standing answers in order of submission, and the raters they are of."""

    every: tuple[Given, ...]
    raters: Table
    flow: tuple[FlowStep, ...]
    n_simulated: int

    @property
    def counted(self) -> list[Given]:
        """The answers of the raters who count."""
        return [answer for answer in self.every if answer.counts]

    def by_item(self) -> dict[str, list[Given]]:
        """The answers that count, by item."""
        found: dict[str, list[Given]] = {}
        for answer in self.counted:
            found.setdefault(answer.item, []).append(answer)
        return found


def csv_lines(pieces: Iterable[bytes]) -> Iterator[dict[str, str]]:
    """The lines of a CSV file as texts by column, guards taken off."""
    rows = csv.reader(_text_lines(pieces))
    header = next(rows, [])
    for row in rows:
        yield {name: unguard(cell) for name, cell in zip(header, row, strict=True)}


def json_lines(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    for line in _text_lines(pieces):
        yield json.loads(line)


def read_answers(lines: Iterable[Line]) -> Answers:
    """The answers. A line's answer_id, item, rater and in_analysis say whose it is and whether it counts.

    Attention checks judge raters, not images: their lines are set aside. Older files have none.
    """
    lines_of: dict[str, list[Line]] = {}
    for line in lines:
        if line.get("is_attention_check", "0") in YES:
            continue
        lines_of.setdefault(str(line["answer_id"]), []).append(line)
    every = tuple(
        Given(
            item=str(found[0]["item"]),
            rater=str(found[0]["rater"]),
            counts=found[0]["in_analysis"] in YES,
            lines=tuple(found),
        )
        for found in lines_of.values()
    )
    by_rater: dict[str, list[Given]] = {}
    for answer in every:
        by_rater.setdefault(answer.rater, []).append(answer)
    simulated = sum(answers[0]["simulated"] in YES for answers in by_rater.values())
    return Answers(every=every, raters=_raters(by_rater), flow=_flow(every), n_simulated=simulated)


def alpha_tile(found: Sequence[tuple[str, str, float]], *, of: str, scale: tuple[float, float]) -> Tile:
    """Krippendorff's alpha, nominal, of (thing, rater, value). of: what raters agree on, in a few words."""
    label = "Agreement, Krippendorff's alpha"
    if not found:
        return Tile(label=label, value="–", detail="no answer")
    items, raters, values = (list(column) for column in zip(*found, strict=True))
    table = RatingTable.from_columns(items=items, raters=raters, scores=values, scale=scale)
    alpha = krippendorff_alpha(table, level=Level.NOMINAL)
    value = decimals(alpha.estimate)
    return Tile(label=label, value=value or "–", detail=of if value else alpha.reason)


def _text_lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines with their ends. A quoted line break is one of them: csv puts such lines together again."""
    held = ""
    for text in codecs.iterdecode(pieces, "utf-8"):
        *whole, held = (held + text).split("\n")
        for line in whole:
            yield line + "\n"
    if held:
        yield held


def _flow(every: Sequence[Given]) -> tuple[FlowStep, ...]:
    """One step for each reason to leave a rater out, also when nobody goes."""
    left, steps = list(every), []
    for name, words in VERDICT_FIELDS:
        stay = [answer for answer in left if answer[name] not in YES]
        steps.append(
            FlowStep(
                name="exclude raters", detail=words,
                items_before=_items(left), items_after=_items(stay),
                raters_before=_n_raters(left), raters_after=_n_raters(stay),
                answers_before=len(left), answers_after=len(stay),
            )
        )  # fmt: skip
        left = stay
    return tuple(steps)


def _items(answers: Iterable[Given]) -> int:
    return len({answer.item for answer in answers})


def _n_raters(answers: Iterable[Given]) -> int:
    return len({answer.rater for answer in answers})


def _raters(by_rater: Mapping[str, Sequence[Given]]) -> Table:
    def verdict(answer: Given) -> str:
        return next((words for name, words in reversed(VERDICT_FIELDS) if answer[name] in YES), "kept")

    return Table(
        file="raters.csv",
        caption="Raters by pseudonym",
        fields=(
            Field("rater", "Pseudonym of the rater in this campaign."),
            Field("verdict", "kept, failed checks, or excluded (by a researcher)."),
            Field("n_answers", "Answers."),
            Field("median_seconds", "Median time per answer."),
            Field("fastest_seconds", "Shortest time of an answer."),
        ),
        lines=tuple(
            {
                "rater": rater,
                "verdict": verdict(answers[0]),
                "n_answers": len(answers),
                "median_seconds": float(np.median([float(a["seconds_shown"]) for a in answers])),
                "fastest_seconds": min(float(a["seconds_shown"]) for a in answers),
            }
            for rater, answers in by_rater.items()
        ),
        shown=(
            shown_text("Rater", "rater"),
            shown_text("Analysis", "verdict"),
            shown_count("Answers", "n_answers"),
            shown_number("Median time, s", "median_seconds", digits=1),
        ),
    )
