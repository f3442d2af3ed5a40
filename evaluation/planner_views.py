"""The planner: what a study would cost and tell, before it opens."""

import math
from typing import Any, Final

from django.contrib.auth.decorators import login_required
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from annotation.choices import ItemKind, TaskKind
from annotation.models import Answer, Campaign
from annotation.views.scope import campaign_asked_for
from evaluation.forms import STARTING_VALUES, PlannerForm
from evaluation.loading import load
from evaluation.metrics.planning import variance_components
from evaluation.plans import plan

CAMPAIGNS_OFFERED: Final = 50
RULES: Final = ("raters_per_item", "items_per_rater", "checks_per_rater", "seconds_per_item")


@login_required
@never_cache
@require_GET
def planner(request: HttpRequest) -> HttpResponse:
    """The form with the sums beside it; ?campaign=… starts from a campaign and the spread of its ratings."""
    campaign = campaign_asked_for(request, by="campaign")
    start = STARTING_VALUES | (_from_campaign(campaign) if campaign else {})
    known = {name: request.GET[name] for name in STARTING_VALUES if name in request.GET}
    form = PlannerForm(start | known)
    study = form.study()
    context = {
        "section": "campaigns",
        "form": form,
        "plan": plan(study) if study else None,
        "campaign": campaign,
        "kind": form["kind"].value(),
        "spread_unknown": start.get("spread_unknown", ""),
        "pilots": _pilots(request),
    }
    return render(request, "evaluation/planner.html", context)


@login_required
@never_cache
@require_GET
def planner_sums(request: HttpRequest) -> HttpResponse:
    """A fragment: what the entries come to."""
    form = PlannerForm(request.GET)
    study = form.study()
    context = {"form": form, "plan": plan(study) if study else None}
    return render(request, "evaluation/partials/plan.html", context)


def _from_campaign(campaign: Campaign) -> dict[str, Any]:
    """The rules of a campaign, and the spread of the scores that it has so far, where it asks for scores."""
    values: dict[str, Any] = {name: getattr(campaign, name) for name in RULES}
    values["share_cap_percent"] = round(campaign.share_cap * 100, 6)
    values["items"] = max(2, campaign.items.filter(kind=ItemKind.RATING).count())
    values["kind"] = campaign.task_kind
    if campaign.task_kind != TaskKind.OPINION_SCORE:
        return values
    spread = variance_components(load(campaign).table)
    if spread.reason:
        return values | {"spread_unknown": spread.reason}
    return values | {
        "spread_items": round(math.sqrt(spread.item), 3),
        "spread_raters": round(math.sqrt(spread.rater), 3),
        "spread_rest": round(math.sqrt(spread.rest), 3),
    }


def _pilots(request: HttpRequest) -> list[Campaign]:
    """The user's campaigns with ratings to estimate from, the newest first."""
    answered = Answer.objects.filter(slot__campaign=OuterRef("pk"))
    visible = Campaign.objects.visible_to(request.user).listed().filter(Exists(answered))
    return list(visible.order_by("-created_at", "-pk")[:CAMPAIGNS_OFFERED])
