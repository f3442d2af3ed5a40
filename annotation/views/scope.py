"""Whose campaign, which rater: the first lines of every researcher's view.

Who may look and who may change is asked in generation.views.scope: of a request that is not safe, the latter.
"""

from uuid import UUID

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from annotation.models import Campaign, Rater
from generation.views import scope
from generation.views.scope import can_edit, user_of

__all__ = [
    "campaign_asked_for",
    "campaign_of",
    "campaign_to_edit",
    "campaign_to_read",
    "can_edit",
    "rater_of",
    "user_of",
]

_CAMPAIGNS = Campaign.objects.select_related("run", "owner", "dry_run_of")


def campaign_of(request: HttpRequest, public_id: str) -> Campaign:
    """The campaign of the address; for who may not see it, it does not exist.

    Raises Http404, and PermissionDenied for a change by who may only look.
    """
    found: Campaign = scope.one_of(request, _CAMPAIGNS.all(), public_id=public_id)
    return found


def campaign_to_read(request: HttpRequest, public_id: str) -> Campaign:
    """The same for requests that change nothing, whatever their method. Raises Http404."""
    found: Campaign = scope.to_read(request, _CAMPAIGNS.all(), public_id=public_id)
    return found


def campaign_to_edit(request: HttpRequest, public_id: str) -> Campaign:
    """The same for pages that only those need who may change it. Raises Http404, PermissionDenied."""
    found: Campaign = scope.to_edit(request, _CAMPAIGNS.all(), public_id=public_id)
    return found


def campaign_asked_for(request: HttpRequest, *, by: str) -> Campaign | None:
    """The campaign whose public id the query names `by`; None without one. Raises Http404."""
    chosen = request.GET.get(by, "")
    if not chosen:
        return None
    try:
        public_id = UUID(chosen)
    except ValueError:
        raise Http404 from None
    return campaign_to_read(request, str(public_id))


def rater_of(found: Campaign, pseudonym: str) -> Rater:
    """One rater of the campaign. Raises Http404."""
    if "\0" in pseudonym:  # PostgreSQL takes no such text, not even to look for it
        raise Http404
    return get_object_or_404(Rater.objects.select_related("campaign"), campaign=found, pseudonym=pseudonym)
