"""From gathered answers to a study and to its ratings.csv; the same study again from an export."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from common.csv_stream import cell_text, guard, in_chunks, raw_lines, unguard
from evaluation.importing.faults import COLUMNS as FAULT_COLUMNS
from evaluation.importing.faults import Faults
from evaluation.importing.gathering import Gathered, gather, units
from evaluation.importing.mapping import ImportRefused, Mapping
from evaluation.importing.reading import Hashed, read_rows
from evaluation.metrics.responses import MOST_SCORE_OPTIONS
from evaluation.metrics.tables import OPT_OUT_BY_NAME, IndexArray, OptOut, RatingTable
from evaluation.number_words import counted, grouped
from evaluation.ratings_file import Ratings
from evaluation.study import GivenColumn, Grouping, Listing, Option, Origin, Study

OPT_OUT_WORDS: Final = {"word_too_abstract": "Word too abstract", "image_too_poor": "Image itself is poor"}
OPT_OUT_NAME: Final = {int(code): name for name, code in OPT_OUT_BY_NAME.items()} | {0: ""}
ALL_ITEMS: Final = "all"
GROUP: Final = "group_"
SHARED: Final = " · "
RATING_COLUMNS: Final = {
    "row": "Row of the imported file; 1 is its first, the header's in CSV.",
    "item": "The item; joins items.csv.",
    "rater": "Pseudonym of the rater, in order of first appearance; joins raters.csv. May be empty.",
    "value": "What stood in the score's column.",
    "score": "The score; empty for an opt-out.",
    "opt_out": "word_too_abstract or image_too_poor; empty for a score.",
    "seconds": "Time of the answer in seconds; may be empty.",
}


@dataclass(frozen=True, kw_only=True)
class Described:
    """A column's name and what it holds."""

    name: str
    meaning: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Imported:
    """A file as a study. notes: what a reader should know that is no fault."""

    study: Study
    ratings: Ratings
    faults: Faults
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImportedAnswers:
    """The answers as ratings.csv has them, each (answers,). item, rater, value: codes of cells."""

    row: IndexArray
    item: IndexArray
    rater: IndexArray
    value: IndexArray
    score: NDArray[np.float64]
    opt_out: NDArray[np.int8]
    seconds: NDArray[np.float64]


def import_file(
    open_file: Callable[[], IO[bytes]],
    *,
    name: str,
    mapping: Mapping,
    progress: Callable[[int], None] = lambda _: None,
) -> Imported:
    """The study that the file holds. Raises ImportRefused where no row can be used."""
    faults = Faults()
    hashed = Hashed(open_file())
    rows = read_rows(hashed.buffered(), name=name, columns=mapping.columns)
    gathered = gather(rows, mapping=mapping, faults=faults, progress=progress)
    if not gathered.row.size:
        told = " ".join(faults.summary()) or "It has no rows."
        raise ImportRefused(f"No row of {name} can be used. {told}")
    unit, telling = units(gathered)
    first = np.unique(unit, return_index=True)[1]
    items = _items(gathered, first=first, telling=telling, mapping=mapping)
    used = sorted({int(code) for code in np.unique(gathered.rater)})
    raters = _raters(gathered, used=used, mapping=mapping)
    rater_index = np.searchsorted(np.array(used, dtype=np.int64), gathered.rater)
    value_cells = [cell_text(value) for value in gathered.values]
    answers = ImportedAnswers(
        row=gathered.row, item=unit, rater=rater_index, value=gathered.value, score=gathered.score,
        opt_out=gathered.opt_out, seconds=gathered.seconds,
    )  # fmt: skip
    notes = _notes(gathered, unit=unit, telling=telling, mapping=mapping)
    facts = mapping.facts() | {
        "file": name,
        "sha256": hashed.sha256(),
        "rows": gathered.n_rows,
        "rows_used": int(gathered.row.size),
        "rows_not_asked": gathered.not_asked,
        "faults": {kind.value: n for kind, n in faults.counts.items()},
        "notes": list(notes),
        "same_thing": telling != (),
    }
    study = study_of_import(facts=facts, answers=answers, items=items, raters=raters)
    ratings = ratings_of(study, answers=answers, value_cells=value_cells)
    return Imported(study=study, ratings=ratings, faults=faults, notes=notes)


