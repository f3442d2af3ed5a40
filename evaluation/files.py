"""The files of a report by name: what the download pages, the bundle and the commands write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from django.template.loader import render_to_string

from common.csv_stream import in_chunks
from evaluation import exports, figure_set, painting, quality_exports, stylesheets
from evaluation.figure_set import Figure
from evaluation.pages import results_page
from evaluation.provenance import provenance_json
from evaluation.ratings_file import Ratings
from evaluation.reports import Report

RATINGS: Final = "ratings.csv"
FAULTS: Final = "faults.csv"
PROVENANCE: Final = "provenance.json"
HTML: Final = "report.html"
FIGURES: Final = "figures/"
TABLES: Final = (
    "items.csv", "raters.csv", "groups.csv", "comparisons.csv", "system_comparisons.csv", "agreement.csv",
    "rater_rules.csv", "codebook.csv",
)  # fmt: skip
CONTENT_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "png": "image/png",
    "zip": "application/zip",
    "txt": "text/plain; charset=utf-8",
}
FIGURE_FORMATS: Final = ("svg", "pdf", "png", "csv")


class FileSet:
    """All files of one report, each made when it is asked for."""

    def __init__(
        self,
        report: Report,
        *,
        ratings: Ratings,
        faults: Callable[[], Iterator[bytes]] | None = None,
        software: dict[str, str] | None = None,
    ) -> None:
        """faults: faults.csv of an imported file.  software: versions to write, else this process's."""
        self._faults = faults
        self.report = report
        self._ratings = ratings
        self._software = software
        self._figures: dict[str, Figure] | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures by name, drawn once."""
        if self._figures is None:
            self._figures = figure_set.figures_by_name(self.report)
        return self._figures

    def names(self) -> tuple[str, ...]:
        """Every file of the report."""
        drawn = (f"{FIGURES}{name}.{ending}" for name in self.figures for ending in FIGURE_FORMATS)
        imported = (FAULTS,) if self._faults else ()
        return (RATINGS, *imported, *TABLES, PROVENANCE, HTML, *drawn)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The file's bytes. Raises KeyError for a name that is not in `names()`."""
        if name == RATINGS:
            return self._ratings.pieces()
        if name == FAULTS and self._faults:
            return self._faults()
        if name in TABLES:
            return in_chunks(self._table(name))
        if name == PROVENANCE:
            text = provenance_json(
                self.report, ratings_sha256=self._ratings.sha256(), software=self._software
            )
            return iter([text.encode()])
        if name == HTML:
            return iter([report_html(self.report, figures=self.figures).encode()])
        return figure_pieces(self.figures, name)

    def _table(self, name: str) -> Iterator[str]:
        if name == "codebook.csv":
            return exports.codebook_csv(self.report, ratings=self._ratings.columns)
        write: dict[str, Callable[[Report], Iterator[str]]] = {
            "items.csv": exports.items_csv,
            "raters.csv": exports.raters_csv,
            "groups.csv": exports.groups_csv,
            "comparisons.csv": exports.comparisons_csv,
            "system_comparisons.csv": quality_exports.system_comparisons_csv,
            "agreement.csv": quality_exports.agreement_csv,
            "rater_rules.csv": quality_exports.rater_rules_csv,
        }
        return write[name](self.report)


def figure_pieces(figures: Mapping[str, Figure], name: str) -> Iterator[bytes]:
    """A figure as figures/<name>.<format>. Raises KeyError for another name."""
    stem, _, ending = name.removeprefix(FIGURES).rpartition(".")
    if not name.startswith(FIGURES) or ending not in FIGURE_FORMATS:
        raise KeyError(name)
    figure = figures[stem]
    if ending == "csv":
        return in_chunks(figure.csv())
    if ending == "svg":
        return iter([figure.svg.encode()])
    paint = painting.pdf if ending == "pdf" else painting.png
    return iter([paint(figure.svg)])


def content_type(name: str) -> str:
    """The media type of a file by its ending."""
    return CONTENT_TYPES[name.rpartition(".")[2]]


def report_html(report: Report, *, figures: Mapping[str, Figure] | None = None) -> str:
    """The report as one file that asks for nothing else: styles and figures are in it.

    figures: the report's, where they are drawn already.
    """
    page = results_page(report, figures=figures)
    return render_to_string("evaluation/report.html", {"results": page, "styles": stylesheets.for_report()})
