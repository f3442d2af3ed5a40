"""A fragment of the campaign page: the numbers so far."""

import math

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation.choices import CampaignState
from annotation.systems import judges_images
from annotation.views.scope import campaign_of
from evaluation.live import look
from evaluation.metrics.running import RunningGroup
from generation.choices import PartOfSpeech


@login_required
@never_cache
@require_GET
def live(request: HttpRequest, public_id: str) -> HttpResponse:
    """Scores, intervals and agreement as they stand; asked for again and again by the page."""
    campaign = campaign_of(request, public_id)
    found = look(campaign)
    groups = sorted(found.groups, key=lambda group: -group.n_items)
    context = {
        "live": found,
        "overall": _row(found.overall, label="All items" if judges_images(campaign) else "All words"),
        "groups": [_row(group, label=_label(group.group)) for group in groups],
        "alpha": "" if math.isnan(found.alpha) else f"{found.alpha:.2f}".replace("-", "−"),
    }
    response = render(request, "evaluation/partials/live.html", context)
    if campaign.state == CampaignState.CLOSED:
        response["X-Poll-Stop"] = "1"
    return response


def _label(group: str) -> str:
    """A part of speech in words; the name of a system as it is."""
    if group in PartOfSpeech.values:
        return str(PartOfSpeech(group).label).capitalize()
    return group or "Images"


def _row(group: RunningGroup, *, label: str) -> dict[str, object]:
    mos = group.mos.within((1.0, 5.0))
    known = mos.is_defined
    return {
        "label": label,
        "score": "" if math.isnan(mos.estimate) else f"{mos.estimate:.2f}",
        "interval": f"{mos.low:.2f} to {mos.high:.2f}" if known else "",
        "width": f"{mos.high - mos.low:.2f}" if known else "",
        "reason": group.mos.reason,
        "n_items": group.n_items,
        "n_ratings": group.n_ratings,
    }
