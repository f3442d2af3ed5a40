"""The next task of a rater: the one in hand, a due attention check, or a slot claimed for her."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState, RaterOutcome, SlotState
from annotation.models import Rater, Slot
from annotation.services import claims
from annotation.services.endings import EndReason, SessionEnd, end_session, reason_of, session_end
from annotation.services.locks import lock_rater
from annotation.services.seats import Seat, take_seat


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task as a rater may know it: nothing in it tells an attention check from any other task.

    word_start, word_end: characters of the prompt, end exclusive.  place: 1 for the first.  places_total: an
    upper bound that shrinks when others take the last items.  lease_until: database time.
    """

    slot_id: int
    word_map_id: int
    prompt_text: str
    word_text: str
    word_start: int
    word_end: int
    place: int
    places_total: int
    seconds_left_estimate: float
    can_undo: bool
    lease_until: datetime


def next_task(rater: Rater) -> Task | SessionEnd:
    """What the rater sees next; asking again gives the same task, from any tab.

    Raises ConsentMissing. A session that runs out ends here, with its outcome recorded; a paused one doesn't.
    """
    with transaction.atomic():
        lock_rater(rater)
        seat = take_seat(rater)
        if seat.outcome:
            return session_end(rater, reason=reason_of(seat.outcome))
        slot_id = _in_hand(seat)
        if slot_id is None:
            if (ending := _why_not(seat)) is not None:
                return _end(rater, reason=ending)
            slot_id = _claim(seat)
        return _end(rater, reason=_why_over(seat)) if slot_id is None else task_of(seat, slot_id=slot_id)


def task_of(seat: Seat, *, slot_id: int) -> Task:
    """The task of a slot that this rater has in hand."""
    word_map, number, lease_until, prompt, word, start, end = (
        Slot.objects.filter(pk=slot_id)
        .values_list(
            "item__word_map_id",
            "number",
            "lease_until",
            "item__word_map__word__prompt__text",
            "item__word_map__word__text",
            "item__word_map__word__start",
            "item__word_map__word__end",
        )
        .get()
    )
    is_check = number is None
    newly_claimed = slot_id != seat.in_hand
    # Ratings that may follow this task, were every remaining item hers.
    at_most = max(0, seat.limit - seat.ratings - (not is_check))
    checks_ahead = seat.checks_ahead - (is_check and newly_claimed)
    to_do = 1 + claims.items_ahead(seat.claimant, at_most=at_most) + checks_ahead
    assert lease_until is not None  # noqa: S101 (the constraint slot_leased_iff_it_has_a_lease)
    return Task(
        slot_id=slot_id,
        word_map_id=word_map,
        prompt_text=prompt,
        word_text=word,
        word_start=start,
        word_end=end,
        place=seat.given + 1,
        places_total=seat.given + to_do,
        seconds_left_estimate=to_do * seat.seconds_per_item,
        can_undo=seat.can_undo,
        lease_until=lease_until,
    )


def give_back(rater: Rater) -> None:
    """The slot in the rater's hand, if any, is free again; a check stays hers."""
    leased = Slot.objects.filter(rater=rater, state=SlotState.LEASED)
    leased.filter(number__isnull=False).update(
        state=SlotState.FREE, rater=None, leased_at=None, lease_until=None
    )
    leased.filter(number__isnull=True).update(state=SlotState.FREE, lease_until=None)


def _in_hand(seat: Seat) -> int | None:
    """The slot that the rater holds, its lease renewed where it had run out and nobody had taken it over."""
    if seat.in_hand is None or seat.in_hand_is_live:
        return seat.in_hand
    if seat.campaign_state != CampaignState.OPEN:
        return None
    lease = timedelta(seconds=seat.claimant.lease_seconds)
    mine = Slot.objects.filter(pk=seat.in_hand, rater=seat.claimant.rater_id, state=SlotState.LEASED)
    return seat.in_hand if mine.update(lease_until=Now() + lease) else None


def _claim(seat: Seat) -> int | None:
    slot_id = None
    if seat.check_due is not None and seat.check_due <= seat.given:
        slot_id = claims.claim_check_slot(seat.claimant, given=seat.given)
    if slot_id is None and seat.ratings < seat.limit:
        slot_id = claims.claim_rating_slot(seat.claimant)
    if slot_id is None and seat.ratings > 0 and seat.checks_ahead:
        # The items ran out early: every session that rated gets its quota of checks all the same.
        slot_id = claims.claim_check_slot(seat.claimant, given=2**31 - 1)
    return slot_id


def _why_not(seat: Seat) -> EndReason | None:
    if seat.campaign_state == CampaignState.PAUSED:
        return EndReason.PAUSED
    if seat.campaign_state == CampaignState.CLOSED:
        return EndReason.CAMPAIGN_CLOSED
    # An excluded rater's further answers would take places from others, whose answers count.
    return EndReason.NOTHING_LEFT if seat.excluded else None


def _why_over(seat: Seat) -> EndReason:
    if seat.ratings < seat.limit:
        return EndReason.NOTHING_LEFT
    by_session = seat.limit == min(seat.items_per_rater, seat.items)
    return EndReason.FINISHED if by_session else EndReason.SHARE_CAP


def _end(rater: Rater, *, reason: EndReason) -> SessionEnd:
    if reason is EndReason.PAUSED:
        return session_end(rater, reason=reason)
    return end_session(rater, outcome=RaterOutcome.COMPLETED, reason=reason)
