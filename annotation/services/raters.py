"""Leaving a rater out of the analysis and back in, and giving her places to others. Never about pay."""

from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState, SlotState
from annotation.models import Campaign, Rater, Slot
from annotation.services import audit, reservations
from annotation.services.locks import lock_rater

LONGEST_REASON: Final = 300
REOPENED: Final = "rater excluded, place given to another"


class RaterActRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was done; the message says why and what to do."""


def exclude(rater: Rater, actor: User | None, reason: str) -> Rater:
    """Leaves the rater's answers out of the analysis; they stay stored and exported. She gets no new task.

    A rater who is excluded already stays so with the first reason. Raises RaterActRefused for an empty or
    overlong reason.
    """
    text = reason.strip()
    if not text or len(text) > LONGEST_REASON or "\0" in text:
        raise RaterActRefused(
            f"Give a reason of 1 to {LONGEST_REASON} characters; it is kept with the exclusion."
        )
    with transaction.atomic():
        lock_rater(rater)
        now_out = Rater.objects.filter(pk=rater.pk, excluded_at__isnull=True)
        if now_out.update(excluded_at=Now(), exclusion_reason=text):
            reservations.release(rater)
            audit.record(rater.campaign, actor=actor, act="exclude_rater", rater=rater, reason=text)
    return _fresh(rater)


def include(rater: Rater, actor: User | None) -> Rater:
    """Takes an exclusion back. One who isn't excluded is left as she is.

    Raises RaterActRefused once her places were given to others: her answers would be a k+1st.
    """
    with transaction.atomic():
        lock_rater(rater)
        if places_given_away(rater):
            raise RaterActRefused("This rater's places were given to others, so the exclusion stands.")
        was_out = Rater.objects.filter(pk=rater.pk, excluded_at__isnull=False)
        if was_out.update(excluded_at=None, exclusion_reason=""):
            audit.record(rater.campaign, actor=actor, act="include_rater", rater=rater)
    return _fresh(rater)


def reopen_places(rater: Rater, actor: User | None) -> int:
    """Gives the rating places of an excluded rater to others; returns how many, 0 the second time.

    Her answers stay stored; her slots turn void and stay hers, so she never meets the items again.
    Raises RaterActRefused unless she is excluded and the campaign is open or paused.
    """
    with transaction.atomic():
        lock_rater(rater)
        fresh = _fresh(rater)
        if fresh.excluded_at is None:
            raise RaterActRefused("Exclude the rater first: answers that count keep their places.")
        if fresh.campaign.state not in (CampaignState.OPEN, CampaignState.PAUSED):
            raise RaterActRefused(
                "The campaign takes no more answers, so there is nobody to fill the places."
            )
        places = list(
            Slot.objects.select_for_update().filter(
                rater=fresh, number__isnull=False, state__in=[SlotState.ANSWERED, SlotState.LEASED]
            )
        )
        Slot.objects.filter(pk__in=[slot.pk for slot in places]).update(
            state=SlotState.VOID, lease_until=None, void_reason=REOPENED
        )
        Slot.objects.bulk_create(_free_again(slot, campaign=fresh.campaign) for slot in places)
        reservations.release(fresh)
        if places:
            audit.record(fresh.campaign, actor=actor, act="reopen_places", rater=fresh, places=len(places))
    return len(places)


def places_given_away(rater: Rater) -> bool:
    """Whether the rater's places went to others, so that her exclusion stands."""
    return Slot.objects.filter(rater=rater, state=SlotState.VOID, void_reason=REOPENED).exists()


def _free_again(slot: Slot, *, campaign: Campaign) -> Slot:
    return Slot(
        campaign=campaign,
        item_id=slot.item_id,
        number=slot.number,
        order=slot.order,
        swapped=slot.swapped,
        state=SlotState.FREE,
    )


def _fresh(rater: Rater) -> Rater:
    return Rater.objects.select_related("campaign").get(pk=rater.pk)
