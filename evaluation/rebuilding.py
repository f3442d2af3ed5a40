"""From a bundle back to its report: every file is made again and compared with the one in the bundle.

Read are the answers (ratings.csv), the given columns of items.csv and raters.csv, and from provenance.json
the facts and settings. Every result is computed anew, so a changed answer or a changed result can't go
unseen.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import lzma
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from annotation.choices import ItemKind
from annotation.exports import RATINGS as CAMPAIGN_RATINGS
from evaluation import campaign_columns, provenance, result_folder
from evaluation.bundles import PIECE, README, SUMS, Files
from evaluation.files import FAULTS, PROVENANCE, RATINGS, FileSet
from evaluation.importing.assembling import (
    RATER_COLUMN,
    ImportedAnswers,
    item_columns,
    nameless_raters,
    ratings_of,
    study_of_import,
)
from evaluation.kinds import files as kind_files
from evaluation.kinds.answers import csv_lines
from evaluation.kinds.files import KindFiles
from evaluation.kinds.loading import ANSWERS, COLUMNS, Inputs
from evaluation.kinds.map_groups import fields_of
from evaluation.kinds.map_report import KIND as WORD_MAPS
from evaluation.kinds.settings import settings_of
from evaluation.loading import attention_step, study_of_campaign
from evaluation.metrics.tables import OPT_OUT_BY_NAME, RatingTable
from evaluation.ratings_file import Ratings
from evaluation.reports import build
from evaluation.study import NOT_RATED, GivenColumn, Listing, Origin, Study

# What reading files that somebody changed can end in.
UNREADABLE: Final = (
    KeyError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError, RuntimeError, StopIteration,
    EOFError, csv.Error, zlib.error, lzma.LZMAError, MemoryError,
)  # fmt: skip
MOST_NAMED: Final = 5
LONGEST_CELL: Final = 2**31 - 1
NOT_COMPARED: Final = frozenset({README, SUMS})
OPT_OUT_CODES: Final = {"": 0} | {name: int(code) for name, code in OPT_OUT_BY_NAME.items()}


class BundleRefused(ValueError):  # noqa: N818 (an outcome, not a malfunction)
    """The file is no bundle that can be rebuilt; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What came out. different: made again with other bytes.  missing: in the bundle, but not made any more.

    added: made now, but not in the bundle.  versions: libraries whose version is another than the bundle's.
    """

    same: tuple[str, ...]
    different: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    versions: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every file came out byte for byte."""
        return not (self.different or self.missing or self.added)


def rebuild(path: Path, *, out: Path | None = None) -> Rebuilt:
    """Makes every file of the bundle again; `out` keeps them. Raises BundleRefused for what is no bundle."""
    if out is not None and out.resolve() in path.resolve().parents:
        raise BundleRefused(f"{out} holds the bundle itself: name another folder.")
    try:
        with zipfile.ZipFile(path) as archive, _cells_of_any_length():
            if out is None:
                return _rebuild(archive, out=None)
            with result_folder.replaced(out) as folder:
                return _rebuild(archive, out=folder)
    except result_folder.FolderRefused as error:
        raise BundleRefused(str(error)) from error
    except zipfile.BadZipFile as error:
        raise BundleRefused(f"{path.name} is no zip file: {error}.") from error
    except BundleRefused:
        raise
    except (*UNREADABLE, OSError) as error:
        # An OSError with a number is the disk's; bz2 has one without for damaged data.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BundleRefused(f"{path.name} {_what_is_wrong(path)}") from error


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    """Python's limit of 131 072 characters a cell is off: JSON lines, and names put together, know none."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _what_is_wrong(path: Path) -> str:
    """Which files of a bundle that can't be read are not as they were written."""
    remedy = "Take the bundle as it was downloaded."
    try:
        with zipfile.ZipFile(path) as archive:
            held = archive.namelist()
            if not {PROVENANCE, SUMS} <= set(held):
                missing = PROVENANCE if PROVENANCE not in held else SUMS
                return f"is no bundle of Percept: it has no {missing}. Name a bundle.zip."
            lines = [line.split("  ", 1) for line in archive.read(SUMS).decode().splitlines()]
            changed = [name for digest, name in lines if name not in held or _digest(archive, name) != digest]
    except (*UNREADABLE, OSError, zipfile.BadZipFile):
        return f"was changed since it was written: its parts can't be read. {remedy}"
    if changed:
        return f"was changed since it was written: {', '.join(changed[:MOST_NAMED])}. {remedy}"
    return "is as it was written, and this version of Percept can't read it. Rebuild it with its own version."


