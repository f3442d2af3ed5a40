"""What a rater may ask the researcher for: to be found by what she calls herself, and to be withdrawn."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation.services import withdrawals
from annotation.services.identities import rater_named
from annotation.services.payments import latest_decision
from annotation.views.scope import campaign_of, campaign_to_edit, rater_of, user_of


@login_required
@require_POST
def rater_find(request: HttpRequest, public_id: str) -> HttpResponse:
    """To the rater's page. By POST, since an id in an address would end up in logs."""
    found = campaign_of(request, public_id)
    rater = rater_named(found, request.POST.get("name", ""))
    if rater is None:
        messages.warning(
            request,
            "Nobody of this campaign goes by that. Enter the whole id that the platform shows to her, or the "
            "address of her own page here.",
        )
        return redirect("annotation:campaign", found.public_id)
    return redirect("annotation:rater", found.public_id, rater.pseudonym)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def rater_withdraw(request: HttpRequest, public_id: str, pseudonym: str) -> HttpResponse:
    """Asks first, with what will be gone: nobody can bring it back."""
    campaign = campaign_to_edit(request, public_id)
    rater = rater_of(campaign, pseudonym)
    if request.method == "POST":
        gone = withdrawals.withdraw_rater(rater, user_of(request))
        messages.success(
            request,
            f"Withdrawn: {gone.answers:,} answers are deleted, {gone.places:,} places are free again.",
        )
        return redirect("annotation:campaign", campaign.public_id)
    context = {
        "section": "campaigns",
        "campaign": campaign,
        "rater": rater,
        "hers": withdrawals.what_is_hers(rater),
        "decision": latest_decision(rater),
    }
    return render(request, "annotation/rater_withdraw.html", context)
