"""The campaign on Prolific: places, approvals, bonuses. Every act is a person's, and logged."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import prolific as api
from annotation.forms.prolific import BonusForm, PlacesForm
from annotation.models import Campaign
from annotation.prolific import ProlificRefused
from annotation.services import prolific as service
from annotation.views.scope import campaign_to_edit, user_of


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def prolific(request: HttpRequest, public_id: str) -> HttpResponse:
    """What Prolific says of the campaign's studies; POST with act=places, approve, free or bonus."""
    found = campaign_to_edit(request, public_id)
    bonus_form = BonusForm()
    if request.method == "POST" and api.is_set_up():
        act = request.POST.get("act", "")
        if act not in ("places", "approve", "free", "bonus"):
            raise Http404
        bonus_form = BonusForm(request.POST) if act == "bonus" else bonus_form
        if act != "bonus" or bonus_form.is_valid():
            _act(request, found, act=act, bonus_form=bonus_form)
            return redirect("annotation:prolific", found.public_id)
    context: dict[str, Any] = {
        "section": "campaigns",
        "campaign": found,
        "is_set_up": api.is_set_up(),
        "bonus_form": bonus_form,
    }
    if api.is_set_up():
        try:
            context["studies"] = service.studies(found)
        except ProlificRefused as refused:
            context["refused"] = str(refused)
    return render(request, "annotation/prolific.html", context, status=400 if bonus_form.errors else 200)


def _act(request: HttpRequest, found: Campaign, *, act: str, bonus_form: BonusForm) -> None:
    try:
        if act == "places":
            form = PlacesForm(request.POST)
            if not form.is_valid():
                messages.error(request, "Nothing changed. Give a whole number of places.")
                return
            study = service.add_places(
                found,
                user_of(request),
                study_id=form.cleaned_data["study"],
                places=form.cleaned_data["places"],
            )
            messages.success(request, f"The study has {study.places:,} places now.")
        elif act == "approve":
            approved = service.approve_decided(found, user_of(request))
            messages.success(request, f"{approved:,} submissions were approved on Prolific.")
        elif act == "free":
            freed = service.free_returned(found, user_of(request))
            messages.success(request, f"The places of {freed:,} raters are free for others.")
        else:
            paid = service.pay_bonuses(found, user_of(request), amounts=bonus_form.cleaned_data["bonuses"])
            messages.success(request, f"Bonuses for {paid:,} raters are on their way.")
    except ProlificRefused as refused:
        messages.error(request, str(refused))