def _rebuild(archive: zipfile.ZipFile, *, out: Path | None) -> Rebuilt:
    facts = json.loads(archive.read(PROVENANCE))
    files = _files_of_kind(archive, facts) if "kind" in facts else _files_of_ratings(archive, facts)
    in_bundle = [name for name in archive.namelist() if name not in NOT_COMPARED]
    made = files.names()
    same = {name: _matches(archive, files, name=name, out=out) for name in made if name in in_bundle}
    now = provenance.current_software()
    return Rebuilt(
        same=tuple(name for name, alike in same.items() if alike),
        different=tuple(name for name, alike in same.items() if not alike),
        missing=tuple(name for name in in_bundle if name not in made),
        added=tuple(name for name in made if name not in in_bundle),
        versions=tuple(
            f"{name} {then} then, {now.get(name, 'absent')} now"
            for name, then in facts["software"].items()
            if now.get(name) != then
        ),
    )


def _files_of_ratings(archive: zipfile.ZipFile, facts: dict[str, Any]) -> FileSet:
    study, ratings = _READERS[Origin(facts["origin"])](archive, facts)
    has_faults = FAULTS in archive.namelist()
    return FileSet(
        build(study, settings=provenance.settings_of(facts["settings"])),
        ratings=ratings,
        faults=partial(_pieces, archive, FAULTS) if has_faults else None,
        software=facts["software"],
    )


def _files_of_kind(archive: zipfile.ZipFile, facts: dict[str, Any]) -> KindFiles:
    kind = facts["kind"]
    given: list[dict[str, str]] = []
    if kind in kind_files.GIVEN_FILE:
        names = [field.name for field in kind_files.GIVEN_FIELDS[kind]]
        given = [
            {name: line[name] for name in names}
            for line in csv_lines(_pieces(archive, kind_files.GIVEN_FILE[kind]))
        ]
    has_maps = kind_files.WORD_MAPS in archive.namelist()
    columns = fields_of(_header(archive, ANSWERS[kind])) if kind == WORD_MAPS else COLUMNS[kind]
    inputs = Inputs(
        kind=kind,
        facts=facts["campaign"],
        answers=Ratings(columns=columns, pieces=partial(_pieces, archive, ANSWERS[kind])),
        given=given,
        maps=partial(_pieces, archive, kind_files.WORD_MAPS) if has_maps else None,
    )
    report = kind_files.build(inputs, settings=settings_of(kind, facts["settings"]))
    return KindFiles(report, inputs=inputs, software=facts["software"])


def _matches(archive: zipfile.ZipFile, files: Files, *, name: str, out: Path | None) -> bool:
    digest = hashlib.sha256()
    if out is not None:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
    kept = (out / name).open("wb") if out is not None else io.BytesIO()
    with kept:
        for piece in files.pieces(name):
            digest.update(piece)
            if out is not None:
                kept.write(piece)
    return digest.hexdigest() == _digest(archive, name)


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(archive, name):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(name) as member:
        while piece := member.read(PIECE):
            yield piece


def _campaign(archive: zipfile.ZipFile, facts: dict[str, Any]) -> tuple[Study, Ratings]:
    items = _listing(archive, "items.csv", given=campaign_columns.ITEMS)
    rated = np.array([cell == ItemKind.RATING for cell in items.column("item_kind")], dtype=bool)
    items = Listing(
        columns=items.columns, index=np.where(rated, np.cumsum(rated) - 1, NOT_RATED).astype(np.int64)
    )
    raters = _listing(archive, "raters.csv", given=_rater_columns(archive))
    item_of = dict(zip(items.column("item"), items.index.tolist(), strict=True))
    rater_of = {cell: place for place, cell in enumerate(raters.column("rater"))}
    read = _Read()
    checked_items, all_raters, n_checks = set(), set(), 0
    with archive.open(RATINGS) as member:
        rows = _rows(member, ("item", "item_kind", "rater", "score", "opt_out", "seconds_shown"))
        for item, kind, rater, score, opt_out, seconds in rows:
            all_raters.add(rater)
            if kind != ItemKind.RATING:
                n_checks += 1
                checked_items.add(item)
            else:
                read.add(item_of[item], rater_of[rater], score=score, opt_out=opt_out, seconds=seconds)
    table = RatingTable(
        item_ids=tuple(cell for cell, wanted in zip(items.column("item"), rated, strict=True) if wanted),
        rater_ids=tuple(raters.column("rater")),
        groups=("",),
        group_index=np.zeros(int(rated.sum()), dtype=np.int64),
        **read.columns(),
    )
    step = attention_step(
        table,
        n_answers=table.n_answers + n_checks,
        n_items=table.items_with_answers() + len(checked_items),
        n_raters=len(all_raters),
    )
    study = study_of_campaign(
        facts=facts["campaign"], table=table, first_step=step, items=items, raters=raters
    )
    return study, Ratings(columns=CAMPAIGN_RATINGS, pieces=partial(_pieces, archive, RATINGS))


