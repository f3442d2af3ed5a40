"""Pairwise comparisons: which of the systems are preferred, and by how much.

The share that prefers the first counts a tie as half and has the two-way interval, which speaks for new items
and new raters. Strengths are Bradley and Terry's, with ties by Davidson.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from evaluation.agreement import category_agreement
from evaluation.dot_figure import DotRow, axis_around, dot_figure, percent_axis
from evaluation.kinds.agreement_block import agreement_block, agreement_tile
from evaluation.kinds.columns import flow, raters_table, table_of
from evaluation.kinds.groups import filters_of, only_facts, passing
from evaluation.kinds.meetings import meetings, meetings_block, preference, same_things, shares, widest
from evaluation.kinds.pair_answers import ITEM, VALUE, Outcomes, PairAnswers, outcomes
from evaluation.kinds.report import (
    Block,
    Columns,
    Field,
    KindReport,
    Line,
    Shown,
    Table,
    Tile,
    interval_cells,
    interval_fields,
    interval_tile,
    method_words,
    percent,
    shown_count,
    shown_interval,
    shown_share,
    shown_text,
    table_figure,
)
from evaluation.metrics.intervals import Interval
from evaluation.metrics.methods import method_card
from evaluation.metrics.pairwise import BradleyTerry, bradley_terry_of_counts
from evaluation.metrics.tables import BoolArray
from evaluation.number_words import grouped
from evaluation.settings import Only

ITEM_FIELDS: Final = (
    Field("item", "Number of the item; joins pairs.csv."),
    Field("prompt", "The prompt."),
    Field("first_system", "Name of the first system."),
    Field("second_system", "Name of the second system."),
    Field("word", "The word whose maps are compared; empty for images."),
    Field("n_first", "Answers of the raters who count that prefer the first system."),
    Field("n_tie", "Answers without a difference."),
    Field("n_second", "Answers that prefer the second system."),
    Field("preference", "Mean of 1 for the first, 0.5 for a tie and 0 for the second."),
)


@dataclass(frozen=True, kw_only=True)
class PairSettings:
    """confidence: of every interval.  only: filters by group.  seed: of the bootstrap of agreement."""

    confidence: float = 0.95
    only: tuple[Only, ...] = ()
    seed: int = 2023


def pairs_report(found: PairAnswers, *, facts: Mapping[str, Any], settings: PairSettings) -> KindReport:
    """The report. facts["systems"]: those under comparison, in their order."""
    systems = tuple(system["name"] for system in facts["systems"])
    answers, confidence = found.answers, settings.confidence
    rows = answers.counts & passing(found.items, settings.only)[answers.item]
    model = _strengths(found, rows=rows, confidence=confidence)
    met = meetings(found, rows=rows, systems=systems, confidence=confidence)
    agreement = category_agreement(
        table_of(answers, rows=rows, scores=found.value), ordered=True, confidence=confidence,
        seed=settings.seed, clusters=same_things(found, rows=rows),
    )  # fmt: skip
    two = systems if len(systems) == 2 else None
    what = (
        _outcomes_block(found, rows=rows, systems=two, confidence=confidence)
        if two
        else meetings_block(met, model=model, confidence=confidence)
    )
    by_item = outcomes(found.value[rows], group=answers.item[rows], n=len(answers.item_ids))
    n, n_items = int(rows.sum()), int((by_item.total > 0).sum())
    return KindReport(
        kind=facts["task_kind"],
        facts=facts,
        settings={"confidence": confidence, "seed": settings.seed, "only": only_facts(settings.only)},
        tiles=(
            Tile(label="Systems", value=str(len(systems)), detail=widest(met)) if two is None else
            interval_tile(f"Prefer {two[0]} to {two[1]}",
                          preference(found, rows=rows, confidence=confidence), show=percent),
            Tile(label="Comparisons", value=grouped(n),
                 detail=f"of {grouped(n_items)} pairs"),
            agreement_tile(agreement, of="preference, nominal"),
        ),
        blocks=(
            what,
            _strengths_block(model, systems=systems, confidence=confidence),
            agreement_block(agreement, of="who is preferred"),
            Block(title="Pairs", tables=(_items_table(found.items, by_item),)),
            Block(title="Raters", tables=(raters_table(answers),)),
        ),
        files=(),
        flow=flow(answers, filters=filters_of(found.items, settings.only, place=answers.item)),
        n_answers=answers.n,
        n_simulated=int(answers.simulated.sum()),
        methods=(
            f"A tie counts half. {_scope([one.preference for one in met])}",
            "Shares of answers have two-way intervals (items + raters − ratings): answers of one rater, or"
            " to one pair, are not independent. Where all answers are alike, the widest spread that a share"
            " allows stands in.",
            "Strengths are Bradley and Terry's on the log scale with mean zero, ties by Davidson (1970), with"
            f" {100 * confidence:g} % Wald intervals. They take every answer as independent.",
            "Which system lay left was drawn anew for every answer; the share of “left” shows whether that"
            " mattered.",
        ),
    )  # fmt: skip


def _scope(found: Sequence[Interval]) -> str:
    """What the intervals of preferences speak for, by the methods that made them."""
    told = []
    for method, flag, reason in dict.fromkeys((one.method, one.flag, one.reason) for one in found):
        if reason:
            told.append(f"A share has no interval where the reason is: {reason}.")
            continue
        card = method_card(method)
        of = "new pairs and for new raters" if card.raters else "new pairs with these raters only"
        stood_in = f" ({flag})" if flag else ""
        told.append(f"The share's interval is {method_words(card.name)}{stood_in}: it speaks for {of}.")
    return " ".join(told)


def _strengths(found: PairAnswers, *, rows: BoolArray, confidence: float) -> BradleyTerry:
    pairs, of_item = found.pairings()
    told = outcomes(found.value[rows], group=of_item[found.answers.item][rows], n=len(pairs))
    counts = zip(told.first.tolist(), told.tie.tolist(), told.second.tolist(), strict=True)
    return bradley_terry_of_counts(dict(zip(pairs, counts, strict=True)), confidence=confidence)


def _outcomes_block(
    found: PairAnswers, *, rows: BoolArray, systems: tuple[str, ...], confidence: float
) -> Block:
    value, n = found.value[rows], int(rows.sum())
    first, tie, second = (int((value == wanted).sum()) for wanted in (1.0, 0.5, 0.0))
    left = int((found.left[rows] & (value != VALUE[""])).sum())
    counted = [
        ("answer", f"{systems[0]} preferred", first, n),
        ("answer", "no difference", tie, n),
        ("answer", f"{systems[1]} preferred", second, n),
        ("side", "left chosen, of the decided", left, n - tie),
    ]
    decided = rows & (found.value != VALUE[""])
    told = [
        *shares(found, rows=rows, hits=[found.value == wanted for wanted in (1.0, 0.5, 0.0)],
                confidence=confidence),
        *shares(found, rows=decided, hits=[found.left], confidence=confidence),
    ]  # fmt: skip
    title = "What raters preferred"
    drawing = dot_figure(
        [
            DotRow(label=label, value=share, detail=f"{hits} of {total}")
            for (_, label, hits, total), share in zip(counted, told, strict=True)
        ],
        axis=percent_axis("share of answers"),
        figure_id="outcomes",
        title=title,
        confidence=confidence,
    )
    figure = table_figure(
        "outcomes", title, drawing, header=("outcome", "share", "low", "high", "n", "total"),
        rows=[(label, share.estimate, share.low, share.high, hits, total)
              for (_, label, hits, total), share in zip(counted, told, strict=True)],
    )  # fmt: skip
    return Block(title=title, figure=figure if n else None, tables=(_outcomes_table(counted, told),))


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
            *interval_fields("share", "Share of the answers"),
        ),
        lines=lines,
        shown=(
            shown_text("Answer", "outcome"),
            *shown_share("Share", "share"),
            shown_count("Answers", "n"),
            shown_count("Of", "total"),
        ),
    )


def _strengths_block(model: BradleyTerry, *, systems: Sequence[str], confidence: float) -> Block:
    title = "Strengths of the systems"
    strength = dict(zip(model.systems, model.strengths, strict=True))
    rows = [DotRow(label=name, value=strength[name]) for name in systems if name in strength]
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
    note = _chances(model) if len(model.systems) == 2 else ""
    if model.reason:
        note = f"Not defined, because {model.reason}."
    return Block(title=title, figure=None if model.reason else figure, tables=(table,), note=note)


def _chances(model: BradleyTerry) -> str:
    first, second = model.systems
    wins, tie, loses = model.chance(first, second)
    return (
        f"By the model, {first} is preferred in {percent(wins)} of new answers, {second} in {percent(loses)},"
        f" and {percent(tie)} find no difference."
    )


def _items_table(items: Columns, told: Outcomes) -> Table:
    """Pairs with an answer that counts, by their numbers."""
    n = told.total
    order = [at for at in np.argsort([int(item) for item in items.column("item")]).tolist() if n[at]]
    columns: dict[str, Sequence[Any]] = {
        name: [items.column(name)[at] for at in order] for name in ("item", *ITEM)
    }
    columns |= {
        "n_first": told.first[order].tolist(),
        "n_tie": told.tie[order].tolist(),
        "n_second": told.second[order].tolist(),
        "preference": ((told.first[order] + 0.5 * told.tie[order]) / n[order]).tolist(),
    }
    return Table(
        file="items.csv",
        caption="Answers by pair",
        fields=ITEM_FIELDS,
        lines=Columns(columns, n=len(order)),
        shown=(
            Shown("Prompt", _prompt, number=False),
            shown_text("First system", "first_system"),
            shown_text("Second system", "second_system"),
            shown_count("First", "n_first"),
            shown_count("No difference", "n_tie"),
            shown_count("Second", "n_second"),
            Shown("Preference", lambda line: percent(line["preference"])),
        ),
    )


def _prompt(line: Line) -> str:
    return f"{line['prompt']}, “{line['word']}”" if line["word"] else str(line["prompt"])
