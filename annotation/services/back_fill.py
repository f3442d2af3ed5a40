"""Giving others the places of all raters whose answers don't count, in one transaction."""

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from annotation.choices import CampaignState, SlotState
from annotation.models import Campaign, Rater, Slot
from annotation.services import audit, raters
from annotation.services.locks import lock_rater
from annotation.services.raters import RaterActRefused
from annotation.standings import standings

REASON: Final = "failed the attention checks"
# A lock each until the transaction ends: the server's table of locks is shared and not endless.
RATERS_AT_ONCE: Final = 200


@dataclass(frozen=True, kw_only=True)
class ToGive:
    """What a back-fill would give to others now.

    failed: raters who are out by their checks.  excluded: by a person.
    """

    failed: int
    excluded: int
    places: int


@dataclass(frozen=True, kw_only=True)
class BackFilled:
    """What a back-fill gave to others. left: raters for the next time, since it takes so many at once."""

    raters: int
    places: int
    left: int


def to_give(campaign: Campaign) -> ToGive:
    """Raters whose answers don't count and whose places are filled, but for those with a task in hand."""
    found = _uncounted(campaign)
    places = Slot.objects.filter(rater__in=found, number__isnull=False, state=SlotState.ANSWERED)
    excluded = sum(rater.excluded_at is not None for rater in found)
    return ToGive(failed=len(found) - excluded, excluded=excluded, places=places.count())


def give_to_others(campaign: Campaign, actor: User | None) -> BackFilled:
    """Gives the places of those raters to others, for good.

    All of it or nothing. Who failed the checks is excluded with that reason; who has a task in hand is left
    alone until she ends. Raises RaterActRefused for a
    campaign that is neither open nor paused.
    """
    if campaign.state not in (CampaignState.OPEN, CampaignState.PAUSED):
        raise RaterActRefused("The campaign takes no answers, so there is nobody to fill the places.")
    with transaction.atomic():
        found = _uncounted(campaign)
        chosen = found[:RATERS_AT_ONCE]
        _lock(chosen)
        # An answer taken back, or another back-fill, may have come first.
        still = {rater.pk for rater in _uncounted(campaign)}
        given = [_give(rater, actor) for rater in chosen if rater.pk in still]
        if given:
            audit.record(campaign, actor=actor, act="back_fill", raters=len(given), places=sum(given))
    return BackFilled(raters=len(given), places=sum(given), left=len(found) - len(chosen))


def _uncounted(campaign: Campaign) -> list[Rater]:
    out = [pk for pk, standing in standings(campaign).items() if not standing.counts]
    hers = Slot.objects.filter(rater=OuterRef("pk"), number__isnull=False)
    in_hand = Slot.objects.filter(rater=OuterRef("pk"), state=SlotState.LEASED, lease_until__gt=Now())
    filled = Rater.objects.filter(Exists(hers.filter(state=SlotState.ANSWERED)), pk__in=out)
    return list(filled.exclude(Exists(in_hand)).select_related("campaign").order_by("pk"))


def _lock(chosen: list[Rater]) -> None:
    """Everybody's lock and row, in one order and before any slot: so nobody waits in a circle."""
    for rater in chosen:
        lock_rater(rater)
    rows = Rater.objects.select_for_update(no_key=True).filter(pk__in=[rater.pk for rater in chosen])
    list(rows.order_by("pk").values_list("pk"))


def _give(rater: Rater, actor: User | None) -> int:
    raters.exclude(rater, actor, REASON)
    return raters.reopen_places(rater, actor)
