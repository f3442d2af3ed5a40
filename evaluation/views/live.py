"""A fragment of the campaign page: the numbers so far."""

import math
from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation.choices import CampaignState, TaskKind
from annotation.models import Campaign
from annotation.systems import judges_images
from annotation.views.scope import campaign_of
from evaluation.kinds.report import decimals, percent
from evaluation.live import look, look_at_kind
from evaluation.live_tallies import LiveNumber
from evaluation.metrics.intervals import Interval
from evaluation.metrics.running import RunningGroup
from generation.choices import PartOfSpeech

SCALE = (1.0, 5.0)


@login_required
@never_cache
@require_GET
def live(request: HttpRequest, public_id: str) -> HttpResponse:
    """Numbers, intervals and agreement as they stand; asked for again and again by the page."""
    campaign = campaign_of(request, public_id)
    is_scored = campaign.task_kind == TaskKind.OPINION_SCORE
    context = _scores(campaign) if is_scored else _of_kind(campaign)
    template = "evaluation/partials/live.html" if is_scored else "evaluation/partials/live_kind.html"
    response = render(request, template, context)
    if campaign.state == CampaignState.CLOSED:
        response["X-Poll-Stop"] = "1"
    return response


def _scores(campaign: Campaign) -> dict[str, object]:
    found = look(campaign)
    groups = sorted(found.groups, key=lambda group: -group.n_items)
    return {
        "live": found,
        "overall": _row(found.overall, label="All items" if judges_images(campaign) else "All words"),
        "groups": [_row(group, label=_label(group.group)) for group in groups],
        "alpha": decimals(found.alpha),
    }


def _of_kind(campaign: Campaign) -> dict[str, object]:
    found = look_at_kind(campaign)
    show = percent if found.in_percent else decimals
    return {
        "live": found,
        "kind": campaign.task_kind,
        "headline": _number(found.headline, show=show) if found.headline else None,
        "rows": [_number(row, show=show) for row in found.rows],
        "alpha": decimals(found.alpha),
    }


def _label(group: str) -> str:
    """A part of speech in words; the name of a system as it is."""
    if group in PartOfSpeech.values:
        return str(PartOfSpeech(group).label).capitalize()
    return group or "Images"


def _row(group: RunningGroup, *, label: str) -> dict[str, object]:
    shown = _shown(group.mos.within(SCALE), show=decimals)
    return shown | {"label": label, "n_items": group.n_items, "n_ratings": group.n_ratings}


def _number(row: LiveNumber, *, show: Callable[[float], str]) -> dict[str, object]:
    shown = _shown(row.value, show=show)
    return shown | {"label": row.label, "n_items": row.n_items, "n_ratings": row.n_answers}


def _shown(value: Interval, *, show: Callable[[float], str]) -> dict[str, str]:
    known = value.is_defined and not math.isnan(value.low)
    return {
        "score": show(value.estimate),
        "interval": f"{show(value.low)} to {show(value.high)}" if known else "",
        "width": show(value.high - value.low) if known else "",
        "reason": value.reason,
    }
