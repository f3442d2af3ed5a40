"""The next task of a rater: the one in hand, a due attention check, or a slot claimed for her."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState, RaterOutcome, SlotState
from annotation.models import Answer, Rater, Slot
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
        if seat.rater.outcome:
            return session_end(seat.rater, reason=reason_of(seat.rater))
        if (in_hand := _in_hand(seat)) is not None:
            return task_of(seat, slot_id=in_hand)
        return _new_task(seat)


def task_of(seat: Seat, *, slot_id: int) -> Task:
    """The task of a slot that this rater has in hand."""
    slot = Slot.objects.select_related("item__word_map__word__prompt").get(pk=slot_id)
    is_check = slot.number is None
    word = slot.item.word_map.word
    # Ratings that may follow this task, were every remaining item hers.
    at_most = max(0, seat.limit - seat.ratings - (not is_check))
    ratings_ahead = claims.items_ahead(seat.rater, campaign=seat.campaign, at_most=at_most)
    checks_ahead = Slot.objects.filter(rater=seat.rater, state=SlotState.FREE, number__isnull=True).count()
    to_do = 1 + ratings_ahead + checks_ahead
    assert slot.lease_until is not None  # noqa: S101 (the constraint slot_leased_iff_it_has_a_lease)
    return Task(
        slot_id=slot.pk,
        word_map_id=slot.item.word_map_id,
        prompt_text=word.prompt.text,
        word_text=word.text,
        word_start=word.start,
        word_end=word.end,
        place=seat.given + 1,
        places_total=seat.given + to_do,
        seconds_left_estimate=to_do * seat.campaign.seconds_per_item,
        can_undo=last_answer_to_undo(seat.rater) is not None,
        lease_until=slot.lease_until,
    )


def last_answer_to_undo(rater: Rater) -> Answer | None:
    """The rater's very last answer if it stands; None when it was undone already: one step back, no more."""
    last = Answer.objects.filter(rater=rater).select_related("slot").order_by("-pk").first()
    if last is None or last.undone_at is not None or last.slot.state != SlotState.ANSWERED:
        return None
    return last


def _in_hand(seat: Seat) -> int | None:
    """The slot that the rater holds, its lease renewed where it had run out and nobody had taken it over."""
    leased = Slot.objects.filter(rater=seat.rater, state=SlotState.LEASED)
    live = leased.filter(lease_until__gt=Now()).values_list("pk", flat=True).first()
    if live is not None or seat.campaign.state != CampaignState.OPEN:
        return live
    expired = leased.values_list("pk", flat=True).first()
    if expired is None:
        return None
    lease = timedelta(seconds=seat.campaign.lease_seconds)
    renewed = leased.filter(pk=expired).update(lease_until=Now() + lease)
    return expired if renewed else None


def _new_task(seat: Seat) -> Task | SessionEnd:
    ending = _why_not(seat)
    if ending is not None:
        return ending
    slot_id = claims.claim_check_slot(seat.rater, campaign=seat.campaign, given=seat.given)
    if slot_id is None and seat.ratings < seat.limit:
        slot_id = claims.claim_rating_slot(seat.rater, campaign=seat.campaign)
    if slot_id is None and seat.ratings > 0:
        # The items ran out early: every session that rated gets its quota of checks all the same.
        slot_id = claims.claim_check_slot(seat.rater, campaign=seat.campaign, given=2**31 - 1)
    if slot_id is None:
        return end_session(seat.rater, outcome=RaterOutcome.COMPLETED, reason=_why_over(seat))
    return task_of(seat, slot_id=slot_id)


def _why_not(seat: Seat) -> SessionEnd | None:
    if seat.campaign.state == CampaignState.PAUSED:
        return session_end(seat.rater, reason=EndReason.PAUSED)
    if seat.campaign.state == CampaignState.CLOSED:
        return end_session(seat.rater, outcome=RaterOutcome.COMPLETED, reason=EndReason.CAMPAIGN_CLOSED)
    if seat.rater.excluded_at is not None:
        # Her further answers would take places from raters whose answers count. The page doesn't say why.
        return end_session(seat.rater, outcome=RaterOutcome.COMPLETED, reason=EndReason.NOTHING_LEFT)
    return None


def _why_over(seat: Seat) -> EndReason:
    if seat.ratings < seat.limit:
        return EndReason.NOTHING_LEFT
    items = seat.version.ratings_wanted // seat.campaign.raters_per_item
    by_session = seat.limit == min(seat.campaign.items_per_rater, items)
    return EndReason.FINISHED if by_session else EndReason.SHARE_CAP


def give_back(rater: Rater) -> None:
    """The slot in the rater's hand, if any, is free again; a check stays hers."""
    leased = Slot.objects.filter(rater=rater, state=SlotState.LEASED)
    leased.filter(number__isnull=False).update(
        state=SlotState.FREE, rater=None, leased_at=None, lease_until=None
    )
    leased.filter(number__isnull=True).update(state=SlotState.FREE, lease_until=None)
