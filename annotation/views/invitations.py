"""The personal links of a campaign on its page of recruitment: who came by each, and taking one back."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation.choices import RaterOutcome
from annotation.models import Campaign
from annotation.services.invitations import Invitation, InvitationUnknown, invitations, revoke
from annotation.views.scope import campaign_to_edit, user_of

LINKS_ON_A_PAGE = 25


@dataclass(frozen=True, kw_only=True)
class LinkRow:
    """One line of the table. told: what became of the link, in words."""

    number: int
    rater: str
    told: str
    revoked: bool


def listed(request: HttpRequest, found: Campaign) -> tuple[Page[int], list[LinkRow]]:
    """The page of the table that is asked for, by ?page or the ?link that is on it, and its lines."""
    paginator = Paginator(range(1, found.invitations + 1), LINKS_ON_A_PAGE)
    wanted = request.GET.get("link", "")
    is_link = wanted.isascii() and wanted.isdecimal() and len(wanted) < 10
    place = (int(wanted) - 1) // LINKS_ON_A_PAGE + 1 if is_link else request.GET.get("page")
    page = paginator.get_page(place)
    return page, [_row(one) for one in invitations(found, numbers=list(page.object_list))]


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def invitation_revoke(request: HttpRequest, public_id: str, number: int) -> HttpResponse:
    """Asks first: a revoked link stays revoked."""
    found = campaign_to_edit(request, public_id)
    if not 1 <= number <= found.invitations:
        raise Http404
    if request.method == "POST":
        try:
            done = revoke(found, user_of(request), number=number)
        except InvitationUnknown:
            raise Http404 from None
        told = f"Link {number:,} is revoked." if done else f"Link {number:,} was revoked already."
        messages.success(request, told)
        return redirect("annotation:recruitment", found.public_id)
    (one,) = invitations(found, numbers=[number])
    context = {
        "section": "campaigns",
        "campaign": found,
        "link": _row(one),
        "under_way": bool(one.rater) and not one.outcome,
    }
    return render(request, "annotation/invitation_revoke.html", context)


def _row(one: Invitation) -> LinkRow:
    used = str(RaterOutcome(one.outcome).label) if one.outcome else "Still here or gone"
    told = used if one.rater else "Not used"
    if one.revoked and one.outcome != RaterOutcome.REVOKED:
        told = f"Revoked. {told}"
    return LinkRow(number=one.number, rater=one.rater, told=told, revoked=one.revoked)
