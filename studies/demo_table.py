"""The demo's result as a plain table for a terminal."""

import math

from evaluation.metrics.intervals import Interval
from evaluation.metrics.opinion import GroupOpinion, OpinionReport

HEADER = ("part of speech", "items", "dropped", "ratings", "MOS", "95 % interval", "fair to excellent")


def mos_table(report: OpinionReport) -> str:
    """MOS by part of speech with its headline interval; a group without one says why beneath the table."""
    groups = [*report.groups, report.overall]
    rows = [HEADER, *(_row(group, scale=report.scale) for group in groups)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = ["  ".join(_set(cell, widths[i], left=i == 0) for i, cell in enumerate(row)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    notes = [
        f"{group.group}: no interval: {group.mos.reason}" for group in groups if not group.mos.is_defined
    ]
    if any(group.mos.passes(report.scale) for group in groups):
        low, high = report.scale
        notes.append(f"Intervals are cut at the ends of the scale, {low:g} to {high:g}.")
    return "\n".join([*lines, *notes])


def _row(group: GroupOpinion, *, scale: tuple[float, float]) -> tuple[str, ...]:
    return (
        group.group,
        str(group.n_items),
        str(group.n_dropped),
        str(group.n_ratings),
        _number(group.mos.estimate),
        _bounds(group.mos.within(scale)),
        f"{100 * group.fair_share.estimate:.0f} %" if group.n_ratings else "-",
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _bounds(interval: Interval) -> str:
    return f"[{interval.low:.2f}, {interval.high:.2f}]" if interval.is_defined else "-"


def _set(cell: str, width: int, *, left: bool) -> str:
    return cell.ljust(width) if left else cell.rjust(width)
