"""Deciding about pay: approve, reject, reject and republish, take back. By a person, and in the history."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation import payment_rules, queries, review_queue
from annotation.choices import PaymentVerdict, RejectionGround
from annotation.models import PaymentDecision, Rater
from annotation.services import audit, raters
from annotation.services.locks import lock_payments, lock_rater
from annotation.services.raters import LONGEST_REASON, RaterActRefused


def grounds_for_rejection(rater: Rater) -> tuple[RejectionGround, ...]:
    """What a rejection of this rater could rest on, by what is stored now; often nothing."""
    row = queries.rater_row(rater)
    minutes = review_queue.minutes_expected(rater.campaign)
    return payment_rules.supported_grounds(review_queue.evidence(row, minutes=minutes))


def latest_decision(rater: Rater) -> PaymentDecision | None:
    """The decision that holds, or None before there is one."""
    return PaymentDecision.objects.standing().filter(rater=rater).first()


def approve(rater: Rater, actor: User, *, reason: str = "", may_overturn: bool = True) -> PaymentDecision:
    """The rater is to be paid; also after a rejection, which it overturns. Approving again changes nothing.

    may_overturn: False where the caller saw no rejection, and means none.
    Raises RaterActRefused for a rejection then, and for somebody who never agreed to take part. A visit need
    not have ended: who went away without a word may have worked.
    """
    text = _text(reason, needed=False)
    with transaction.atomic():
        lock_rater(rater)
        fresh = _consenting(rater)
        last = latest_decision(fresh)
        if last is not None and last.verdict == PaymentVerdict.APPROVED:
            return last
        if last is not None and not may_overturn:
            raise RaterActRefused("This rater was rejected. To overturn that, approve the rater alone.")
        decision = PaymentDecision.objects.create(
            rater=fresh, verdict=PaymentVerdict.APPROVED, reason=text, actor=actor
        )
        overturned = {"overturns": last.pk} if last else {}
        audit.record(
            fresh.campaign, actor=actor, act="approve_payment", rater=fresh, reason=text, **overturned
        )
    return decision


def reject(rater: Rater, actor: User, *, ground: str, reason: str) -> PaymentDecision:
    """The rater is not to be paid. The answers stay as they are: whether they count is another question.

    Raises RaterActRefused unless the evidence supports the ground, for a decision that was made already, and
    for a reason that is empty or too long.
    """
    with transaction.atomic():
        lock_rater(rater)
        return _reject(rater, actor, ground=ground, reason=_text(reason, needed=True))


def reject_and_republish(rater: Rater, actor: User, *, ground: str, reason: str) -> PaymentDecision:
    """Rejects, leaves the answers out of the analysis and gives the places to others, all of it or nothing.

    Raises RaterActRefused as `reject` and `raters.reopen_places` do; then nothing at all has changed.
    """
    text = _text(reason, needed=True)
    with transaction.atomic():
        lock_rater(rater)
        decision = _reject(rater, actor, ground=ground, reason=text)
        raters.exclude(rater, actor, text)
        raters.reopen_places(rater, actor)
    return decision


def take_back(
    rater: Rater, actor: User, *, reason: str = "", decision_id: int | None = None
) -> PaymentDecision | None:
    """Nothing is decided about her pay any more; returns the decision that held, None where there was none.

    A rejection that an approval had overturned does not come back. Answers, exclusion and places stay.
    decision_id: which one is meant, where the caller saw one.  Raises RaterActRefused for an approval that
    a list of payments or Prolific has got already, and where another decision holds than was meant.
    """
    text = _text(reason, needed=False)
    with transaction.atomic():
        lock_rater(rater)
        lock_payments(rater.campaign_id)
        last = latest_decision(rater)
        if last is None:
            return None
        if decision_id not in (None, last.pk):
            raise RaterActRefused("Somebody has decided anew meanwhile. Look at it before you take it back.")
        if last.handed_out_at is not None:
            raise RaterActRefused(
                f"This approval was handed out for payment on {last.handed_out_at:%Y-%m-%d}, in a list of "
                "payments or to Prolific, so it stands: the money may be on its way."
            )
        PaymentDecision.objects.standing().filter(rater=rater).update(taken_back_at=Now())
        audit.record(
            rater.campaign, actor=actor, act="take_back_payment", rater=rater,
            decision=last.pk, verdict=last.verdict, reason=text,
        )  # fmt: skip
    return last


def _reject(rater: Rater, actor: User, *, ground: str, reason: str) -> PaymentDecision:
    fresh = _consenting(rater)
    if not fresh.outcome:
        raise RaterActRefused("The rater's visit has not ended. Approve it, or decide when it has.")
    if (last := latest_decision(fresh)) is not None:
        raise RaterActRefused(
            f"This rater was {last.get_verdict_display().lower()} on {last.at:%Y-%m-%d}. Take that decision "
            "back first; an approval that was handed out for payment stands: the money may be on its way."
        )
    if ground not in grounds_for_rejection(fresh):
        label = dict(RejectionGround.choices).get(ground, ground)
        raise RaterActRefused(
            f"What is stored does not support “{label}”. Leave the answers out of the analysis instead: that "
            "needs no ground against the rater."
        )
    decision = PaymentDecision.objects.create(
        rater=fresh, verdict=PaymentVerdict.REJECTED, ground=ground, reason=reason, actor=actor
    )
    audit.record(fresh.campaign, actor=actor, act="reject_payment", rater=fresh, ground=ground, reason=reason)
    return decision


def _consenting(rater: Rater) -> Rater:
    fresh = Rater.objects.select_related("campaign").get(pk=rater.pk)
    if not fresh.consents.exists():
        raise RaterActRefused("This rater never agreed to take part, so there is nothing to pay.")
    return fresh


def _text(reason: str, *, needed: bool) -> str:
    text = reason.strip()
    if (needed and not text) or len(text) > LONGEST_REASON or "\0" in text:
        raise RaterActRefused(
            f"Give a reason of 1 to {LONGEST_REASON} characters; it is kept with the decision."
        )
    return text
