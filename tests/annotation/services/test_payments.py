"""Deciding about pay: by a person, on grounds that the stored evidence supports, once, and in the history."""

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError

from annotation import review_queue
from annotation.choices import PaymentVerdict, RejectionGround, SlotState
from annotation.models import AuditEntry, Campaign, PaymentDecision, Rater, Slot
from annotation.services import campaigns, entry, payments
from annotation.services.raters import RaterActRefused
from tests import factories

pytestmark = pytest.mark.django_db
FAILED = RejectionGround.FAILED_CHECKS


@pytest.fixture
def campaign(owner: User) -> Campaign:
    """Four items and two checks, each answer expected to take five seconds: half a minute."""
    return factories.make_campaign_of(4, checks=2, checks_per_rater=2, owner=owner, seconds_per_item=5)


@pytest.fixture
def careless(campaign: Campaign) -> Rater:
    """She gave every item a score, the checks too."""
    rater = factories.make_rater(campaign)
    factories.rate_all(rater, "4")
    rater.refresh_from_db()
    return rater


def test_an_approval_is_stored_with_its_person_and_once(owner: User, careless: Rater) -> None:
    first = payments.approve(careless, owner, reason=" worked well ")
    assert (first.verdict, first.actor, first.reason) == ("approved", owner, "worked well")
    assert payments.approve(careless, owner) == first
    assert AuditEntry.objects.filter(act="approve_payment", rater=careless).count() == 1


def test_a_rejection_leaves_the_answers_in_the_analysis(owner: User, careless: Rater) -> None:
    payments.reject(careless, owner, ground=FAILED, reason="both checks wrong")
    careless.refresh_from_db()
    assert careless.excluded_at is None
    assert not Slot.objects.filter(state=SlotState.VOID).exists()
    detail = AuditEntry.objects.get(act="reject_payment").detail
    assert detail == {"ground": "failed_checks", "reason": "both checks wrong"}


def test_reject_and_republish_does_all_three_at_once(
    owner: User, campaign: Campaign, careless: Rater
) -> None:
    payments.reject_and_republish(careless, owner, ground=FAILED, reason="both checks wrong")
    careless.refresh_from_db()
    assert careless.exclusion_reason == "both checks wrong"
    numbered = Slot.objects.filter(campaign=campaign, number__isnull=False)
    assert numbered.filter(state=SlotState.VOID, rater=careless).count() == 4
    assert numbered.exclude(state=SlotState.VOID).count() == 12
    acts = set(AuditEntry.objects.filter(rater=careless).values_list("act", flat=True))
    assert acts == {"reject_payment", "exclude_rater", "reopen_places"}


def test_reject_and_republish_in_a_closed_campaign_changes_nothing(
    owner: User, campaign: Campaign, careless: Rater
) -> None:
    """Control: let `reject_and_republish` work without its transaction: the decision stays behind."""
    campaigns.close(campaign, owner)
    with pytest.raises(RaterActRefused, match="takes no more answers"):
        payments.reject_and_republish(careless, owner, ground=FAILED, reason="both checks wrong")
    careless.refresh_from_db()
    assert careless.excluded_at is None
    assert not PaymentDecision.objects.exists()
    assert not AuditEntry.objects.filter(rater=careless).exists()


def test_a_ground_that_the_evidence_does_not_support_is_refused(owner: User, campaign: Campaign) -> None:
    """Control: let `_reject` skip the question after the grounds."""
    careful = factories.make_rater(campaign)
    factories.rate_all(careful, "word_too_abstract")
    for ground in (*RejectionGround.values, "too_quick"):
        with pytest.raises(RaterActRefused, match="does not support"):
            payments.reject(careful, owner, ground=ground, reason="I don't like it")
    assert not PaymentDecision.objects.exists()


def test_in_a_study_of_five_minutes_one_failed_check_offers_exclusion_not_rejection(owner: User) -> None:
    campaign = factories.make_campaign_of(9, checks=1, checks_per_rater=1, owner=owner, seconds_per_item=30)
    rater = factories.make_rater(campaign)
    factories.rate_all(rater, "4")
    rater.refresh_from_db()
    assert review_queue.minutes_expected(campaign) == 5
    assert payments.grounds_for_rejection(rater) == ()


def test_approving_overturns_a_rejection_and_not_the_other_way(owner: User, careless: Rater) -> None:
    payments.reject(careless, owner, ground=FAILED, reason="both checks wrong")
    payments.approve(careless, owner, reason="she explained")
    last = payments.latest_decision(careless)
    assert last is not None
    assert last.verdict == PaymentVerdict.APPROVED
    with pytest.raises(RaterActRefused, match="Take that decision back first"):
        payments.reject(careless, owner, ground=FAILED, reason="changed my mind")


def test_a_visit_that_goes_on_can_be_approved_and_not_rejected(owner: User, campaign: Campaign) -> None:
    rater = factories.make_rater(campaign)
    with pytest.raises(RaterActRefused, match="has not ended"):
        payments.reject(rater, owner, ground=RejectionGround.NO_ANSWERS, reason="nothing came")
    assert payments.approve(rater, owner).verdict == PaymentVerdict.APPROVED


def test_who_never_agreed_has_nothing_to_be_paid_for(owner: User, campaign: Campaign) -> None:
    visitor = entry.enter(campaign, factories.identity())
    entry.decline_consent(visitor)
    with pytest.raises(RaterActRefused, match="never agreed"):
        payments.approve(visitor, owner)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301, "a\0b"])
def test_a_rejection_needs_a_reason_that_can_be_kept(owner: User, careless: Rater, reason: str) -> None:
    with pytest.raises(RaterActRefused, match="reason"):
        payments.reject(careless, owner, ground=FAILED, reason=reason)


@pytest.mark.parametrize(
    "broken",
    [{"actor": None}, {"ground": ""}, {"reason": ""}, {"ground": "too_quick"}],
    ids=["by nobody", "no ground", "no reason", "unknown ground"],
)
def test_the_database_refuses_a_rejection_by_nobody_or_without_ground(
    owner: User, careless: Rater, broken: dict[str, str | None]
) -> None:
    """Control: drop the constraint, or let the actor be null."""
    values = {"verdict": "rejected", "ground": FAILED, "reason": "both wrong", "actor": owner}
    with pytest.raises(IntegrityError):
        PaymentDecision.objects.create(rater=careless, **(values | broken))


def test_the_queue_holds_who_has_ended_until_a_decision(
    owner: User, campaign: Campaign, careless: Rater
) -> None:
    here, away = factories.make_rater(campaign), entry.enter(campaign, factories.identity())
    entry.decline_consent(away)
    assert review_queue.counts(campaign) == {"waiting": 1, "under_way": 1, "approved": 0, "rejected": 0}
    payments.reject(careless, owner, ground=FAILED, reason="both checks wrong")
    payments.approve(here, owner)
    assert review_queue.counts(campaign) == {"waiting": 0, "under_way": 0, "approved": 1, "rejected": 1}
