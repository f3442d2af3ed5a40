"""What the report of any kind is made of: tiles, tables and figures in order, and the flow of the answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from common.csv_stream import Cell, cell_text, raw_lines
from common.signs import true_minus
from evaluation.figure_set import Figure
from evaluation.metrics.intervals import Interval
from evaluation.metrics.methods import METHOD_CARDS
from evaluation.metrics.tables import FlowStep
from evaluation.number_words import grouped

Line = Mapping[str, Any]
# Tables of more lines get a height of their own; beyond the second number lines are in the file alone.
TALL_FROM: Final = 25
MOST_SHOWN: Final = 300
METHOD_WORDS: Final = {"t_items": "Student's t", "t_clustered": "Student's t, clustered by image"}
LOWERED: Final = ("Two-way", "Two-way,", "Bounded", "Spread", "Bootstrap")


class Columns(Sequence[Line]):
    """Lines held as columns: a line becomes a dictionary when it is asked for, and only then."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], *, n: int) -> None:
        """columns: by name, of n values each."""
        self._columns = dict(columns)
        self._n = n
        uneven = [name for name, column in self._columns.items() if len(column) != n]
        if uneven:
            raise ValueError(f"columns of another length than {n}: {', '.join(uneven)}")

    @classmethod
    def of(cls, lines: Sequence[Line], *, names: Sequence[str]) -> Columns:
        """The same lines as columns."""
        if isinstance(lines, cls):
            return lines
        return cls({name: [line[name] for line in lines] for name in names}, n=len(lines))

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._line(number) for number in range(*place.indices(self._n))]
        return self._line(range(self._n)[place])

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def column(self, name: str) -> Sequence[Any]:
        """One column. Raises KeyError for an unknown name."""
        return self._columns[name]

    def and_also(self, columns: Mapping[str, Sequence[Any]]) -> Columns:
        """With further columns beside."""
        return Columns(self._columns | dict(columns), n=self._n)

    def rows(self, names: Sequence[str], *, at_once: int = 20_000) -> Iterator[tuple[str, ...]]:
        """The cells of these columns as texts, line by line; an unknown one is empty."""
        for start in range(0, self._n, at_once):
            block = slice(start, start + at_once)
            width = min(at_once, self._n - start)
            yield from zip(
                *(
                    [_cell(value) for value in _plain(self._columns[name][block])]
                    if name in self._columns
                    else [""] * width
                    for name in names
                ),
                strict=True,
            )

    def _line(self, place: int) -> Line:
        return {name: column[place] for name, column in self._columns.items()}


@dataclass(frozen=True)
class Field:
    """A column of a table's file: its name and what it holds."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Shown:
    """A column of a table on the page: its heading, and a line's text there."""

    heading: str
    of: Callable[[Line], str]
    number: bool = True


@dataclass(frozen=True, kw_only=True)
class PageCell:
    """One cell of a table on the page."""

    text: str
    number: bool


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as file and on the page. lines: cells by the fields' names; missing ones are empty.

    shown: the first is the line's heading; without any, the table is a file only.
    """

    file: str
    caption: str
    fields: tuple[Field, ...]
    lines: Sequence[Line]
    shown: tuple[Shown, ...] = ()

    def csv(self) -> Iterator[str]:
        """The table as a file."""
        names = [column.name for column in self.fields]
        if isinstance(self.lines, Columns):
            return raw_lines(self.lines.rows(names), header=names)
        rows = (tuple(_cell(line.get(name)) for name in names) for line in self.lines)
        return raw_lines(rows, header=names)

    @property
    def tall(self) -> bool:
        """Whether the page gives it a height of its own."""
        return len(self.lines) > TALL_FROM

    def page_rows(self) -> list[list[PageCell]]:
        """The cells of the page, line by line."""
        return [
            [PageCell(text=column.of(line), number=column.number) for column in self.shown]
            for line in self.lines[:MOST_SHOWN]
        ]

    @property
    def hidden(self) -> int:
        """Lines that are in the file alone."""
        return max(0, len(self.lines) - MOST_SHOWN)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One number of the headline. detail: its interval, or why there is none."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Block:
    """One section of the page. note: what to know about its numbers."""

    title: str
    figure: Figure | None = None
    tables: tuple[Table, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class KindReport:
    """Results of a campaign of one kind.

    facts: of the campaign.  settings: what was chosen, as JSON values.  files: tables without a section.
    """

    kind: str
    facts: Mapping[str, Any]
    settings: Mapping[str, Any]
    tiles: tuple[Tile, ...]
    blocks: tuple[Block, ...]
    files: tuple[Table, ...]
    flow: tuple[FlowStep, ...]
    n_answers: int
    n_simulated: int
    methods: tuple[str, ...] = field(default=())

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, in reading order."""
        return (*(table for block in self.blocks for table in block.tables), *self.files)

    @property
    def figures(self) -> dict[str, Figure]:
        """All figures by name."""
        return {block.figure.name: block.figure for block in self.blocks if block.figure is not None}


