"""The next task of a rater: the one in hand, a due attention check, or a slot claimed for her."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState, RaterOutcome, SlotState
from annotation.models import Draft, Rater, Slot
from annotation.services import claims, reservations
from annotation.services.endings import EndReason, SessionEnd, end_session, reason_of, session_end
from annotation.services.locks import lock_rater
from annotation.services.repeats import make_repeat
from annotation.services.seats import PracticePending, Seat, take_seat

# What a page needs of the slot in hand, and of the rater's own few slots: how many are kept for her, and what
# she is given after this one. One statement, since every answer waits for it.
_TASK: Final = """
    SELECT slot.public_id, slot.item_id, item.instruction, slot.number, slot.lease_until, slot.swapped,
        prompt.text, word."start", word."end", run.height, run.width, hers.kept, hers.next_public_id
    FROM annotation_slot slot
    JOIN annotation_item item ON item.id = slot.item_id
    LEFT JOIN generation_wordmap map ON map.id = item.word_map_id
    LEFT JOIN generation_promptword word ON word.id = coalesce(map.word_id, item.word_id)
    JOIN generation_image image ON image.id = coalesce(map.image_id, item.image_id)
    JOIN generation_prompt prompt ON prompt.id = image.prompt_id
    JOIN generation_run run ON run.id = image.run_id
    CROSS JOIN (
        SELECT count(*) FILTER (WHERE state = 'kept') AS kept,
            coalesce(
                (array_agg(public_id ORDER BY due_after, id) FILTER (
                    WHERE number IS NULL AND due_after <= %(given)s
                ))[1],
                (array_agg(public_id ORDER BY "order") FILTER (WHERE state = 'kept'))[1]
            ) AS next_public_id
        FROM annotation_slot
        WHERE rater_id = %(rater)s AND state IN ('free', 'kept')
    ) hers
    WHERE slot.id = %(slot)s
"""
_NAMED: Final = "SELECT id FROM annotation_slot WHERE rater_id = %s AND public_id = %s"
Claim = Callable[[claims.Claimant], int | None]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task as a rater may know it: nothing in it tells an attention check from any other task.

    instruction: asked in place of the campaign's question; empty for the question itself.
    word: characters of the prompt from start to before end; None where the task is about no single word.
    image_hw: pixels.  swapped: of a pair, the second lies left.  place: 1 for the first.  places_total: an
    upper bound that shrinks when others take the last items.  lease_until: database time.
    public_id: names the task on pages and in addresses.  next_public_id: of the task that comes after it;
    None where that is not settled yet.
    """

    slot_id: int
    public_id: UUID
    next_public_id: UUID | None
    item_id: int
    instruction: str
    prompt_text: str
    word: tuple[int, int] | None
    image_hw: tuple[int, int]
    swapped: bool
    place: int
    places_total: int
    seconds_left_estimate: float
    can_undo: bool
    lease_until: datetime


def next_task(rater: Rater) -> Task | SessionEnd:
    """What the rater sees next; asking again gives the same task, from any tab.

    Raises ConsentMissing, PracticePending. A session that runs out ends here, with its
    outcome recorded; a paused one doesn't.
    """
    try:
        return _next_task(rater, claim=claims.claim_rating_slot)
    except claims.EndOfQueue:
        return _next_task(rater, claim=claims.claim_last_slot)


def go_on(rater: Rater, *, seat: Seat, claim: Claim = claims.claim_rating_slot) -> Task | SessionEnd:
    """What the rater sees next, in the transaction that took her seat. Raises PracticePending, EndOfQueue."""
    if seat.outcome:
        return session_end(rater, reason=reason_of(seat.outcome))
    if seat.practising:
        raise PracticePending
    slot_id = _in_hand(seat)
    if slot_id is None:
        if (ending := _why_not(seat)) is not None:
            return _end(rater, reason=ending)
        slot_id = _claim(seat, claim=claim)
    return _end(rater, reason=_why_over(seat)) if slot_id is None else task_of(seat, slot_id=slot_id)


