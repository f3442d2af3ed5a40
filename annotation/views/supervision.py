"""The page of one campaign: opening, progress, raters, closing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from annotation import queries
from annotation.choices import CampaignState, ItemKind, Platform
from annotation.forms.payments import ExclusionForm, ExtensionForm, RejectionForm
from annotation.models import Campaign, Rater
from annotation.services import back_fill, budgets
from annotation.services import campaigns as service
from annotation.services import raters as rater_service
from annotation.services.identities import forget_identity, identity_until
from annotation.services.payments import grounds_for_rejection, latest_decision
from annotation.systems import compares, systems_of
from annotation.trials import effort_of
from annotation.views import recruiting
from annotation.views.scope import campaign_of, campaign_to_edit, can_edit, rater_of, user_of
from generation.choices import PartOfSpeech

RATERS_ON_A_PAGE = 50
HISTORY_SHOWN = 5
MAIN_LINKS = (Platform.LINK, Platform.PROLIFIC)


@dataclass(frozen=True, kw_only=True)
class PartLine:
    """Items of one part of speech."""

    label: str
    items: int


@login_required
@never_cache
@require_GET
def campaign(request: HttpRequest, public_id: str) -> HttpResponse:
    """The whole page."""
    found = campaign_of(request, public_id)
    parts, check_items = _parts(found)
    context = _progress_context(request, found) | {
        "section": "campaigns",
        "obstacles": service.opening_obstacles(found) if found.state == CampaignState.DRAFT else [],
        "systems": systems_of(found) if compares(found) else (),
        "comparison_notes": service.comparison_notes(found),
        "effort": effort_of(found),
        "links": [link for link in recruiting.links(request, found) if link.platform in MAIN_LINKS],
        "parts": parts,
        "check_items": check_items,
        "share_cap_percent": found.share_cap * 100,
        "lease_minutes": found.lease_seconds / 60,
        "history": found.audit_entries.select_related("actor", "rater")[:HISTORY_SHOWN],
    }
    return render(request, "annotation/campaign.html", context)


@login_required
@never_cache
@require_GET
def campaign_progress(request: HttpRequest, public_id: str) -> HttpResponse:
    """A fragment: the part of the page that changes while raters work."""
    found = campaign_of(request, public_id)
    response = render(request, "annotation/partials/progress.html", _progress_context(request, found))
    if request.GET.get("state", found.state) != found.state:
        # Paused or closed in another tab: the buttons of the page are no longer the right ones.
        response["X-Poll-Reload"] = "1"
    return response


@login_required
@require_POST
def campaign_open(request: HttpRequest, public_id: str) -> HttpResponse:
    """Opens a draft, or says what is still missing."""
    found = campaign_of(request, public_id)
    return _act(
        request, found, act=service.open_campaign, done="Open. Raters can come in by the links below."
    )


@login_required
@require_POST
def campaign_pause(request: HttpRequest, public_id: str) -> HttpResponse:
    """Lets nobody in and hands nothing out until it is resumed."""
    found = campaign_of(request, public_id)
    return _act(request, found, act=service.pause, done="Paused.")


@login_required
@require_POST
def campaign_resume(request: HttpRequest, public_id: str) -> HttpResponse:
    """Ends a pause."""
    found = campaign_of(request, public_id)
    return _act(request, found, act=service.resume, done="Open again.")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_close(request: HttpRequest, public_id: str) -> HttpResponse:
    """Asks first: a closed campaign stays closed."""
    found = campaign_to_edit(request, public_id)
    if request.method == "POST":
        return _act(
            request,
            found,
            act=service.close,
            done="Closed. Answers to tasks already on a screen still count.",
        )
    context = {"section": "campaigns", "campaign": found, "progress": queries.progress(found)}
    return render(request, "annotation/campaign_close.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_extend(request: HttpRequest, public_id: str) -> HttpResponse:
    """Asks how many raters each item is to get, then makes the places."""
    found = campaign_to_edit(request, public_id)
    form = ExtensionForm(request.POST or None, now=found.raters_per_item)
    if request.method == "POST" and form.is_valid():
        try:
            service.extend(found, user_of(request), raters_per_item=form.cleaned_data["raters_per_item"])
        except (service.CampaignMoved, service.ExtensionRefused) as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "The new places are free for raters who have not met the items.")
        return redirect("annotation:campaign", found.public_id)
    context = {
        "section": "campaigns",
        "campaign": found,
        "form": form,
        "items": found.items.filter(kind=ItemKind.RATING).count(),
        "can_extend": found.state in (CampaignState.OPEN, CampaignState.PAUSED),
    }
    status = 400 if form.errors else 200 if context["can_extend"] else 409
    return render(request, "annotation/campaign_extend.html", context, status=status)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_back_fill(request: HttpRequest, public_id: str) -> HttpResponse:
    """Asks first, then gives the places of all raters whose answers don't count to others."""
    found = campaign_to_edit(request, public_id)
    if request.method == "POST":
        _back_fill(request, found)
        return redirect("annotation:campaign", found.public_id)
    context = {
        "section": "campaigns",
        "campaign": found,
        "given": back_fill.to_give(found),
        "takes_answers": found.state in (CampaignState.OPEN, CampaignState.PAUSED),
    }
    return render(request, "annotation/campaign_back_fill.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def rater(request: HttpRequest, public_id: str, pseudonym: str) -> HttpResponse:
    """One rater: exclude with a reason; once excluded, include again or give the places to others."""
    found = campaign_of(request, public_id)
    chosen = rater_of(found, pseudonym)
    form = ExclusionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        rater_service.exclude(chosen, user_of(request), form.cleaned_data["reason"])
        messages.success(request, f"Rater {pseudonym} is left out of the analysis.")
        return redirect("annotation:rater", found.public_id, pseudonym)
    context = {
        "section": "campaigns",
        "campaign": found,
        "rater": chosen,
        "row": queries.rater_row(chosen),
        "identity_until": identity_until(chosen),
        "form": form,
        "takes_answers": found.state in (CampaignState.OPEN, CampaignState.PAUSED),
        "given_away": rater_service.places_given_away(chosen),
        "decision": latest_decision(chosen),
        "rejection": RejectionForm(grounds=grounds_for_rejection(chosen)),
        "can_edit": can_edit(request, found),
        "agreed": chosen.consents.exists(),
    }
    return render(request, "annotation/rater.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def rater_include(request: HttpRequest, public_id: str, pseudonym: str) -> HttpResponse:
    """Takes an exclusion back."""
    chosen = rater_of(campaign_of(request, public_id), pseudonym)
    try:
        rater_service.include(chosen, user_of(request))
    except rater_service.RaterActRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Rater {pseudonym} counts again.")
    return redirect("annotation:rater", public_id, pseudonym)


@login_required
@require_POST
def rater_forget(request: HttpRequest, public_id: str, pseudonym: str) -> HttpResponse:
    """Deletes what the recruitment platform calls this rater; the answers stay."""
    if forget_identity(rater_of(campaign_of(request, public_id), pseudonym), user_of(request)):
        messages.success(request, "The platform’s id is deleted. The answers stay, by pseudonym.")
    else:
        messages.warning(request, "Nothing changed: the platform’s id is gone already.")
    return redirect("annotation:rater", public_id, pseudonym)


@login_required
@require_POST
def rater_refill(request: HttpRequest, public_id: str, pseudonym: str) -> HttpResponse:
    """Gives an excluded rater's places to others, for good."""
    chosen = rater_of(campaign_of(request, public_id), pseudonym)
    try:
        places = rater_service.reopen_places(chosen, user_of(request))
    except rater_service.RaterActRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{places:,} places are free for other raters.")
    return redirect("annotation:rater", public_id, pseudonym)


def _back_fill(request: HttpRequest, found: Campaign) -> None:
    try:
        done = back_fill.give_to_others(found, user_of(request))
    except rater_service.RaterActRefused as refusal:
        messages.error(request, str(refusal))
        return
    messages.success(request, f"{done.places:,} places of {done.raters:,} raters are free for others.")
    if done.left:
        messages.warning(request, f"{done.left:,} more raters don't count. Do it again for their places.")


def _act(
    request: HttpRequest,
    found: Campaign,
    *,
    act: Callable[[Campaign, User], Campaign],
    done: str,
) -> HttpResponse:
    """One change of state; a refusal becomes a message on the page that shows the state as it is now."""
    try:
        act(found, user_of(request))
    except service.OpeningRefused as refusal:
        for obstacle in refusal.obstacles:
            messages.error(request, obstacle)
    except service.AlreadyThere as there:
        messages.info(request, str(there))
    except service.CampaignMoved as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect("annotation:campaign", found.public_id)


def _progress_context(request: HttpRequest, found: Campaign) -> dict[str, Any]:
    """Progress, and one page of raters, those who came last first."""
    raters = Rater.objects.filter(campaign=found).order_by("-pk")
    page = Paginator(raters, RATERS_ON_A_PAGE).get_page(request.GET.get("page"))
    rows = queries.rater_rows(found, raters=list(page.object_list))
    return {
        "campaign": found,
        "money": budgets.spending(found),
        "can_edit": can_edit(request, found),
        "progress": queries.progress(found),
        "page": page,
        "rows": rows,
        "has_practice": any(row.practice for row in rows),
    }


def _parts(found: Campaign) -> tuple[list[PartLine], int]:
    """Rating items by part of speech, the largest group first, and the number of attention items."""
    part = Coalesce("word_map__word__part_of_speech", "word__part_of_speech")
    counts = found.items.values("kind", part=part).annotate(n=Count("pk")).order_by("-n", "part")
    rating = [
        PartLine(label=str(PartOfSpeech(row["part"]).label) if row["part"] else "Images", items=row["n"])
        for row in counts
        if row["kind"] == ItemKind.RATING
    ]
    return rating, sum(row["n"] for row in counts if row["kind"] == ItemKind.ATTENTION)
