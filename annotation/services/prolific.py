"""What a person decided here, done on Prolific. Prolific's own state says what is still to be done.

Stored are the audit entry, which counts and names nobody, and that an approval was sent, so that it can't be
taken back any more. A participant whose submission is not awaiting review any more is left alone, so the same
act twice does nothing twice.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now

from annotation import prolific
from annotation.choices import CampaignState, PaymentVerdict, Platform, SlotState
from annotation.models import Campaign, PaymentDecision, RaterIdentity, Slot
from annotation.prolific import ProlificRefused, ProlificStudy
from annotation.services import audit, returns
from annotation.services.locks import lock_payments
from annotation.services.payment_lists import hand_out, never_left

logger = logging.getLogger(__name__)

ASK_EVERY_SECONDS: Final = 120
MOST_BONUS: Final = Decimal(500)


def studies(campaign: Campaign) -> list[ProlificStudy]:
    """The Prolific studies that the campaign's raters came from. Raises ProlificRefused."""
    return [prolific.study(study) for study in study_ids(campaign)]


def study_ids(campaign: Campaign) -> list[str]:
    """Their ids, those with most raters first."""
    counts = Counter(_identities(campaign).exclude(study_id="").values_list("study_id", flat=True))
    return [study for study, _ in counts.most_common(20)]


def add_places(campaign: Campaign, actor: User, *, study_id: str, places: int) -> ProlificStudy:
    """The study has so many places in all from now on; never fewer. Raises ProlificRefused."""
    now = prolific.study(_own(campaign, study_id))
    if places <= now.places:
        raise ProlificRefused(f"The study has {now.places} places already. Give a larger number.")
    prolific.set_places(study_id, places=places)
    audit.record(campaign, actor=actor, act="prolific_places", places=[now.places, places])
    return prolific.study(study_id)


def approve_decided(campaign: Campaign, actor: User) -> int:
    """Approves on Prolific whoever was approved here and still awaits review there; returns how many.

    Raises ProlificRefused; studies that were done before it stay done, and a second try goes on from there.
    """
    approved = 0
    for study_id in study_ids(campaign):
        waiting = {
            submission.participant
            for submission in prolific.submissions(study_id)
            if submission.status == prolific.AWAITING
        }
        if chosen := _approve(campaign, study_id, waiting=waiting):
            audit.record(campaign, actor=actor, act="prolific_approve", raters=len(chosen))
            approved += len(chosen)
    return approved


def free_returned(campaign: Campaign, actor: User | None) -> int:
    """Frees the places of raters who returned their submission or let it run out; returns of how many.

    Raises ProlificRefused. Prolific says how it stands now, so neither order nor repetition matters.
    """
    freed = 0
    for study_id in study_ids(campaign):
        gone = {row.participant for row in prolific.submissions(study_id) if row.status in prolific.GONE}
        freed += returns.free_places(campaign, actor, platform_ids=gone)
    return freed


def free_returned_everywhere() -> int:
    """The same for every open campaign in which a rater from Prolific holds a place. Raises nothing."""
    if not prolific.is_set_up():
        return 0
    held = Slot.objects.filter(
        Q(state=SlotState.KEPT) | Q(state=SlotState.LEASED, lease_until__gt=Now()),
        rater__platform=Platform.PROLIFIC,
        rater__simulated=False,
    )
    freed = 0
    for campaign in Campaign.objects.filter(state=CampaignState.OPEN, pk__in=held.values("campaign")):
        try:
            freed += free_returned(campaign, None)
        except ProlificRefused as refused:
            logger.warning("Returned submissions of campaign %s: %s", campaign.public_id, refused)
    return freed


def pay_bonuses(campaign: Campaign, actor: User, *, amounts: Mapping[str, Decimal]) -> int:
    """Pays bonuses by pseudonym; returns to how many. Raises ProlificRefused before anything is paid where
    somebody is not a Prolific rater of the campaign, or her id is deleted already.
    """
    found = {
        pseudonym: (study_id, platform_id)
        for pseudonym, study_id, platform_id in _identities(campaign)
        .filter(rater__pseudonym__in=amounts)
        .values_list("rater__pseudonym", "study_id", "platform_id")
    }
    if missing := [pseudonym for pseudonym in amounts if pseudonym not in found]:
        raise ProlificRefused(
            f"{missing[0]} is no rater from Prolific of this campaign, or the platform's id is deleted. "
            "Nobody was paid."
        )
    by_study: dict[str, dict[str, Decimal]] = {}
    for pseudonym, amount in amounts.items():
        study_id, platform_id = found[pseudonym]
        by_study.setdefault(study_id, {})[platform_id] = amount
    for study_id, of_study in by_study.items():
        prolific.pay_bonuses(study_id, amounts=of_study)
        audit.record(
            campaign, actor=actor, act="prolific_bonus", raters=len(of_study),
            amount=str(sum(of_study.values(), Decimal(0))),
        )  # fmt: skip
    return len(amounts)


def _approve(campaign: Campaign, study_id: str, *, waiting: set[str]) -> Sequence[str]:
    """Approves there whom a person approved here; returns their ids.

    The approvals count as handed out before Prolific is asked: nobody takes one back while it is on its way.
    They can be taken back again only where Prolific said itself that it did nothing. Raises ProlificRefused.
    """
    with transaction.atomic():
        lock_payments(campaign.pk)
        decided = _identities(campaign, approved=True).filter(study_id=study_id, platform_id__in=waiting)
        decisions = dict(decided.values_list("platform_id", "decision"))
        first = hand_out(decisions.values())
    if decisions:
        try:
            prolific.approve(study_id, participants=sorted(decisions))
        except ProlificRefused as refusal:
            if refusal.nothing_was_done:
                never_left(first)
            raise
    return sorted(decisions)


def _own(campaign: Campaign, study_id: str) -> str:
    if study_id not in study_ids(campaign):
        raise ProlificRefused("No rater of this campaign came from that study.")
    return study_id


def _identities(campaign: Campaign, *, approved: bool = False) -> QuerySet[Any]:
    found = RaterIdentity.objects.filter(
        rater__campaign=campaign, rater__platform=Platform.PROLIFIC, rater__simulated=False
    )
    if not approved:
        return found
    latest = PaymentDecision.objects.standing().filter(rater=OuterRef("rater"))
    return found.annotate(
        verdict=Subquery(latest.values("verdict")[:1]), decision=Subquery(latest.values("pk")[:1])
    ).filter(verdict=PaymentVerdict.APPROVED)
