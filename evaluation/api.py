"""The API of results: the numbers as JSON, and every file that the pages offer."""

import math
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import numpy as np
from django.http import Http404, HttpRequest, StreamingHttpResponse
from ninja import Router, Schema
from pydantic import Field

from annotation.choices import TaskKind
from annotation.exports import snapshot
from annotation.one_export import REMEDY, RETRY_AFTER_SECONDS, ExportUnderWay, in_turn
from annotation.views.scope import campaign_of
from evaluation import campaign_files
from evaluation.kinds.report import KindReport, Table
from evaluation.metrics.intervals import Interval
from evaluation.metrics.opinion import GroupOpinion
from generation.api import Refusal
from generation.api_scopes import needs
from generation.choices import TokenScope
from generation.problems import ApiRefused, Problem

MOST_LINES: Final = 1_000
# What single kinds say of themselves, beside what all have.
_OWN: Final = ("vocabulary", "systems", "pair_of", "truth", "tau")
router = Router()


class IntervalOut(Schema):
    """An estimate with its bounds; null where it is not defined, and then the reason."""

    estimate: float | None
    low: float | None
    high: float | None
    method: str
    undefined_because: str


class GroupOut(Schema):
    """One group of items."""

    group: str
    items: int
    ratings: int
    raters: int
    mos: IntervalOut
    fair_share: IntervalOut


class ScoresOut(Schema):
    """Mean opinion scores of all items and by group of every grouping. answers: those that stand."""

    task_kind: Literal[TaskKind.OPINION_SCORE]
    answers: int
    overall: GroupOut
    groupings: dict[str, list[GroupOut]]
    alpha: IntervalOut


class HeadlineOut(Schema):
    """One number of the page's headline, as it stands there. detail: its interval, or why there is none."""

    label: str
    value: str
    detail: str


class ColumnOut(Schema):
    """A column of a table."""

    name: str
    meaning: str


class TableOut(Schema):
    """A table of the report. lines: the first ones, by column; the file of that name has all lines_total."""

    file: str
    caption: str
    columns: list[ColumnOut]
    lines: list[dict[str, bool | int | float | str | None]]
    lines_total: int


class KindOut(Schema):
    """What every kind without a scale has: the report's headline and tables. answers: those that stand."""

    answers: int
    headline: list[HeadlineOut]
    tables: list[TableOut]


class PresenceOut(KindOut):
    """Labels of images. vocabulary: the words that were asked for."""

    task_kind: Literal[TaskKind.OBJECT_PRESENCE]
    vocabulary: list[str]


class PairsOut(KindOut):
    """Comparisons. systems: names of what was compared.  pair_of: images, word_maps or methods."""

    task_kind: Literal[TaskKind.PAIRWISE]
    systems: list[str]
    pair_of: str


class MasksOut(KindOut):
    """Masks against word maps. truth, tau: how masks were made one, and where maps were cut."""

    task_kind: Literal[TaskKind.MASK]
    truth: str
    tau: float


ResultsOut = ScoresOut | PresenceOut | PairsOut | MasksOut


@router.get(
    "/campaigns/{public_id}/results",
    response={200: Annotated[ResultsOut, Field(discriminator="task_kind")], 400: Refusal},
    tags=["results"],
)
@needs(TokenScope.RESULTS)
def read_results(request: HttpRequest, public_id: UUID) -> Any:
    """The report as it stands, with the settings that the page starts with; its fields depend on the kind."""
    campaign = campaign_of(request, str(public_id))
    with snapshot():
        if campaign.task_kind != TaskKind.OPINION_SCORE:
            return _kind(campaign_files.kind_files_of(campaign, {})[0].report)
        report, _ = campaign_files.report_of(campaign, {})
    return {
        "task_kind": campaign.task_kind,
        "answers": report.n_answers,
        "overall": _group(report.overall),
        "groupings": {
            section.grouping.name: [_group(group) for group in section.groups] for section in report.sections
        },
        "alpha": _interval(report.alpha),
    }


@router.get("/campaigns/{public_id}/exports", response=list[str], tags=["results"])
@needs(TokenScope.RESULTS)
def list_exports(request: HttpRequest, public_id: UUID) -> Any:
    """The files there are, by name."""
    return campaign_files.names(campaign_of(request, str(public_id)))


@router.get(
    "/campaigns/{public_id}/exports/{path:name}", response={200: None, 429: Refusal}, tags=["results"]
)
@needs(TokenScope.RESULTS)
def read_export(request: HttpRequest, public_id: UUID, name: str) -> StreamingHttpResponse:
    """One file. The same data give the same bytes."""
    campaign = campaign_of(request, str(public_id))
    make = partial(campaign_files.file, campaign, name=name, settings={})
    try:
        response: StreamingHttpResponse | None = in_turn(int(request.user.pk or 0), make)
    except ExportUnderWay as under_way:
        problem = Problem(field="", value=None, remedy=REMEDY)
        raise ApiRefused(429, problem, retry_after=RETRY_AFTER_SECONDS) from under_way
    if response is None:
        raise Http404
    return response


def _kind(report: KindReport) -> dict[str, Any]:
    known = {**report.facts, **report.settings}
    known["systems"] = [system["name"] for system in report.facts["systems"]]
    own = {name: known[name] for name in _OWN if name in known}
    return own | {
        "task_kind": report.kind,
        "answers": report.n_answers,
        "headline": [asdict(tile) for tile in report.tiles],
        "tables": [_table(table) for table in report.tables],
    }


def _table(table: Table) -> dict[str, Any]:
    names = [column.name for column in table.fields]
    return {
        "file": table.file,
        "caption": table.caption,
        "columns": [asdict(column) for column in table.fields],
        "lines": [{name: _cell(line.get(name)) for name in names} for line in table.lines[:MOST_LINES]],
        "lines_total": len(table.lines),
    }


def _cell(value: Any) -> bool | int | float | str | None:
    """A cell as JSON has it: null where it is not defined."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    return _number(value) if isinstance(value, float) else str(value)


def _group(group: GroupOpinion) -> dict[str, Any]:
    return {
        "group": group.group,
        "items": group.n_items,
        "ratings": group.n_ratings,
        "raters": group.n_raters,
        "mos": _interval(group.mos),
        "fair_share": _interval(group.fair_share),
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {
        "estimate": _number(interval.estimate),
        "low": _number(interval.low),
        "high": _number(interval.high),
        "method": str(interval.method),
        "undefined_because": interval.reason,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
