"""The lines of ratings.csv. What many answers share is one piece of text, written once.

Of a line with 45 cells, all but a dozen are the same for every answer to an item, of a rater, to a version or
in the campaign. These pieces are kept ready for CSV, and a line is the pieces around the answer's own cells.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, repeat
from operator import attrgetter
from typing import Any, Final

from django.db.models import BigIntegerField, F, Func, QuerySet

from annotation import check_rows, standings
from annotation.choices import ItemKind
from annotation.copied_columns import copied
from annotation.copied_items import copied_items
from annotation.models import Answer, Campaign, CampaignVersion, Consent, Item, Rater
from annotation.rating_columns import RATINGS, Level, RatingColumn
from annotation.standings import Standing
from common.csv_stream import LINE_END, cell_text, quoted

KIND: Final = Level.ITEM.value + "kind"
MICROSECONDS: Final = "microseconds_shown"
# From an answer to what it shares with others.
KEYS: Final = {
    Level.ITEM: "slot__item_id", Level.RATER: "rater_id", Level.VERSION: "version_id",
    Level.CONSENT: "consent_id",
}  # fmt: skip
# Columns of a block of rows by path, and what makes one part of every line of a block.
Block = Mapping[str, Sequence[str]]
Part = Callable[[Block], Iterable[str]]
Run = tuple[RatingColumn, ...]


def rating_lines(campaign: Campaign) -> Iterator[list[str]]:
    """Blocks of lines without line ends, one line per standing answer, in order of submission."""
    of_rater = standings.standings(campaign)
    runs = [(level, tuple(columns)) for level, columns in groupby(RATINGS, key=attrgetter("level"))]
    shared = {
        level: _shared_pieces(campaign, level, [run for of, run in runs if of is level], of_rater=of_rater)
        for level in Level
        if level is not Level.ANSWER
    }
    of_answer = _worked_out_by_answer(campaign, of_rater=of_rater)
    parts: list[Part] = []
    for level, run in runs:
        if level is Level.ANSWER:
            parts += [of_answer.get(column.name) or _cells_at(column.path) for column in run]
        else:
            parts.append(_piece_of(level, next(shared[level])))
    own = [column.path for column in RATINGS if column.level is Level.ANSWER and column.path]
    paths = list(dict.fromkeys(["pk", *own, *KEYS.values(), KIND, MICROSECONDS]))
    for columns in copied(_answers(campaign), paths=paths):
        block = dict(zip(paths, columns, strict=True))
        yield list(map(",".join, zip(*(part(block) for part in parts), strict=False)))


def _answers(campaign: Campaign) -> QuerySet[Answer]:
    """Every standing answer with the time it took."""
    # Scores and opt-outs; what the other kinds of task say is in files of their own (kind_exports).
    answers = Answer.objects.filter(
        slot__campaign=campaign, undone_at__isnull=True, words=None, choice="", mask=None
    )
    shown = Func(
        F("answered_at") - F("shown_at"),
        template="(extract(epoch FROM %(expressions)s) * 1000000)::int8",
        output_field=BigIntegerField(),
    )
    return answers.annotate(**{MICROSECONDS: shown}).order_by("pk")


def _cells_at(path: str) -> Part:
    return lambda block: quoted(block[path])


def _piece_of(level: Level, pieces: dict[str, str]) -> Part:
    if level is Level.CAMPAIGN:
        return lambda _: repeat(pieces[""])
    return lambda block: map(pieces.__getitem__, block[KEYS[level]])


def _worked_out_by_answer(campaign: Campaign, *, of_rater: Mapping[int, Standing]) -> dict[str, Part]:
    """The columns that neither the database nor one level alone decides."""
    column = {column.name: column for column in RATINGS}
    checks = check_rows.answers_to_checks(Answer.objects.filter(slot__campaign=campaign))
    passed = {
        str(row["pk"]): cell_text(
            column["attention_check_passed"].of(row | {KIND: ItemKind.ATTENTION, "campaign": campaign})
        )
        for row in checks.values("pk", *check_rows.COLUMNS).iterator()
    }
    analysed = {
        (str(rater), kind.value): cell_text(column["in_analysis"].of({"standing": standing, KIND: kind}))
        for rater, standing in of_rater.items()
        for kind in ItemKind
    }
    return {
        "attention_check_passed": lambda block: [passed.get(pk, "") for pk in block["pk"]],
        "in_analysis": lambda block: map(
            analysed.__getitem__, zip(block[KEYS[Level.RATER]], block[KIND], strict=True)
        ),
        "seconds_shown": lambda block: [repr(int(cell) / 1_000_000) for cell in block[MICROSECONDS]],
    }


def _shared_pieces(
    campaign: Campaign, level: Level, runs: Sequence[Run], *, of_rater: Mapping[int, Standing]
) -> Iterator[dict[str, str]]:
    """For each run of columns of the level, the text by key."""
    if level is Level.CAMPAIGN:
        for run in runs:
            yield {"": _joined([cell_text(column.of({"campaign": campaign})) for column in run])}
        return
    paths = [column.path.removeprefix(level.value) for run in runs for column in run if column.path]
    # What the worked-out columns of a level read.
    paths = list(dict.fromkeys(["pk", *(["kind"] if level is Level.ITEM else []), *paths]))
    found: list[dict[str, str]] = [{} for _ in runs]
    for columns in _blocks(campaign, level, paths):
        block = dict(zip(paths, columns, strict=True))
        for run, pieces in zip(runs, found, strict=True):
            cells = [_level_cells(column, block, of_rater=of_rater) for column in run]
            pieces.update(zip(block["pk"], map(_joined, zip(*cells, strict=True)), strict=True))
    yield from found


def _blocks(campaign: Campaign, level: Level, paths: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """The rows of a level in blocks of columns."""
    if level is Level.ITEM:
        items = Item.objects.filter(campaign=campaign)
        return iter([copied_items(items, campaign=campaign, paths=paths)])
    rows: dict[Level, QuerySet[Any]] = {
        Level.RATER: Rater.objects.filter(campaign=campaign),
        Level.VERSION: CampaignVersion.objects.filter(campaign=campaign),
        Level.CONSENT: Consent.objects.filter(rater__campaign=campaign),
    }
    return copied(rows[level].order_by(), paths=paths)


def _level_cells(column: RatingColumn, block: Block, *, of_rater: Mapping[int, Standing]) -> Sequence[str]:
    """The cells of a column for a block of items, raters, versions or consents."""
    if column.path:
        return block[column.path.removeprefix(column.level.value)]
    if column.level is Level.RATER:
        return [cell_text(column.of({"standing": of_rater[int(pk)]})) for pk in block["pk"]]
    of_kind = {kind.value: cell_text(column.of({KIND: kind})) for kind in ItemKind}
    return [of_kind[kind] for kind in block["kind"]]


class _Echo:
    """What csv.writer writes to: gives the line back, so that `writerow` returns it."""

    def write(self, line: str) -> str:
        return line


# With another line end than the file's, it would leave cells with line breaks bare.
_WRITER: Final = csv.writer(_Echo(), lineterminator=LINE_END)


def _joined(cells: Sequence[str]) -> str:
    """The cells as a part of a line. The last, empty cell keeps a lone empty one from being quoted."""
    line: str = _WRITER.writerow((*cells, ""))
    return line.removesuffix("," + LINE_END)