def _imported(archive: zipfile.ZipFile, facts: dict[str, Any]) -> tuple[Study, Ratings]:
    about = facts["import"]
    items = _listing(archive, "items.csv", given=item_columns(about["columns"]["groups"]))
    raters_known = about["columns"]["rater"] is not None
    raters = _listing(archive, "raters.csv", given=(RATER_COLUMN,))
    item_of = {cell: place for place, cell in enumerate(items.column("item"))}
    rater_of = {cell: place for place, cell in enumerate(raters.column("rater"))}
    read, row_of, values, value_of = _Read(), array("q"), array("q"), dict[str, int]()
    with archive.open(RATINGS) as member:
        rows = _rows(member, ("row", "item", "rater", "value", "score", "opt_out", "seconds"))
        for row, item, rater, value, score, opt_out, seconds in rows:
            place = rater_of[rater] if raters_known else len(row_of)
            row_of.append(int(row))
            values.append(value_of.setdefault(value, len(value_of)))
            read.add(item_of[item], place, score=score, opt_out=opt_out, seconds=seconds)
    raters = raters if raters_known else nameless_raters(row_of)
    columns = read.columns()
    answers = ImportedAnswers(
        row=np.array(row_of, dtype=np.int64),
        item=columns["item_index"],
        rater=columns["rater_index"],
        value=np.array(values, dtype=np.int64),
        score=columns["score"],
        opt_out=columns["opt_out"],
        seconds=columns["seconds"],
    )
    study = study_of_import(facts=about, answers=answers, items=items, raters=raters)
    return study, ratings_of(study, answers=answers, value_cells=list(value_of))


Reader = Callable[[zipfile.ZipFile, dict[str, Any]], tuple[Study, Ratings]]
_READERS: Final[dict[Origin, Reader]] = {Origin.CAMPAIGN: _campaign, Origin.IMPORT: _imported}


class _Read:
    """Answers read one by one into columns."""

    def __init__(self) -> None:
        self._item, self._rater, self._opt_out = array("q"), array("q"), array("b")
        self._score, self._seconds = array("d"), array("d")

    def add(self, item: int, rater: int, *, score: str, opt_out: str, seconds: str) -> None:
        """One answer, from its cells."""
        if item == NOT_RATED:
            raise BundleRefused("ratings.csv holds an answer to an item that is not to be rated")
        self._item.append(item)
        self._rater.append(rater)
        self._opt_out.append(OPT_OUT_CODES[opt_out])
        self._score.append(float(score) if score else float("nan"))
        self._seconds.append(float(seconds) if seconds else float("nan"))

    def columns(self) -> dict[str, Any]:
        """The columns by their names in a RatingTable."""
        return {
            "item_index": np.array(self._item, dtype=np.int64),
            "rater_index": np.array(self._rater, dtype=np.int64),
            "score": np.array(self._score, dtype=np.float64),
            "opt_out": np.array(self._opt_out, dtype=np.int8),
            "seconds": np.array(self._seconds, dtype=np.float64),
        }


def _rater_columns(archive: zipfile.ZipFile) -> list[campaign_columns.Given]:
    """The given columns of the bundle's raters.csv: an older one has no checks by kind."""
    there = _header(archive, "raters.csv")
    later = campaign_columns.CHECKS_BY_KIND
    return [given for given in campaign_columns.RATERS if given.name in there or given not in later]


def _header(archive: zipfile.ZipFile, name: str) -> list[str]:
    """The names of a file's columns."""
    with archive.open(name) as member:
        rows = csv.reader(io.TextIOWrapper(member, encoding="utf-8", newline=""))
        return [cell.removeprefix("'") for cell in next(rows, [])]


def _listing(archive: zipfile.ZipFile, name: str, *, given: Sequence[Any]) -> Listing:
    """The given columns of a file, cells as they stand there."""
    columns: list[list[str]] = [[] for _ in given]
    with archive.open(name) as member:
        for cells in _rows(member, [column.name for column in given]):
            for column, cell in zip(columns, cells, strict=True):
                column.append(cell)
    return Listing(
        columns=tuple(
            GivenColumn(name=column.name, meaning=column.meaning, cells=cells)
            for column, cells in zip(given, columns, strict=True)
        ),
        index=np.arange(len(columns[0])),
    )


def _rows(member: IO[bytes], names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The cells of these columns, row by row. Raises ValueError where a column is missing."""
    rows = csv.reader(io.TextIOWrapper(member, encoding="utf-8", newline=""))
    header = [cell.removeprefix("'") for cell in next(rows, [])]
    places = [header.index(name) for name in names]
    for row in rows:
        yield tuple([row[place] for place in places])
