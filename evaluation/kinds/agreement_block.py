"""How far raters agree, as the section and the file that every kind has."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.agreement import Agreement
from evaluation.kinds.report import (
    Block,
    Field,
    Table,
    Tile,
    decimals,
    interval_cells,
    interval_fields,
    shown_count,
    shown_interval,
    shown_text,
)


def agreement_block(rows: Sequence[Agreement], *, of: str) -> Block:
    """The section. of: what raters agree on, in a few words."""
    return Block(
        title="Agreement",
        tables=(
            Table(
                file="agreement.csv",
                caption=f"How far raters agree on {of}",
                fields=(
                    Field("measure", "Name of the measure; the first is the headline."),
                    *interval_fields("value", "Its value: 1 is agreement, 0 as by chance"),
                    Field("n_items", "Items that it rests on."),
                    Field("n_ratings", "Answers that it rests on."),
                    Field("use", "When to choose it."),
                ),
                lines=tuple(
                    {"measure": row.measure, "label": row.label, "n_items": row.n_items,
                     "n_ratings": row.n_ratings, "use": row.use} | interval_cells("value", row.value)
                    for row in rows
                ),
                shown=(
                    shown_text("Measure", "label"),
                    *shown_interval("Value", "value"),
                    shown_count("Items", "n_items"),
                    shown_text("When to choose it", "use"),
                ),
            ),
        ),
        note="1 is full agreement, 0 what chance alone gives. The headline is the first line: it needs"
        " neither equally many answers for every item nor the same raters.",
    )  # fmt: skip


def agreement_tile(rows: Sequence[Agreement], *, of: str) -> Tile:
    """The headline of agreement with its interval."""
    value = rows[0].value
    shown = decimals(value.estimate)
    detail = f"{decimals(value.low)} to {decimals(value.high)}, {of}" if value.is_defined else of
    return Tile(
        label="Agreement, Krippendorff's alpha", value=shown or "–", detail=detail if shown else value.reason
    )
