"""Pairwise comparisons: which of two systems is preferred, and by how much.

The share that prefers the first counts a tie as half and has the two-way interval, which speaks for new items
and new raters. Strengths are Bradley and Terry's, with ties by Davidson.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evaluation.dot_figure import DotRow, axis_around, dot_figure, percent_axis
from evaluation.kinds.answers import Answers, Given, alpha_tile, read_answers
from evaluation.kinds.report import (
    Block,
    Field,
    KindReport,
    Line,
    Shown,
    Table,
    Tile,
    interval_cells,
    interval_fields,
    interval_tile,
    percent,
    shown_count,
    shown_interval,
    shown_share,
    shown_text,
    table_figure,
)
from evaluation.metrics.intervals import Interval, undefined, wilson
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.opinion import Protocol, opinion_report
from evaluation.metrics.pairwise import BradleyTerry, Comparison, bradley_terry
from evaluation.metrics.tables import RatingTable

VALUE: Final = {"first": 1.0, "": 0.5, "second": 0.0}
ITEM_FIELDS: Final = (
    Field("item", "Number of the item; joins pairs.csv."),
    Field("prompt", "The prompt."),
    Field("word", "The word whose maps are compared; empty for images."),
    Field("n_first", "Answers of the raters who count that prefer the first system."),
    Field("n_tie", "Answers without a difference."),
    Field("n_second", "Answers that prefer the second system."),
    Field("preference", "Mean of 1 for the first, 0.5 for a tie and 0 for the second."),
)


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """confidence: of every interval."""

    confidence: float = 0.95


def pairs_report(lines: Iterable[Line], *, facts: Mapping[str, Any], settings: PairSettings) -> KindReport:
    """The report. lines: of pairs.csv.  facts["systems"]: names of the first and the second system."""
    answers = read_answers(lines)
    first, second = facts["systems"]
    counted = answers.counted
    model = bradley_terry(
        [
            Comparison(first=first, second=second, winner=first if v == 1.0 else second if v == 0.0 else None)
            for v in (VALUE[answer["winner"]] for answer in counted)
        ],
        confidence=settings.confidence,
    )
    preference = _preference(counted, confidence=settings.confidence)
    found = [(answer.item, answer.rater, VALUE[answer["winner"]]) for answer in counted]
    return KindReport(
        kind=facts["task_kind"],
        facts=facts,
        settings={"confidence": settings.confidence},
        tiles=(
            interval_tile(f"Prefer {first} to {second}", preference, show=percent),
            Tile(label="Comparisons", value=f"{len(counted):,}".replace(",", " "),
                 detail=f"of {len(answers.by_item()):,} pairs".replace(",", " ")),
            alpha_tile(found, of="preference, nominal", scale=(0.0, 1.0)),
        ),
        blocks=(
            _outcomes_block(counted, systems=(first, second), confidence=settings.confidence),
            _strengths_block(model, confidence=settings.confidence),
            Block(title="Pairs", tables=(_items_table(answers),)),
            Block(title="Raters", tables=(answers.raters,)),
        ),
        files=(),
        flow=answers.flow,
        n_answers=len(answers.every),
        n_simulated=answers.n_simulated,
        methods=(
            "A tie counts half. The share's interval is two-way: it speaks for new pairs and for new raters.",
            "Strengths are Bradley and Terry's on the log scale with mean zero, ties by Davidson (1970), with"
            f" {100 * settings.confidence:g} % Wald intervals. They take every answer as independent.",
            "Which system lay left was drawn anew for every answer; the share of “left” shows whether that"
            " mattered.",
        ),
    )  # fmt: skip


def _preference(counted: Sequence[Given], *, confidence: float) -> Interval:
    if not counted:
        return undefined("no comparison", method="two_way", confidence=confidence)
    table = RatingTable.from_columns(
        items=[answer.item for answer in counted],
        raters=[answer.rater for answer in counted],
        scores=[VALUE[answer["winner"]] for answer in counted],
        scale=(0.0, 1.0),
    )
    protocol = Protocol(item_score=ItemScore.MEAN, confidence=confidence, fair_from=0.5)
    return opinion_report(table, protocol=protocol).overall.mos.within((0.0, 1.0))


def _outcomes_block(counted: Sequence[Given], *, systems: tuple[str, str], confidence: float) -> Block:
    n = len(counted)
    winners = [answer["winner"] for answer in counted]
    sides = [answer["choice"] for answer in counted]
    decided = n - winners.count("")
    rows = [
        ("answer", f"{systems[0]} preferred", winners.count("first"), n),
        ("answer", "no difference", winners.count(""), n),
        ("answer", f"{systems[1]} preferred", winners.count("second"), n),
        ("side", "left chosen, of the decided", sides.count("left"), decided),
    ]
    shares = [wilson(hits, total=total, confidence=confidence) for _, _, hits, total in rows]
    title = "What raters preferred"
    drawing = dot_figure(
        [
            DotRow(label=label, value=share, detail=f"{hits} of {total}")
            for (_, label, hits, total), share in zip(rows, shares, strict=True)
        ],
        axis=percent_axis("share of answers"),
        figure_id="outcomes",
        title=title,
        confidence=confidence,
    )
    figure = table_figure(
        "outcomes", title, drawing, header=("outcome", "share", "low", "high", "n", "total"),
        rows=[(label, share.estimate, share.low, share.high, hits, total)
              for (_, label, hits, total), share in zip(rows, shares, strict=True)],
    )  # fmt: skip
    return Block(title=title, figure=figure if n else None, tables=(_outcomes_table(rows, shares),))


def _outcomes_table(rows: Sequence[tuple[str, str, int, int]], shares: Sequence[Interval]) -> Table:
    lines = tuple(
        {"of": of, "outcome": label, "n": hits, "total": total} | interval_cells("share", share)
        for (of, label, hits, total), share in zip(rows, shares, strict=True)
    )
    return Table(
        file="outcomes.csv",
        caption="The figure in numbers",
        fields=(
            Field("of", "answer: which system; side: which side of the screen."),
            Field("outcome", "The answer in words."),
            Field("n", "Answers of the raters who count."),
            Field("total", "All of them; for the side, those without ties."),
            *interval_fields("share", "Share (Wilson)"),
        ),
        lines=lines,
        shown=(
            shown_text("Answer", "outcome"),
            *shown_share("Share", "share"),
            shown_count("Answers", "n"),
            shown_count("Of", "total"),
        ),
    )


def _strengths_block(model: BradleyTerry, *, confidence: float) -> Block:
    title = "Strengths of the systems"
    rows = [
        DotRow(label=name, value=value)
        for name, value in zip(model.systems, model.strengths, strict=True)
    ]  # fmt: skip
    drawing = dot_figure(
        rows,
        axis=axis_around(rows, title="strength, log scale"),
        figure_id="strengths",
        title=title,
        confidence=confidence,
    )
    table = Table(
        file="systems.csv",
        caption="The figure in numbers",
        fields=(
            Field("system", "Name of the system."),
            *interval_fields("strength", "Bradley-Terry strength on the log scale, mean zero"),
            Field("tie", "Davidson's parameter of ties; 0 without ties."),
            Field("n_comparisons", "Comparisons."),
        ),
        lines=tuple(
            {"system": row.label, "tie": model.tie, "n_comparisons": model.n_comparisons}
            | interval_cells("strength", row.value)
            for row in rows
        ),
        shown=(shown_text("System", "system"), *shown_interval("Strength", "strength")),
    )
    figure = table_figure(
        "strengths", title, drawing, header=("system", "strength", "low", "high"),
        rows=[(row.label, row.value.estimate, row.value.low, row.value.high) for row in rows],
    )  # fmt: skip
    note = f"Not defined, because {model.reason}." if model.reason else _chances(model)
    return Block(title=title, figure=None if model.reason else figure, tables=(table,), note=note)


def _chances(model: BradleyTerry) -> str:
    first, second = model.systems
    wins, tie, loses = model.chance(first, second)
    return (
        f"By the model, {first} is preferred in {percent(wins)} of new answers, {second} in {percent(loses)},"
        f" and {percent(tie)} find no difference."
    )


def _items_table(answers: Answers) -> Table:
    lines = []
    for item, given in answers.by_item().items():
        winners = [answer["winner"] for answer in given]
        lines.append({
            "item": item, "prompt": given[0]["prompt"], "word": given[0]["word"],
            "n_first": winners.count("first"), "n_tie": winners.count(""),
            "n_second": winners.count("second"),
            "preference": sum(VALUE[winner] for winner in winners) / len(winners),
        })  # fmt: skip
    return Table(
        file="items.csv",
        caption="Answers by pair",
        fields=ITEM_FIELDS,
        lines=tuple(sorted(lines, key=lambda line: int(line["item"]))),
        shown=(
            Shown("Prompt", _prompt, number=False),
            shown_count("First", "n_first"),
            shown_count("No difference", "n_tie"),
            shown_count("Second", "n_second"),
            Shown("Preference", lambda line: percent(line["preference"])),
        ),
    )


def _prompt(line: Line) -> str:
    return f"{line['prompt']}, “{line['word']}”" if line["word"] else str(line["prompt"])
