"""The pages of a dry run: start it, watch it, read its report, throw it away."""

from typing import Final, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from annotation.models import Campaign
from annotation.services import dry_runs
from annotation.services.campaigns import OpeningRefused
from annotation.views.scope import campaign_of, can_edit
from studies.rehearsal import advance, rehearsal

# How long one request lets the simulated raters work: short enough for any proxy, long enough to get on.
SECONDS: Final = 2.0


@login_required
@never_cache
@require_GET
def dry_run(request: HttpRequest, public_id: str) -> HttpResponse:
    """What a dry run is and how to start one; once started, how far it is."""
    found = _campaign(request, public_id)
    current = found if found.dry_run_of_id else found.dry_runs.order_by("-pk").first()
    context = {
        "section": "campaigns",
        "campaign": found.dry_run_of or found,
        "dry_run": current,
        "rehearsal": rehearsal(current) if current else None,
        "can_edit": can_edit(request, found),
    }
    return render(request, "studies/dry_run.html", context)


@login_required
@require_POST
def dry_run_start(request: HttpRequest, public_id: str) -> HttpResponse:
    """Makes the copy, or says what would keep the campaign itself from opening."""
    found = _campaign(request, public_id)
    try:
        copy = dry_runs.start_dry_run(found, _user(request))
    except OpeningRefused as refused:
        for obstacle in refused.obstacles:
            messages.error(request, obstacle)
        return redirect("studies:dry_run", found.public_id)
    except dry_runs.NoDryRun as refused:
        messages.error(request, str(refused))
        return redirect("studies:dry_run", found.public_id)
    return redirect("studies:dry_run", copy.public_id)


@login_required
@require_POST
def dry_run_advance(request: HttpRequest, public_id: str) -> HttpResponse:
    """Lets the simulated raters work for a moment; the page's script gets the part that changes."""
    found = _campaign(request, public_id)
    if found.dry_run_of is None:
        messages.error(request, "This campaign is real: simulated raters only work in a dry run.")
        return redirect("studies:dry_run", found.public_id)
    state = advance(found, host=request.get_host(), secure=request.is_secure(), seconds=SECONDS)
    if "X-Fragment" not in request.headers:
        return redirect("studies:dry_run", found.public_id)
    response = render(
        request,
        "studies/partials/rehearsal.html",
        {"dry_run": found, "campaign": found.dry_run_of, "rehearsal": state, "can_edit": True},
    )
    if state.finished:
        response["X-Poll-Stop"] = "1"
    return response


@login_required
@require_POST
def dry_run_discard(request: HttpRequest, public_id: str) -> HttpResponse:
    """Deletes the dry run with everything in it."""
    try:
        original = dry_runs.discard_dry_run(_campaign(request, public_id), _user(request))
    except dry_runs.NoDryRun as refused:
        messages.error(request, str(refused))
        return redirect("studies:dry_run", public_id)
    messages.success(request, "The dry run is gone, with everything in it.")
    return redirect("annotation:campaign", original.public_id)


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _campaign(request: HttpRequest, public_id: str) -> Campaign:
    return campaign_of(request, public_id)
