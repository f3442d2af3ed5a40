"""The report of a kind from its inputs, and its files: for pages, downloads, bundles and rebuilding alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any, Final

from django.template.loader import render_to_string

from annotation.choices import TaskKind
from common.csv_stream import Column, in_chunks, lines
from evaluation import stylesheets
from evaluation.figure_set import Figure
from evaluation.files import FIGURE_FORMATS, FIGURES, HTML, PROVENANCE, figure_pieces
from evaluation.flow_figure import FlowRow, flow_figure
from evaluation.kinds import map_report, masks, pairs, presence, presence_judging
from evaluation.kinds.answers import csv_lines, json_lines
from evaluation.kinds.columns import STEP_WORDS
from evaluation.kinds.loading import ANSWERS, Inputs
from evaluation.kinds.map_report import MapSettings
from evaluation.kinds.mask_items import MaskSettings
from evaluation.kinds.pair_answers import pairs_from_lines
from evaluation.kinds.pairs import PairSettings
from evaluation.kinds.presence import PresenceSettings
from evaluation.kinds.presence_answers import presence_from_lines
from evaluation.kinds.report import Field, KindReport
from evaluation.kinds.settings import KindSettings
from evaluation.provenance import current_software

WORD_MAPS: Final = "word_maps.jsonl"
CODEBOOK: Final = "codebook.csv"
# Files whose first columns are given, not computed: what a rebuild reads beside the answers.
GIVEN_FILE: Final[dict[str, str]] = {
    TaskKind.OBJECT_PRESENCE: "images.csv",
    TaskKind.MASK: "items.csv",
    map_report.KIND: "overlaps.csv",
}
GIVEN_FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    TaskKind.OBJECT_PRESENCE: presence_judging.GIVEN,
    TaskKind.MASK: masks.GIVEN,
    map_report.KIND: map_report.PAIR_FIELDS,
}


@dataclass(frozen=True, kw_only=True)
class _CodebookLine:
    file: str
    column: str
    meaning: str


_CODEBOOK: Final[tuple[Column[_CodebookLine], ...]] = (
    Column("file", "File that has the column.", attrgetter("file")),
    Column("column", "Name of the column.", attrgetter("column")),
    Column("meaning", "What it holds.", attrgetter("meaning")),
)


def build(inputs: Inputs, *, settings: KindSettings) -> KindReport:
    """The report. Raises TypeError for the settings of another kind."""
    if isinstance(settings, PresenceSettings):
        return _presence(inputs, settings=settings)
    if isinstance(settings, PairSettings):
        found = inputs.read() if inputs.read else pairs_from_lines(csv_lines(inputs.answers.pieces()))
        return pairs.pairs_report(found, facts=inputs.facts, settings=settings)
    read = json_lines if inputs.kind == TaskKind.MASK else csv_lines
    answers = read(inputs.answers.pieces())
    if isinstance(settings, MapSettings):
        return map_report.map_report(answers, pairs=inputs.given, facts=inputs.facts, settings=settings)
    if isinstance(settings, MaskSettings) and inputs.maps is not None:
        maps = json_lines(inputs.maps())
        return masks.masks_report(
            answers, items=inputs.given, maps=maps, facts=inputs.facts, settings=settings
        )
    raise TypeError(f"{type(settings).__name__} is not for a campaign of kind {inputs.kind}")


def _presence(inputs: Inputs, *, settings: PresenceSettings) -> KindReport:
    """From the columns of the database, or from the lines of a bundle's file."""
    facts = inputs.facts
    if inputs.read is not None:
        answers = inputs.read()
    else:
        lines = csv_lines(inputs.answers.pieces())
        answers = presence_from_lines(lines, vocabulary=facts["vocabulary"])
    return presence.presence_report(answers, images=inputs.given, facts=facts, settings=settings)


def flow_of(report: KindReport) -> Figure:
    """The flow of items, raters and answers."""
    first = report.flow[0]
    start = FlowRow(
        name="All answers", items=first.items_before, raters=first.raters_before,
        answers=first.answers_before, items_lost=0, raters_lost=0, answers_lost=0,
    )  # fmt: skip
    rows = [start] + [
        FlowRow(
            name=f"{STEP_WORDS[step.name]}: {step.detail}",
            items=step.items_after,
            raters=step.raters_after,
            answers=step.answers_after,
            items_lost=step.items_before - step.items_after,
            raters_lost=step.raters_before - step.raters_after,
            answers_lost=step.answers_before - step.answers_after,
        )
        for step in report.flow
    ]
    return Figure(
        name="flow",
        title="What was kept",
        svg=flow_figure(rows, raters_known=True),
        header=("step", "items", "raters", "answers"),
        rows=tuple((row.name, row.items, row.raters, row.answers) for row in rows),
    )


class KindFiles:
    """All files of one report, each made when it is asked for."""

    def __init__(self, report: KindReport, *, inputs: Inputs, software: dict[str, str] | None = None) -> None:
        """software: versions to write, else this process's."""
        self.report = report
        self._inputs = inputs
        self._software = software
        self._tables = {table.file: table for table in report.tables}
        self.figures = report.figures | (
            {"flow": flow_of(report)} if report.flow and report.n_answers else {}
        )

    @property
    def answers_file(self) -> str:
        """Name of the file of the answers."""
        return ANSWERS[self._inputs.kind]

    def names(self) -> tuple[str, ...]:
        """Every file of the report."""
        drawn = (f"{FIGURES}{name}.{ending}" for name in self.figures for ending in FIGURE_FORMATS)
        maps = (WORD_MAPS,) if self._inputs.maps is not None else ()
        return (self.answers_file, *maps, *self._tables, CODEBOOK, PROVENANCE, HTML, *drawn)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The file's bytes. Raises KeyError for a name that is not in `names()`."""
        if name == self.answers_file:
            return self._inputs.answers.pieces()
        if name == WORD_MAPS and self._inputs.maps is not None:
            return self._inputs.maps()
        if name in self._tables:
            return in_chunks(self._tables[name].csv())
        if name == CODEBOOK:
            return in_chunks(lines(self._codebook(), columns=_CODEBOOK))
        if name == PROVENANCE:
            return iter([self._provenance().encode()])
        if name == HTML:
            return iter([self._html().encode()])
        return figure_pieces(self.figures, name)

    def _codebook(self) -> Iterator[_CodebookLine]:
        files: dict[str, Sequence[Any]] = {self.answers_file: self._inputs.answers.columns}
        if self._inputs.maps is not None:
            files[WORD_MAPS] = masks.MAP_FIELDS
        files |= {name: table.fields for name, table in self._tables.items()} | {CODEBOOK: _CODEBOOK}
        for file, columns in files.items():
            for column in columns:
                yield _CodebookLine(file=file, column=column.name, meaning=column.meaning)

    def _provenance(self) -> str:
        facts = {
            "campaign": dict(self.report.facts),
            "origin": "campaign",
            "kind": self.report.kind,
            "filters_in_order": [asdict(step) for step in self.report.flow],
            "settings": dict(self.report.settings),
            "methods": list(self.report.methods),
            "files": {self.answers_file: {"sha256": self._inputs.answers.sha256()}},
            "software": self._software or current_software(),
        }
        return json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    def _html(self) -> str:
        return render_to_string(
            "evaluation/kind_report.html",
            {"report": self.report, "flow": self.figures.get("flow"), "styles": stylesheets.for_report()},
        )
