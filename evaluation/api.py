"""The API of results: the numbers as JSON, and every file that the pages offer."""

import math
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, StreamingHttpResponse
from ninja import Router, Schema

from annotation.exports import snapshot
from annotation.views.scope import campaign_of
from evaluation import campaign_files
from evaluation.loading import load
from evaluation.metrics.intervals import Interval
from evaluation.metrics.opinion import GroupOpinion
from evaluation.reports import build
from evaluation.settings_form import read_settings
from generation.api import Refusal, allowed
from generation.choices import TokenScope

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


class ResultsOut(Schema):
    """Mean opinion scores of all items and by group of every grouping."""

    overall: GroupOut
    groupings: dict[str, list[GroupOut]]
    alpha: IntervalOut
    answers: int


@router.get("/campaigns/{public_id}/results", response={200: ResultsOut, 400: Refusal}, tags=["results"])
def read_results(request: HttpRequest, public_id: UUID) -> Any:
    """The report as it stands, with the protocol that the page starts with."""
    allowed(request, TokenScope.RESULTS)
    campaign = campaign_of(request, str(public_id))
    with snapshot():
        study = load(campaign)
        report = build(study, settings=read_settings(study, {}).settings)
    return {
        "overall": _group(report.overall),
        "groupings": {
            section.grouping.name: [_group(group) for group in section.groups] for section in report.sections
        },
        "alpha": _interval(report.alpha),
        "answers": report.n_answers,
    }


@router.get("/campaigns/{public_id}/exports", response=list[str], tags=["results"])
def list_exports(request: HttpRequest, public_id: UUID) -> Any:
    """The files there are, by name."""
    allowed(request, TokenScope.RESULTS)
    return campaign_files.names(campaign_of(request, str(public_id)))


@router.get("/campaigns/{public_id}/exports/{path:name}", response={200: None}, tags=["results"])
def read_export(request: HttpRequest, public_id: UUID, name: str) -> StreamingHttpResponse:
    """One file. The same data give the same bytes."""
    allowed(request, TokenScope.RESULTS)
    response = campaign_files.file(campaign_of(request, str(public_id)), name=name, settings={})
    if response is None:
        raise Http404
    return response


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
