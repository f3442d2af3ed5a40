"""Giving others the places of all raters whose answers don't count: asked for, or by itself."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from annotation.choices import CampaignState, SlotState
from annotation.models import Answer, Campaign, Rater, Slot
from annotation.services import audit, raters
from annotation.services.campaigns import CampaignMoved
from annotation.services.locks import lock_rater
from annotation.services.raters import RaterActRefused
from annotation.standings import standings

REASON: Final = "failed the attention checks"
# A lock each until the transaction ends: the server's table of locks is shared and not endless.
RATERS_AT_ONCE: Final = 200
LOOK_EVERY_SECONDS: Final = 60
# A rater who left without a word and has answered nothing for so long is not expected back.
GONE_AFTER: Final = timedelta(hours=1)

logger = logging.getLogger(__name__)


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
    return _give_all(campaign, actor, find=partial(_uncounted, campaign))


def give_of_failed(campaign: Campaign) -> BackFilled:
    """Gives the places of raters who failed the checks to others, if the campaign asks for that; for good.

    Who may still come back to her task waits until she has ended or is gone, and who was excluded by a
    person until a person says so: that exclusion can be taken back, and this can't.
    """
    return _give_all(campaign, None, find=partial(_failed_and_gone, campaign))


def give_everywhere() -> int:
    """The same for every open campaign that asks for it, but dry runs; of how many raters. Raises nothing."""
    raters_given = 0
    for campaign in Campaign.objects.real().filter(state=CampaignState.OPEN, automatic_back_fill=True):
        try:
            raters_given += give_of_failed(campaign).raters
        except (RaterActRefused, DatabaseError):
            # Closed just now, or the database had to choose between two: the next look finds the rest.
            logger.warning(
                "Places of campaign %s were not given to others.", campaign.public_id, exc_info=True
            )
    return raters_given


def set_automatic(campaign: Campaign, actor: User | None, *, automatic: bool) -> Campaign:
    """Whether the campaign is back-filled by itself from now on. Raises CampaignMoved unless open or paused;
    in a draft it is edited.
    """
    with transaction.atomic():
        locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state not in (CampaignState.OPEN, CampaignState.PAUSED):
            raise CampaignMoved(
                "Nothing was done: this is changed while a campaign is open or paused; that of a draft in "
                "the draft."
            )
        if locked.automatic_back_fill != automatic:
            Campaign.objects.filter(pk=locked.pk).update(automatic_back_fill=automatic)
            audit.record(locked, actor=actor, act="set_automatic_back_fill", automatic=automatic)
    locked.refresh_from_db()
    return locked


def _give_all(campaign: Campaign, actor: User | None, *, find: Callable[[], list[Rater]]) -> BackFilled:
    """All of those that `find` finds, or none of them."""
    with transaction.atomic():
        found = find()
        if not found:
            return BackFilled(raters=0, places=0, left=0)
        chosen = found[:RATERS_AT_ONCE]
        _lock(chosen)
        # An answer taken back, or another back-fill, may have come first.
        still = {rater.pk for rater in find()}
        given = [_give(rater, actor) for rater in chosen if rater.pk in still]
        if given:
            audit.record(campaign, actor=actor, act="back_fill", raters=len(given), places=sum(given))
    return BackFilled(raters=len(given), places=sum(given), left=len(found) - len(chosen))


def _failed_and_gone(campaign: Campaign) -> list[Rater]:
    """Asked anew each time: the setting may have been changed since, and the campaign paused or closed."""
    asks = Campaign.objects.filter(
        pk=campaign.pk, state=CampaignState.OPEN, automatic_back_fill=True
    ).exists()
    failed = [rater for rater in (_uncounted(campaign) if asks else []) if rater.excluded_at is None]
    under_way = [rater.pk for rater in failed if not rater.outcome]
    lately = Answer.objects.filter(rater__in=under_way, answered_at__gt=Now() - GONE_AFTER)
    back_soon = set(lately.values_list("rater", flat=True))
    return [rater for rater in failed if rater.pk not in back_soon]


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
