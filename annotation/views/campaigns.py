"""The pages that make a campaign: the list, the choice of a run, the draft."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from annotation import queries, sources
from annotation.choices import CampaignState
from annotation.forms.campaigns import CampaignForm, EffortForm, initial_for_new, initial_from
from annotation.models import Campaign
from annotation.services import campaigns as service
from generation.models import Run

ON_A_PAGE = 24
LONGEST_NUMBER = 18
FROZEN = (
    "It has been opened: raters have agreed to its consent text and answered its question. What raters saw "
    "is what the export says, so wording, items, checks and rules stay as they are."
)


@login_required
@never_cache
@require_GET
def campaigns(request: HttpRequest) -> HttpResponse:
    """Every campaign that the user may see, the newest first."""
    visible = queries.with_counts(Campaign.objects.visible_to(request.user).select_related("run", "owner"))
    context = {
        "section": "campaigns",
        "page": Paginator(visible, ON_A_PAGE).get_page(request.GET.get("page")),
        "has_runs": _runs(request).exists(),
    }
    return render(request, "annotation/campaigns.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_new(request: HttpRequest) -> HttpResponse:
    """The choice of a finished run, then the form of a new campaign from it."""
    chosen = request.GET.get("run", "")
    if not chosen:
        page = Paginator(_runs(request), ON_A_PAGE).get_page(request.GET.get("page"))
        return render(request, "annotation/campaign_run.html", {"section": "campaigns", "page": page})
    run = _run(request)
    counts = sources.word_counts(run)
    initial = initial_for_new(run_name=run.name, word_counts=counts)
    form = CampaignForm(request.POST or None, initial=initial, word_counts=counts)
    if request.method == "POST" and form.is_valid():
        campaign = service.create_campaign(_user(request), _spec(form, run=run))
        messages.success(request, "The campaign is a draft. Preview it as a rater, then open it.")
        return redirect("annotation:campaign", campaign.public_id)
    return _form_page(request, form=form, run=run, campaign=None)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """The form of a draft; 409 once the campaign has been opened."""
    campaign = get_object_or_404(Campaign.objects.visible_to(request.user), public_id=public_id)
    if campaign.state != CampaignState.DRAFT:
        return _frozen_page(request, campaign=campaign)
    run = campaign.run
    counts = sources.word_counts(run)
    form = CampaignForm(
        request.POST or None, initial=initial_from(campaign, word_counts=counts), word_counts=counts
    )
    if request.method == "POST" and form.is_valid():
        try:
            service.update_draft(campaign, _spec(form, run=run), actor=_user(request))
        except service.CampaignMoved:
            # Opened in another tab between the page and the button.
            return _frozen_page(request, campaign=campaign)
        messages.success(request, "Saved.")
        return redirect("annotation:campaign", campaign.public_id)
    return _form_page(request, form=form, run=run, campaign=campaign)


@login_required
@never_cache
@require_GET
def campaign_effort(request: HttpRequest) -> HttpResponse:
    """A fragment: what the entries of the form add up to."""
    form = EffortForm(request.GET, word_counts=sources.word_counts(_run(request)))
    return render(request, "annotation/partials/effort.html", {"effort": form.effort()})


def _user(request: HttpRequest) -> User:
    """The signed-in user; every view here is behind login_required."""
    return cast(User, request.user)


def _runs(request: HttpRequest) -> Any:
    return sources.finished_runs(Run.objects.visible_to(request.user))


def _run(request: HttpRequest) -> Run:
    chosen = request.GET.get("run", "")
    is_number = chosen.isascii() and chosen.isdecimal() and len(chosen) <= LONGEST_NUMBER
    run: Run = get_object_or_404(_runs(request), pk=int(chosen) if is_number else 0)
    return run


def _form_page(
    request: HttpRequest, *, form: CampaignForm, run: Run, campaign: Campaign | None
) -> HttpResponse:
    """The form beside its summary; 400 when it comes back with errors."""
    entries = request.POST if form.is_bound else form.initial
    context = {
        "section": "campaigns",
        "form": form,
        "run": run,
        "campaign": campaign,
        "effort": EffortForm(entries, word_counts=form.word_counts).effort(),
    }
    return render(request, "annotation/campaign_form.html", context, status=400 if form.errors else 200)


def _frozen_page(request: HttpRequest, *, campaign: Campaign) -> HttpResponse:
    context = {"section": "campaigns", "campaign": campaign, "reason": FROZEN}
    return render(request, "annotation/campaign_frozen.html", context, status=409)


def _spec(form: CampaignForm, *, run: Run) -> service.CampaignSpec:
    """The form's entries in the units of the table."""
    entered = dict(form.cleaned_data)
    entered["share_cap"] = entered.pop("share_cap_percent") / 100
    entered["lease_seconds"] = entered.pop("lease_minutes") * 60
    entered["parts_of_speech"] = tuple(entered["parts_of_speech"])
    return service.CampaignSpec(run_id=run.pk, **entered)