def interval_fields(prefix: str, words: str) -> tuple[Field, ...]:
    """The columns of an interval: estimate, bounds, level, method, what to know, and why there are none."""
    return (
        Field(prefix, f"{words}. Empty where it is not defined."),
        Field(f"{prefix}_low", "Lower bound of the interval."),
        Field(f"{prefix}_high", "Upper bound of the interval."),
        Field(f"{prefix}_confidence", "Confidence of these bounds."),
        Field(f"{prefix}_method", "Name of the interval's method."),
        Field(f"{prefix}_flag", "What to know about these bounds, e.g. that another method stood in."),
        Field(f"{prefix}_undefined_because", "Why there is no interval; else empty."),
    )


def interval_cells(prefix: str, value: Interval) -> dict[str, Cell]:
    """The cells of `interval_fields`."""
    return {
        prefix: value.estimate, f"{prefix}_low": value.low, f"{prefix}_high": value.high,
        f"{prefix}_confidence": value.confidence, f"{prefix}_method": str(value.method),
        f"{prefix}_flag": value.flag, f"{prefix}_undefined_because": value.reason,
    }  # fmt: skip


def shown_text(heading: str, name: str) -> Shown:
    """A text, or a dash."""
    return Shown(heading, lambda line: str(line.get(name) or "–"), number=False)


def shown_count(heading: str, name: str) -> Shown:
    """A whole number with its thousands apart."""
    return Shown(heading, lambda line: grouped(int(line[name])))


def shown_number(heading: str, name: str, *, digits: int = 2) -> Shown:
    """A number, or a dash where it is not defined."""
    return Shown(heading, lambda line: decimals(line[name], digits=digits) or "–")


def shown_share(heading: str, prefix: str) -> tuple[Shown, Shown]:
    """A share in percent and its interval."""
    return (
        Shown(heading, lambda line: percent(line[prefix]) or "–"),
        Shown("Interval", lambda line: _bounds(line, prefix, percent), number=False),
    )


def shown_interval(heading: str, prefix: str, *, digits: int = 2) -> tuple[Shown, Shown]:
    """A number and its interval."""

    def show(value: float) -> str:
        return decimals(value, digits=digits)

    return (
        Shown(heading, lambda line: show(line[prefix]) or "–"),
        Shown("Interval", lambda line: _bounds(line, prefix, show), number=False),
    )


def shown_p(heading: str, name: str) -> Shown:
    """A p-value, or a dash."""
    return Shown(heading, lambda line: p_words(line[name]) or "–")


def method_words(method: str) -> str:
    """The name of an interval's method in words."""
    if method in METHOD_WORDS:
        return METHOD_WORDS[method]
    title = next((card.title for card in METHOD_CARDS if card.name == method), method.replace("_", " "))
    return title[0].lower() + title[1:] if title.split()[0] in LOWERED else title


def percent(share: float) -> str:
    """A share in percent; empty where it is not defined."""
    return "" if math.isnan(share) else true_minus(f"{100 * share:.0f} %")


def decimals(value: float, *, digits: int = 2) -> str:
    """A number with so many decimals; empty where it is not defined."""
    return "" if math.isnan(value) else true_minus(f"{value:.{digits}f}")


def p_words(value: float) -> str:
    """A p-value in words."""
    if math.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval_tile(label: str, value: Interval, *, show: Callable[[float], str]) -> Tile:
    """A tile of a value with its interval, its method and what to know of it."""
    detail = value.reason
    if value.is_defined:
        told = f"; {value.flag}" if value.flag else ""
        detail = f"{show(value.low)} to {show(value.high)}, {method_words(value.method)}{told}"
    return Tile(label=label, value=show(value.estimate) or "–", detail=detail)


def table_figure(
    name: str, title: str, drawing: str, *, header: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> Figure:
    """A figure with its numbers."""
    return Figure(name=name, title=title, svg=drawing, header=tuple(header), rows=tuple(map(tuple, rows)))


def _bounds(line: Line, prefix: str, show: Callable[[float], str]) -> str:
    low, high, reason = (line[f"{prefix}_{part}"] for part in ("low", "high", "undefined_because"))
    if reason:
        return f"not defined: {reason}"
    flag = line.get(f"{prefix}_flag")
    return f"{show(low)} to {show(high)}" + (f" ({flag})" if flag else "")


def _plain(column: Any) -> Any:
    """Python's own values: cells are written by their type."""
    return column.tolist() if isinstance(column, np.ndarray) else column


def _cell(value: Any) -> str:
    """A cell as text. StrEnum members are texts."""
    return cell_text(str(value) if isinstance(value, str) else value)