def study_of_import(
    *, facts: dict[str, Any], answers: ImportedAnswers, items: Listing, raters: Listing
) -> Study:
    """The study of imported answers, from a file or from an export: all that follows from its columns."""
    low, high = facts["scale"]
    groupings = tuple(
        _grouping(column, name=name)
        for name, column in zip(facts["columns"]["groups"], items.columns[2:], strict=True)
    ) or (_one_group(len(items)),)
    table = RatingTable(
        item_ids=tuple(items.column("item")),
        rater_ids=tuple(raters.column("rater")),
        groups=groupings[0].values,
        group_index=groupings[0].index,
        item_index=answers.item,
        rater_index=answers.rater,
        score=answers.score,
        opt_out=answers.opt_out,
        seconds=answers.seconds,
        scale=(float(low), float(high)),
    )
    things = {cell: place for place, cell in enumerate(dict.fromkeys(items.column("shows")))}
    return Study(
        origin=Origin.IMPORT,
        title=facts["file"],
        facts={"import": facts},
        table=table,
        items=items,
        raters=raters,
        groupings=groupings,
        exclusions=(),
        options=_options(table, low=float(low), high=float(high), named=set(facts["values"].values())),
        fair_from=float(facts["fair_from"]),
        raters_known=facts["columns"]["rater"] is not None,
        same_thing=np.array([things[cell] for cell in items.column("shows")], dtype=np.int64),
    )


def ratings_of(study: Study, *, answers: ImportedAnswers, value_cells: Sequence[str]) -> Ratings:
    """ratings.csv of imported answers."""
    columns = [Described(name=name, meaning=meaning) for name, meaning in RATING_COLUMNS.items()]
    pieces = partial(_ratings_pieces, study, answers=answers, value_cells=value_cells)
    return Ratings(columns=columns, pieces=pieces)


def item_columns(groups: Sequence[str]) -> tuple[Described, ...]:
    """The given columns of items.csv."""
    return (
        Described(name="item", meaning="The item, with its groups where one thing is rated in several."),
        Described(
            name="shows", meaning="The item's name in the imported file; equal for items of one thing."
        ),
        *(Described(name=GROUP + name, meaning=f"What the column {name} says.") for name in groups),
    )


RATER_COLUMN: Final = Described(
    name="rater",
    meaning="Pseudonym of the rater, in order of first appearance. No line where the file has no rater ids.",
)


def nameless_raters(rows: Sequence[int]) -> Listing:
    """A rater for each of these rows of a file that doesn't say who rated."""
    cells = [f"row {row}" for row in rows]
    column = GivenColumn(name=RATER_COLUMN.name, meaning=RATER_COLUMN.meaning, cells=cells)
    return Listing(columns=(column,), index=np.arange(len(cells)))


def faults_csv(faults: Faults) -> Iterator[bytes]:
    """faults.csv."""
    return in_chunks(faults.csv())


def fault_columns() -> tuple[Any, ...]:
    """The columns of faults.csv."""
    return FAULT_COLUMNS


def _ratings_pieces(study: Study, *, answers: ImportedAnswers, value_cells: Sequence[str]) -> Iterator[bytes]:
    items, raters = study.items.column("item"), study.raters.column("rater")
    if not study.raters_known:
        raters = [""] * len(raters)
    a = answers
    columns = (a.row, a.item, a.rater, a.value, a.score, a.opt_out, a.seconds)
    rows = (
        (
            str(row),
            items[item],
            raters[rater],
            value_cells[value],
            cell_text(score),
            OPT_OUT_NAME[opt_out],
            cell_text(seconds),
        )
        for row, item, rater, value, score, opt_out, seconds in zip(
            *(column.tolist() for column in columns), strict=True
        )
    )
    return in_chunks(raw_lines(rows, header=list(RATING_COLUMNS)))


