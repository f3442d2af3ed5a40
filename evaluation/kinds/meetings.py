"""Each pair of systems by itself, where a campaign compares more than two: who was preferred to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from evaluation.dot_figure import DotRow, dot_figure, percent_axis
from evaluation.kinds.columns import table_of
from evaluation.kinds.pair_answers import PairAnswers, outcomes
from evaluation.kinds.report import (
    Block,
    Field,
    Table,
    interval_cells,
    interval_fields,
    percent,
    shown_count,
    shown_share,
    shown_text,
    table_figure,
)
from evaluation.metrics.counting import numbered
from evaluation.metrics.intervals import Interval, IntervalMethod, undefined
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.opinion import Protocol, opinion_report
from evaluation.metrics.pairwise import BradleyTerry
from evaluation.metrics.tables import BoolArray, IndexArray

TITLE: Final = "System against system"


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """Two systems. n_first, n_tie, n_second: answers of the raters who count; n_items: pairs they are to.

    preference: share that prefers the first, ties half.
    """

    first: str
    second: str
    n_first: int
    n_tie: int
    n_second: int
    n_items: int
    preference: Interval

    @property
    def n(self) -> int:
        """All answers."""
        return self.n_first + self.n_tie + self.n_second


def meetings(
    found: PairAnswers, *, rows: BoolArray, systems: Sequence[str], confidence: float
) -> list[Meeting]:
    """Every pair of systems that has answers, in the order of the systems. rows: (answers,), what counts."""
    pairs, of_item = found.pairings()
    group = of_item[found.answers.item]
    told = outcomes(found.value[rows], group=group[rows], n=len(pairs))
    place = {pair: number for number, pair in enumerate(pairs)}
    return [
        Meeting(
            first=first,
            second=second,
            n_first=int(told.first[at]),
            n_tie=int(told.tie[at]),
            n_second=int(told.second[at]),
            n_items=int(numbered(found.answers.item[rows & (group == at)])[0].size),
            preference=preference(found, rows=rows & (group == at), confidence=confidence),
        )
        for first, second in combinations(systems, 2)
        if (at := place.get((first, second))) is not None and told.total[at]
    ]


def preference(found: PairAnswers, *, rows: BoolArray, confidence: float) -> Interval:
    """Share that prefers the first system, a tie as half, with the two-way interval over items and raters."""
    if not rows.any():
        return undefined("no comparison", method="two_way", confidence=confidence)
    table = table_of(found.answers, rows=rows, scores=found.value)
    protocol = Protocol(item_score=ItemScore.MEAN, confidence=confidence, fair_from=0.5)
    same_thing = same_things(found, rows=rows)
    return opinion_report(table, protocol=protocol, same_thing=same_thing).overall.mos.within((0.0, 1.0))


def shares(
    found: PairAnswers, *, rows: BoolArray, hits: Sequence[BoolArray], confidence: float
) -> list[Interval]:
    """Shares of these rows that are hits, with the interval that speaks for new pairs and for new raters.

    hits: each (answers,).
    """
    method = IntervalMethod.T_RATINGS_TWO_WAY
    if not rows.any():
        return [undefined("no comparison", method=method, confidence=confidence)] * len(hits)
    protocol = Protocol(item_score=ItemScore.MEAN, interval=method, confidence=confidence)
    same_thing = same_things(found, rows=rows)
    return [
        opinion_report(
            table_of(found.answers, rows=rows, scores=hit.astype(np.float64)),
            protocol=protocol,
            same_thing=same_thing,
        ).overall.mos.within((0.0, 1.0))
        for hit in hits
    ]


def same_things(found: PairAnswers, *, rows: BoolArray) -> IndexArray:
    """Of each item of `table_of` these rows, the thing it shows; numbered from 0 up."""
    _, numbers = numbered(found.same_thing[numbered(found.answers.item[rows])[0]])
    return numbers


def meetings_block(found: Sequence[Meeting], *, model: BradleyTerry, confidence: float) -> Block:
    """Figure and table of the meetings, the model's chance of the first beside what was seen."""
    rows = [
        DotRow(label=f"{one.first} over {one.second}", value=one.preference, detail=f"{one.n} answers")
        for one in found
    ]
    drawing = dot_figure(
        rows,
        axis=percent_axis("share that prefers the first, ties half"),
        figure_id="meetings",
        title=TITLE,
        confidence=confidence,
    )
    figure = table_figure(
        "meetings", TITLE, drawing, header=("systems", "share", "low", "high", "n"),
        rows=[(row.label, row.value.estimate, row.value.low, row.value.high, one.n)
              for row, one in zip(rows, found, strict=True)],
    )  # fmt: skip
    return Block(title=TITLE, figure=figure if found else None, tables=(_table(found, model=model),))


def _table(found: Sequence[Meeting], *, model: BradleyTerry) -> Table:
    def line(one: Meeting) -> Mapping[str, object]:
        wins, tie, _ = model.chance(one.first, one.second)
        return {
            "first": one.first, "second": one.second, "n_first": one.n_first, "n_tie": one.n_tie,
            "n_second": one.n_second, "n_items": one.n_items,
            "model_preference": wins + tie / 2,
        } | interval_cells("preference", one.preference)  # fmt: skip

    return Table(
        file="meetings.csv",
        caption="The figure in numbers",
        fields=(
            Field("first", "The system that comes first in the campaign."),
            Field("second", "The other system."),
            Field("n_items", "Pairs of these systems with an answer."),
            Field("n_first", "Answers of the raters who count that prefer the first."),
            Field("n_tie", "Answers without a difference."),
            Field("n_second", "Answers that prefer the second."),
            *interval_fields("preference", "Share that prefers the first, a tie as half"),
            Field("model_preference", "The same share by the strengths of all systems; empty without them."),
        ),
        lines=tuple(map(line, found)),
        shown=(
            shown_text("First", "first"),
            shown_text("Second", "second"),
            shown_count("First preferred", "n_first"),
            shown_count("No difference", "n_tie"),
            shown_count("Second preferred", "n_second"),
            *shown_share("Prefer the first", "preference"),
        ),
    )


def widest(found: Sequence[Meeting]) -> str:
    """The most one-sided meeting in words; empty without one."""
    known = [one for one in found if one.preference.is_defined]
    if not known:
        return ""
    one = max(known, key=lambda each: abs(each.preference.estimate - 0.5))
    share = one.preference.estimate
    winner, loser = (one.first, one.second) if share >= 0.5 else (one.second, one.first)
    return f"{winner} over {loser}, {percent(max(share, 1 - share))}"
