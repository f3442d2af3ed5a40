"""Files of a report as answers to a request, and the list of them for a page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Final

from django.http import Http404, StreamingHttpResponse

from evaluation.bundles import Files
from evaluation.figure_set import Figure
from evaluation.files import FIGURE_FORMATS, FIGURES, content_type

BUNDLE: Final = "bundle.zip"
WORDS: Final = {
    "report.html": "the whole report as one page, to keep or to print",
    BUNDLE: "all files; `python manage.py rebuild` makes every one of them again",
    "ratings.csv": "every answer with its provenance",
    "groups.csv": "the numbers of the figures",
    "comparisons.csv": "differences between groups, with tests",
    "system_comparisons.csv": "systems against each other inside each group",
    "agreement.csv": "how far raters agree, by every measure",
    "rater_rules.csv": "what each rule for leaving raters out changes",
    "items.csv": "one line per item, with its score",
    "raters.csv": "one line per rater, by pseudonym",
    "provenance.json": "filters, settings, versions, and the hash of ratings.csv",
    "codebook.csv": "what every column means",
}
HELD_IN_MEMORY: Final = 4 * 1024 * 1024
PIECE: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Link:
    """A file to download."""

    name: str
    url: str
    words: str


@dataclass(frozen=True, kw_only=True)
class FigureLinks:
    """One figure in its formats."""

    title: str
    links: tuple[Link, ...]


def links(url_of: Callable[[str], str], *, names: tuple[str, ...] = tuple(WORDS)) -> tuple[Link, ...]:
    """The tables and the report, without the figures."""
    return tuple(Link(name=name, url=url_of(name), words=WORDS[name]) for name in names)


def figure_links(figures: dict[str, Figure], *, url_of: Callable[[str], str]) -> tuple[FigureLinks, ...]:
    """Every figure in its formats."""
    return tuple(
        FigureLinks(
            title=figure.title,
            links=tuple(
                Link(name=f"{name}.{ending}", url=url_of(f"{FIGURES}{name}.{ending}"), words="")
                for ending in FIGURE_FORMATS
            ),
        )
        for name, figure in figures.items()
    )


def file_response(files: Files, *, name: str) -> StreamingHttpResponse:
    """One file of a report. Raises Http404 for a name that it doesn't have."""
    try:
        pieces = files.pieces(name)
    except KeyError as error:
        raise Http404 from error
    return download(spooled(pieces), name=name)


def spooled(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes from a temporary file: made now, while the data stand still, and sent at leisure."""
    # Closed by the generator below, which outlives this function.
    held = tempfile.SpooledTemporaryFile(max_size=HELD_IN_MEMORY)  # noqa: SIM115
    for piece in pieces:
        held.write(piece)
    held.seek(0)
    return _sent(held)


def _sent(held: IO[bytes]) -> Iterator[bytes]:
    with held:
        while piece := held.read(PIECE):
            yield piece


def download(pieces: Iterator[bytes], *, name: str) -> StreamingHttpResponse:
    """A file for download, under the last part of its name."""
    response = StreamingHttpResponse(pieces, content_type=content_type(name))
    response["Content-Disposition"] = f'attachment; filename="{name.rpartition("/")[2]}"'
    return response
