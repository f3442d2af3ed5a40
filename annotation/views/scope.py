"""Whose campaign, which rater: the first lines of every researcher's view."""

from typing import cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from annotation.models import Campaign, Rater


def user_of(request: HttpRequest) -> User:
    """The signed-in user; only for views behind login_required."""
    return cast(User, request.user)


def campaign_of(request: HttpRequest, public_id: str) -> Campaign:
    """The campaign of the address; for who may not see it, it does not exist. Raises Http404."""
    visible = Campaign.objects.visible_to(request.user).select_related("run", "owner")
    found: Campaign = get_object_or_404(visible, public_id=public_id)
    return found


def rater_of(found: Campaign, pseudonym: str) -> Rater:
    """One rater of the campaign. Raises Http404."""
    return get_object_or_404(Rater.objects.select_related("campaign"), campaign=found, pseudonym=pseudonym)