def task_of(seat: Seat, *, slot_id: int) -> Task:
    """The task of a slot that this rater has in hand."""
    values = {"slot": slot_id, "rater": seat.claimant.rater_id, "given": seat.given + 1}
    with connection.cursor() as cursor:
        cursor.execute(_TASK, values)
        (
            public_id, item, instruction, number, lease_until, swapped, prompt, start, end, height, width,
            kept, next_public_id,
        ) = cursor.fetchone()  # fmt: skip
    is_check = number is None
    newly_claimed = slot_id != seat.in_hand
    # Ratings that may follow this task, were every remaining item hers.
    at_most = max(0, seat.limit - seat.ratings - (not is_check))
    checks_ahead = seat.checks_ahead - (is_check and newly_claimed)
    ratings_ahead = min(kept, at_most)
    ratings_ahead += claims.items_ahead(seat.claimant, at_most=at_most - ratings_ahead)
    to_do = 1 + ratings_ahead + checks_ahead
    assert lease_until is not None  # noqa: S101 (the constraint slot_leased_iff_it_has_a_lease)
    return Task(
        slot_id=slot_id,
        public_id=public_id,
        next_public_id=next_public_id,
        item_id=item,
        instruction=instruction,
        prompt_text=prompt,
        word=None if start is None else (start, end),
        image_hw=(height, width),
        swapped=swapped,
        place=seat.given + 1,
        places_total=seat.given + to_do,
        seconds_left_estimate=to_do * seat.seconds_per_item,
        can_undo=seat.can_undo,
        lease_until=lease_until,
    )


def slot_of(rater: Rater, *, public_id: UUID) -> int:
    """The slot of that name among the rater's own, whatever its state; 0 where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, [rater.pk, public_id])
        found = cursor.fetchone()
    return 0 if found is None else int(found[0])


def give_back(rater: Rater, *, keeps_place: bool) -> None:
    """The slot in the rater's hand, if any, is free again; a check stays hers.

    keeps_place: a place stays hers too, as the next one.
    """
    if keeps_place:
        reservations.renew(claims.Claimant.of(rater))
    leased = Slot.objects.filter(rater=rater, state=SlotState.LEASED)
    Draft.objects.filter(slot__in=leased).delete()
    back = {"state": SlotState.KEPT} if keeps_place else {"state": SlotState.FREE, "rater": None}
    leased.filter(number__isnull=False).update(leased_at=None, lease_until=None, **back)
    leased.filter(number__isnull=True).update(state=SlotState.FREE, lease_until=None)


def _next_task(rater: Rater, *, claim: Claim) -> Task | SessionEnd:
    with transaction.atomic():
        lock_rater(rater)
        return go_on(rater, seat=take_seat(rater), claim=claim)


def _in_hand(seat: Seat) -> int | None:
    """The slot that the rater holds, its lease renewed where it had run out and nobody had taken it over."""
    if seat.in_hand is None or seat.in_hand_is_live:
        return seat.in_hand
    if seat.campaign_state != CampaignState.OPEN:
        return None
    lease = timedelta(seconds=seat.claimant.lease_seconds)
    mine = Slot.objects.filter(pk=seat.in_hand, rater=seat.claimant.rater_id, state=SlotState.LEASED)
    return seat.in_hand if mine.update(lease_until=Now() + lease) else None


def _claim(seat: Seat, *, claim: Claim) -> int | None:
    slot_id = None
    if seat.check_due is not None and seat.check_due <= seat.given:
        slot_id = claims.claim_check_slot(seat.claimant, given=seat.given)
    if slot_id is None and seat.ratings < seat.limit:
        slot_id = _claim_place(seat, claim=claim)
    if slot_id is None and seat.ratings > 0 and seat.checks_ahead:
        # The items ran out early: every session that rated gets its quota of checks all the same.
        make_repeat(seat, given=seat.given, at_end=True)
        slot_id = claims.claim_check_slot(seat.claimant, given=2**31 - 1)
    if slot_id is not None and seat.repeats_due and seat.repeats_due[0] <= seat.given + 1:
        # One task ahead and never for now: what comes now was named with the task before, and its pictures
        # are loaded.
        make_repeat(seat, given=seat.given + 1, at_end=False)
    return slot_id


def _claim_place(seat: Seat, *, claim: Claim) -> int | None:
    """A place that was kept for the rater, else one claimed now; when the last kept one goes, more are."""
    if not seat.places_kept:
        return claim(seat.claimant)
    reservations.renew(seat.claimant)
    slot_id = claims.claim_kept_slot(seat.claimant)
    if slot_id is None:
        slot_id = claim(seat.claimant)
    if slot_id is not None and seat.kept <= 1:
        room = seat.limit - seat.ratings - 1
        reservations.keep_more(seat.claimant, at_most=min(seat.places_kept, room))
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
