"""Recording answers: each exactly once, whatever is clicked twice, retried, replayed or late."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState, RaterOutcome, SlotState
from annotation.contents import AnswerContent, fits, says_the_same
from annotation.models import Answer, Draft, LateAnswer, Rater, Slot
from annotation.services import claims
from annotation.services.claims import EndOfQueue
from annotation.services.endings import EndReason, SessionEnd, end_session, reason_of, session_end
from annotation.services.locks import lock_rater
from annotation.services.said import columns_of
from annotation.services.seats import ConsentMissing, Seat, take_seat
from annotation.services.tasks_for_raters import Task, give_back, go_on, task_of

LONGEST_CLIENT_MILLISECONDS: Final = 2**31 - 1
LONGEST_VIEW: Final = 20


class AnswerRefusal(models.TextChoices):
    """Why an answer was not stored."""

    NO_CONSENT = "no_consent", "There is no consent to the text as it stands"
    NOT_YOURS = "not_yours", "This task is not with this rater"
    KEY_REUSED = "key_reused_with_another_answer", "This key came with another answer before"
    ALREADY_ANSWERED = "already_answered", "This task has another answer already, which stands"
    UNKNOWN_OPTION = "unknown_option", "The campaign does not ask for such an answer"
    BAD_VALUE = "bad_value", "A time or a view lies outside its range"


class AnswerRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """An answer that was not stored; nothing changed."""

    def __init__(self, reason: AnswerRefusal) -> None:
        super().__init__(reason.label)
        self.reason = reason


class UndoRefusal(models.TextChoices):
    """Why nothing was undone."""

    NOTHING_TO_UNDO = "nothing_to_undo", "There is no answer to undo, or it was undone already"
    SESSION_ENDED = "session_ended", "The session is over"
    CAMPAIGN_NOT_OPEN = "campaign_not_open", "The campaign is paused or closed"


class UndoRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was undone; nothing changed."""

    def __init__(self, reason: UndoRefusal) -> None:
        super().__init__(reason.label)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The answer is stored and counts. already: it was stored before this call."""

    answer_id: int
    already: bool


@dataclass(frozen=True, kw_only=True)
class Late:
    """The answer is stored and payable, and counts for nothing else: its place went to somebody else."""

    late_answer_id: int
    already: bool


@dataclass(frozen=True, kw_only=True)
class _Submission:
    """One submitted answer, checked at the edge."""

    rater: Rater
    slot_id: int
    content: AnswerContent
    key: UUID
    client_milliseconds: int | None
    view: str

    def repeats(self, stored: Answer | LateAnswer) -> bool:
        """Whether the stored answer is this one: same rater, slot and content."""
        return self.says(stored) and (stored.rater_id, stored.slot_id) == (self.rater.pk, self.slot_id)

    def says(self, stored: Answer | LateAnswer) -> bool:
        """Whether the stored answer says the same."""
        rle = stored.mask.rle if stored.mask else None
        return says_the_same(self.content, stored=stored, stored_rle=rle)


def record_answer(
    rater: Rater,
    *,
    slot_id: int,
    content: AnswerContent,
    idempotency_key: UUID,
    client_milliseconds: int | None,
    view: str,
) -> Recorded | Late:
    """Stores one answer and returns its id; the same answer again returns the same id.

    - A key that came before: the stored answer when it is the same, else refused.
    - A slot answered before under another key: the first answer stands; the same answer again counts as a
      repeat, another one is refused.
    - A lease that has run out is no fault while nobody has taken the slot over and the campaign is not
      closed; otherwise the answer is kept as late.
    Raises AnswerRefused. It is committed when this returns, unless the caller has a transaction open.
    """
    return _alone(_checked(rater, slot_id, content, idempotency_key, client_milliseconds, view))


def record_and_go_on(
    rater: Rater,
    *,
    slot_id: int,
    content: AnswerContent,
    idempotency_key: UUID,
    client_milliseconds: int | None,
    view: str,
) -> tuple[Recorded | Late, Task | SessionEnd | None]:
    """Stores one answer as record_answer does, and brings what comes next by the same commit.

    That is one lock, one look at the seat and one commit where two calls take two of each. The second is None
    where it must be asked for by next_task: after anything but a new answer, and at the end of the queue,
    where whoever waits may hold nothing; then the answer is committed by itself.
    Raises AnswerRefused.
    """
    submission = _checked(rater, slot_id, content, idempotency_key, client_milliseconds, view)
    try:
        with transaction.atomic():
            lock_rater(rater)
            recorded, seat = _record(submission)
            going_on = seat is not None and not seat.practising
            return recorded, go_on(rater, seat=seat) if seat and going_on else None
    except (EndOfQueue, IntegrityError):
        return _alone(submission), None


def undo_last(rater: Rater) -> Task:
    """Takes back the rater's very last answer: it stays stored, marked, and its slot is hers again.

    The task she had in hand meanwhile comes after it, or goes back to the free ones where no places are
    kept; a mask comes back as a draft.
    Raises UndoRefused, ConsentMissing.
    """
    with transaction.atomic():
        lock_rater(rater)
        seat = take_seat(rater)
        _require_undo(seat)
        give_back(rater, keeps_place=seat.places_kept > 0)
        answer = Answer.objects.select_related("mask").filter(rater=rater).order_by("-pk")[0]
        Answer.objects.filter(pk=answer.pk, undone_at__isnull=True).update(undone_at=Now())
        _lease_again(seat, slot_id=answer.slot_id)
        if answer.mask is not None:
            # A drawing taken back is a drawing to go on with.
            Draft.objects.create(slot_id=answer.slot_id, number=1, png=answer.mask.png)
        return task_of(take_seat(rater), slot_id=answer.slot_id)


def stop_session(rater: Rater) -> SessionEnd:
    """Ends the session early: the task in hand is free again, the answers stay.

    A second call changes nothing. Raises ConsentMissing: before consent there is only
    `entry.decline_consent`.
    """
    with transaction.atomic():
        lock_rater(rater)
        seat = take_seat(rater)
        if seat.outcome:
            return session_end(rater, reason=reason_of(seat.outcome))
        give_back(rater, keeps_place=False)
        return end_session(rater, outcome=RaterOutcome.STOPPED, reason=EndReason.STOPPED)


def _checked(
    rater: Rater,
    slot_id: int,
    content: AnswerContent,
    key: UUID,
    client_milliseconds: int | None,
    view: str,
) -> _Submission:
    campaign = rater.campaign
    vocabulary, score_of = tuple(campaign.vocabulary), campaign.score_of
    if not fits(content, task_kind=campaign.task_kind, vocabulary=vocabulary, score_of=score_of):
        raise AnswerRefused(AnswerRefusal.UNKNOWN_OPTION)
    in_range = client_milliseconds is None or 0 <= client_milliseconds <= LONGEST_CLIENT_MILLISECONDS
    if not in_range or len(view) > LONGEST_VIEW or "\0" in view:
        raise AnswerRefused(AnswerRefusal.BAD_VALUE)
    if not 0 <= slot_id < 2**63:
        raise AnswerRefused(AnswerRefusal.NOT_YOURS)
    return _Submission(
        rater=rater,
        slot_id=slot_id,
        content=content,
        key=key,
        client_milliseconds=client_milliseconds,
        view=view,
    )


def _alone(submission: _Submission) -> Recorded | Late:
    """What became of the answer, committed by itself."""
    try:
        with transaction.atomic():
            lock_rater(submission.rater)
            return _record(submission)[0]
    except IntegrityError:
        # The key came before, with another slot or from another rater; this attempt was rolled back.
        if (stored := _stored_under(submission.key)) is None:
            raise
        return _again_or_refused(submission, stored=stored)


def _record(submission: _Submission) -> tuple[Recorded | Late, Seat | None]:
    """What became of the answer; with the seat as it is now, where a new answer counts."""
    try:
        seat = take_seat(submission.rater)
    except ConsentMissing:
        raise AnswerRefused(AnswerRefusal.NO_CONSENT) from None
    closed = seat.campaign_state == CampaignState.CLOSED
    taken = claims.answer_slot(
        seat.claimant, slot_id=submission.slot_id, key=submission.key, only_live=closed
    )
    if taken is None:
        return _not_in_hand(submission), None
    shown_at, is_check = taken
    return _insert(submission, seat=seat, shown_at=shown_at), seat.answered(is_check=is_check)


def _not_in_hand(submission: _Submission) -> Recorded | Late:
    """What becomes of an answer to a slot that the rater no longer holds: known already, late, or refused."""
    if (stored := _stored_under(submission.key)) is not None:
        return _again_or_refused(submission, stored=stored)
    slot = Slot.objects.filter(pk=submission.slot_id, rater=submission.rater).first()
    if slot is None or slot.state == SlotState.FREE:
        # A free slot with a rater is a check that an undo put back: hers, but not what she is asked now.
        raise AnswerRefused(AnswerRefusal.NOT_YOURS)
    if (stored := _stored_for(slot)) is not None:
        if not submission.says(stored):
            raise AnswerRefused(AnswerRefusal.ALREADY_ANSWERED)
        return _again(stored)
    return _keep_late(submission, slot=slot)


def _again_or_refused(submission: _Submission, *, stored: Answer | LateAnswer) -> Recorded | Late:
    if not submission.repeats(stored):
        raise AnswerRefused(AnswerRefusal.KEY_REUSED)
    return _again(stored)


def _stored_under(key: UUID) -> Answer | LateAnswer | None:
    return (
        Answer.objects.select_related("mask").filter(idempotency_key=key).first()
        or LateAnswer.objects.select_related("mask").filter(idempotency_key=key).first()
    )


def _stored_for(slot: Slot) -> Answer | LateAnswer | None:
    return (
        Answer.objects.select_related("mask").filter(slot=slot, undone_at__isnull=True).first()
        or LateAnswer.objects.select_related("mask").filter(slot=slot).first()
    )


def _again(stored: Answer | LateAnswer) -> Recorded | Late:
    if isinstance(stored, LateAnswer):
        return Late(late_answer_id=stored.pk, already=True)
    return Recorded(answer_id=stored.pk, already=True)


def _insert(submission: _Submission, *, seat: Seat, shown_at: datetime) -> Recorded:
    answer = Answer.objects.create(
        slot_id=submission.slot_id,
        rater=submission.rater,
        consent_id=seat.consent_id,
        version_id=seat.version_id,
        idempotency_key=submission.key,
        **columns_of(submission.content),
        place=seat.given + 1,
        shown_at=shown_at,
        client_milliseconds=submission.client_milliseconds,
        view=submission.view,
    )
    if submission.content.mask is not None or submission.content.choice:
        Draft.objects.filter(slot_id=submission.slot_id).delete()
    return Recorded(answer_id=answer.pk, already=False)


def _keep_late(submission: _Submission, *, slot: Slot) -> Late:
    late = LateAnswer.objects.create(
        slot=slot,
        rater=submission.rater,
        idempotency_key=submission.key,
        **columns_of(submission.content),
    )
    return Late(late_answer_id=late.pk, already=False)


def _require_undo(seat: Seat) -> None:
    if seat.outcome:
        raise UndoRefused(UndoRefusal.SESSION_ENDED)
    if seat.campaign_state != CampaignState.OPEN:
        raise UndoRefused(UndoRefusal.CAMPAIGN_NOT_OPEN)
    if not seat.can_undo:
        raise UndoRefused(UndoRefusal.NOTHING_TO_UNDO)


def _lease_again(seat: Seat, *, slot_id: int) -> None:
    lease = timedelta(seconds=seat.claimant.lease_seconds)
    answered = Slot.objects.filter(pk=slot_id, rater=seat.claimant.rater_id, state=SlotState.ANSWERED)
    if answered.update(state=SlotState.LEASED, leased_at=Now(), lease_until=Now() + lease) != 1:
        # A researcher reopened the place in between: roll everything back.
        raise UndoRefused(UndoRefusal.NOTHING_TO_UNDO)
