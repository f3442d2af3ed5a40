"""Taking a decision about pay back: nothing is decided then, unless the money may be on its way."""

from decimal import Decimal
from importlib import import_module

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.db.models.functions import Now

from annotation import review_queue
from annotation.choices import RejectionGround
from annotation.models import AuditEntry, Campaign, PaymentDecision, Rater
from annotation.payment_list import payment_lines
from annotation.services import budgets, payment_lists, payments
from annotation.services.raters import RaterActRefused
from tests import factories

pytestmark = pytest.mark.django_db
FAILED = RejectionGround.FAILED_CHECKS


@pytest.fixture
def campaign(owner: User) -> Campaign:
    return factories.make_campaign_of(
        4, checks=2, checks_per_rater=2, owner=owner, seconds_per_item=5,
        pay_per_rater=Decimal("1.50"), budget=Decimal(15), currency="USD",
    )  # fmt: skip


@pytest.fixture
def careless(campaign: Campaign) -> Rater:
    rater = factories.make_rater(campaign)
    factories.rate_all(rater, "4")
    rater.refresh_from_db()
    return rater


def line(campaign: Campaign) -> tuple[str, Decimal | None, str]:
    """What the list of payments says about the campaign's one rater."""
    [found] = payment_lines(campaign)
    return found.decision, found.amount, found.reason


def test_an_approval_taken_back_is_decided_nowhere_and_both_are_in_the_history(
    owner: User, campaign: Campaign, careless: Rater
) -> None:
    """Control: read the latest row without `standing`, in any of the five places."""
    approval = payments.approve(careless, owner, reason="worked well")
    assert payments.take_back(careless, owner, reason=" the wrong rater ") == approval
    assert payments.latest_decision(careless) is None
    assert review_queue.counts(campaign)["waiting"] == 1
    [row] = review_queue.review_rows(campaign, raters=[careless])
    assert row.decision is None
    assert line(campaign) == ("undecided", None, "")
    assert PaymentDecision.objects.get().taken_back_at is not None
    entry = AuditEntry.objects.get(act="take_back_payment")
    assert (entry.actor, entry.rater) == (owner, careless)
    assert entry.detail == {"decision": approval.pk, "verdict": "approved", "reason": "the wrong rater"}


def test_a_rejection_taken_back_costs_its_place_again(
    owner: User, campaign: Campaign, careless: Rater
) -> None:
    """Control: read the latest row without `standing` in `costing`."""
    payments.reject(careless, owner, ground=FAILED, reason="both checks wrong")
    assert budgets.costing(campaign).count() == 0
    payments.take_back(careless, owner)
    assert budgets.costing(campaign).count() == 1
    assert payments.reject(careless, owner, ground=FAILED, reason="after all").reason == "after all"


def test_a_rejection_that_an_approval_overturned_does_not_come_back(owner: User, careless: Rater) -> None:
    """Control: take the latest decision back alone."""
    payments.reject(careless, owner, ground=FAILED, reason="both checks wrong")
    payments.approve(careless, owner)
    payments.take_back(careless, owner)
    assert payments.latest_decision(careless) is None


def test_taking_back_twice_changes_nothing_more(owner: User, careless: Rater) -> None:
    payments.approve(careless, owner)
    payments.take_back(careless, owner)
    assert payments.take_back(careless, owner) is None
    assert AuditEntry.objects.filter(act="take_back_payment").count() == 1


def test_an_approval_in_a_list_of_payments_stands_and_a_rejection_in_it_does_not(
    owner: User, campaign: Campaign, careless: Rater
) -> None:
    """Control: leave `hand_out` out of `download`."""
    payments.reject(careless, owner, ground=FAILED, reason="both checks wrong")
    payment_lists.download(campaign, owner)
    payments.take_back(careless, owner)
    payments.approve(careless, owner)
    payment_lists.download(campaign, owner)
    with pytest.raises(RaterActRefused, match="handed out for payment on 20"):
        payments.take_back(careless, owner)
    assert line(campaign)[:2] == ("approved", Decimal("1.50"))


def test_the_answers_and_the_exclusion_stay_as_they_are(owner: User, careless: Rater) -> None:
    payments.reject_and_republish(careless, owner, ground=FAILED, reason="both checks wrong")
    payments.take_back(careless, owner)
    careless.refresh_from_db()
    assert careless.exclusion_reason == "both checks wrong"


@pytest.mark.parametrize(
    ("verdict", "taken_back_at"), [("rejected", None), ("approved", Now())], ids=["rejected", "taken back"]
)
def test_the_database_refuses_what_was_handed_out_and_is_no_standing_approval(
    owner: User, careless: Rater, verdict: str, taken_back_at: Now | None
) -> None:
    """Control: drop the constraint."""
    why = {"ground": FAILED, "reason": "both wrong"} if verdict == "rejected" else {}
    with pytest.raises(IntegrityError, match="payment_handed_out_is_an_approval_that_stands"):
        PaymentDecision.objects.create(
            rater=careless, verdict=verdict, actor=owner,
            handed_out_at=Now(), taken_back_at=taken_back_at, **why,
        )  # fmt: skip


def test_an_upgrade_counts_as_handed_out_what_a_list_or_prolific_had_got_before(
    owner: User, campaign: Campaign, careless: Rater
) -> None:
    """By the history, which says when and not whom: approvals from before such an act, of no other campaign.

    Control: leave out `entry.at >= decision.at`, or the campaign.
    """
    elsewhere = factories.make_rater(factories.make_campaign_of(2, owner=owner))
    before, other = payments.approve(careless, owner), payments.approve(elsewhere, owner)
    payment_lists.download(campaign, owner)
    after = payments.approve(factories.make_rater(campaign), owner)
    PaymentDecision.objects.update(handed_out_at=None)
    with connection.cursor() as cursor:
        cursor.execute(import_module("annotation.migrations.0025_pay_taken_back").HANDED_OUT)
    left = dict(PaymentDecision.objects.values_list("pk", "handed_out_at"))
    taken = AuditEntry.objects.get(act="download_payments").at
    assert left == {before.pk: taken, other.pk: None, after.pk: None}
