"""Running a campaign beside its raters: archive, budget, back-fill by itself, the list for whoever pays."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation.choices import CampaignState
from annotation.forms.managing import BackFillForm, BudgetForm
from annotation.payment_list import COLUMNS
from annotation.services import archive, back_fill, budgets
from annotation.services.campaigns import CampaignMoved
from annotation.services.payment_lists import download
from annotation.views.scope import campaign_of, campaign_to_edit, user_of
from common.csv_stream import lines


@login_required
@require_POST
def campaign_archive(request: HttpRequest, public_id: str) -> HttpResponse:
    """Puts a draft or a closed campaign out of the lists."""
    found = campaign_of(request, public_id)
    try:
        archive.archive(found, user_of(request))
    except CampaignMoved as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Archived: it is in no list any more, and stays at this address.")
    return redirect("annotation:campaign", found.public_id)


@login_required
@require_POST
def campaign_restore(request: HttpRequest, public_id: str) -> HttpResponse:
    """Puts it back."""
    found = campaign_of(request, public_id)
    archive.restore(found, user_of(request))
    messages.success(request, "It is back in the lists.")
    return redirect("annotation:campaign", found.public_id)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def campaign_budget(request: HttpRequest, public_id: str) -> HttpResponse:
    """What the places taken come to, and another limit."""
    found = campaign_to_edit(request, public_id)
    form = BudgetForm(request.POST or None, initial={"budget": found.budget})
    if request.method == "POST" and form.is_valid():
        try:
            budgets.set_budget(found, user_of(request), budget=form.cleaned_data["budget"])
        except budgets.BudgetRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "The budget is changed.")
            return redirect("annotation:campaign", found.public_id)
    context = {
        "section": "campaigns",
        "campaign": found,
        "form": form,
        "money": budgets.spending(found),
        "can_change": found.state in (CampaignState.OPEN, CampaignState.PAUSED),
    }
    return render(request, "annotation/campaign_budget.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def automatic_back_fill(request: HttpRequest, public_id: str) -> HttpResponse:
    """Turns it on, or off, for a campaign that runs."""
    found = campaign_to_edit(request, public_id)
    form = BackFillForm(request.POST)
    automatic = form.is_valid() and form.cleaned_data["automatic"]
    try:
        back_fill.set_automatic(found, user_of(request), automatic=automatic)
    except CampaignMoved as refusal:
        messages.error(request, str(refusal))
    else:
        told = (
            "From now on places are given to others by themselves." if automatic else "From now on you do it."
        )
        messages.success(request, told)
    return redirect("annotation:campaign_back_fill", found.public_id)


@login_required
@never_cache
@require_POST
def payment_list(request: HttpRequest, public_id: str) -> HttpResponse:
    """The list of payments as a file, with the platforms' ids; a POST, since the history gets an entry.

    Only who may change the campaign gets it (docs/trust.md, P12).
    """
    found = campaign_to_edit(request, public_id)
    made = download(found, user_of(request))
    response = HttpResponse("".join(lines(made, columns=COLUMNS)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="payments.csv"'
    return response