def _items(gathered: Gathered, *, first: IndexArray, telling: Sequence[int], mapping: Mapping) -> Listing:
    """One line per unit. first: (units,), the first answer to each."""
    names = [gathered.items[code] for code in gathered.item[first]]
    groups = [
        [values[code] for code in gathered.group[place][first]]
        for place, values in enumerate(gathered.group_values)
    ]
    parts = list(zip(names, *(groups[place] for place in telling), strict=True))
    cells = [
        list(map(guard, _joined(parts))),
        [guard(name) for name in names],
        *([guard(value) for value in column] for column in groups),
    ]
    return Listing(
        columns=tuple(
            GivenColumn(name=column.name, meaning=column.meaning, cells=found)
            for column, found in zip(item_columns(mapping.groups), cells, strict=True)
        ),
        index=np.arange(first.size),
    )


def _joined(parts: Sequence[tuple[str, ...]]) -> list[str]:
    """One name for each: its parts, in quotation marks where two names would else be one."""
    plain = [SHARED.join(own) for own in parts]
    if len(set(plain)) == len(plain):
        return plain
    return [SHARED.join(json.dumps(part, ensure_ascii=False) for part in own) for own in parts]


def _raters(gathered: Gathered, *, used: Sequence[int], mapping: Mapping) -> Listing:
    names = [gathered.raters[code] for code in used]
    if mapping.rater and not mapping.keep_rater_ids:
        names = [f"rater-{place:04d}" for place in range(1, len(names) + 1)]
    column = GivenColumn(
        name=RATER_COLUMN.name, meaning=RATER_COLUMN.meaning, cells=[guard(name) for name in names]
    )
    return Listing(columns=(column,), index=np.arange(len(names)))


def _grouping(column: GivenColumn, *, name: str) -> Grouping:
    """Groups in alphabetical order; before them finite numbers, by size."""
    values = sorted({unguard(cell) for cell in column.cells}, key=_natural)
    place = {value: index for index, value in enumerate(values)}
    return Grouping(
        name=name,
        label=name,
        values=tuple(values),
        labels=tuple(value or "(empty)" for value in values),
        index=np.array([place[unguard(cell)] for cell in column.cells], dtype=np.int64),
    )


def _natural(value: str) -> tuple[int, float, str]:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    # "nan" is no number that could come before or after another.
    return (0, number, value) if math.isfinite(number) else (1, 0.0, value)


def _one_group(n_items: int) -> Grouping:
    return Grouping(
        name="items",
        label="all items",
        values=(ALL_ITEMS,),
        labels=("all",),
        index=np.zeros(n_items, dtype=np.int64),
    )


def _options(table: RatingTable, *, low: float, high: float, named: set[str]) -> tuple[Option, ...]:
    """Every whole score of the scale, then the opt-outs that values of the file mean.

    Nothing for a scale of no or many whole steps.
    """
    scores = table.score[table.opt_out == OptOut.NONE]
    if low != int(low) or high != int(high) or not np.array_equal(scores, np.floor(scores)):
        return ()
    if high - low >= MOST_SCORE_OPTIONS:
        return ()
    steps = [Option(code=str(score), label=str(score)) for score in range(int(low), int(high) + 1)]
    return (
        *steps,
        *(Option(code=name, label=OPT_OUT_WORDS[name]) for name in OPT_OUT_BY_NAME if name in named),
    )


def _notes(
    gathered: Gathered, *, unit: IndexArray, telling: Sequence[int], mapping: Mapping
) -> tuple[str, ...]:
    notes = [
        f"Items stand in more than one group of {mapping.groups[place]!r}: each has a score in every group,"
        " and these groups are compared pair by pair. In all items together, and in groups of other columns,"
        " such an item is still one item to the interval. If that is a slip of the pen, correct the column."
        for place in telling
    ]
    if gathered.not_asked:
        notes.append(
            f"{counted(gathered.not_asked, 'row')} with an empty score: the question was not put; no fault."
        )
    if mapping.rater is None:
        notes.append(
            "The file doesn't say who answered: every row counts as a rater of its own, and intervals speak"
            " for new items only."
        )
    counts = np.bincount(unit)
    if counts.size and counts.min() != counts.max():
        notes.append(
            f"Items have {counted(int(counts.min()), 'answer')} to {grouped(int(counts.max()))} each."
        )
    return tuple(notes)
