"""A decision about pay is taken back while somebody approves, and while the list of payments is made."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from annotation.models import AuditEntry, Campaign, PaymentDecision, Rater
from annotation.services import payment_lists, payments
from annotation.services.raters import RaterActRefused
from tests import factories
from tests.annotation.races.together import results_of, together

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 15


@pytest.fixture
def campaign(owner: User) -> Campaign:
    return factories.make_campaign_of(1, owner=owner, raters_per_item=ROUNDS)


def test_approving_and_taking_back_at_once_is_one_after_the_other(owner: User, campaign: Campaign) -> None:
    """Rejected raters; four approve and four take back at once: read in order, the history says each time
    what was taken back, no approval is made over one that stands, and the last act is what holds.

    Control: no `lock_rater` in `approve`.
    """
    for _ in range(ROUNDS):
        rater = factories.make_rater(campaign)
        PaymentDecision.objects.create(
            rater=rater, actor=owner, verdict="rejected", ground="no_answers", reason="nothing came"
        )
        jobs: list[Callable[[], PaymentDecision | None]] = [
            partial(payments.approve, rater, owner), partial(payments.take_back, rater, owner)
        ]  # fmt: skip
        results_of(together(jobs * 4))
        holds = "rejected"
        for entry in AuditEntry.objects.filter(rater=rater).order_by("pk"):
            if entry.act == "approve_payment":
                assert holds != "approved"
                holds = "approved"
            else:
                assert entry.detail["verdict"] == holds
                holds = ""
        last = payments.latest_decision(rater)
        assert (last.verdict if last else "") == holds


def test_an_approval_in_the_midst_of_taking_a_rejection_back_waits_for_it(
    owner: User, campaign: Campaign
) -> None:
    """The approval comes between the look at what holds and the writing: it is made after both, and stands.

    Control: no `lock_rater` in `take_back` (the approval is taken back unseen).
    """
    rater = factories.make_rater(campaign)
    PaymentDecision.objects.create(
        rater=rater, actor=owner, verdict="rejected", ground="no_answers", reason="nothing came"
    )
    midst, approved = threading.Event(), threading.Event()

    def pause(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE"):
            midst.set()
            approved.wait(timeout=1)
        return execute(sql, *rest)

    def back() -> PaymentDecision | None:
        with connection.execute_wrapper(pause):
            return payments.take_back(rater, owner)

    def approve() -> PaymentDecision:
        midst.wait(timeout=60)
        decision = payments.approve(rater, owner)
        approved.set()
        return decision

    gone, stands = results_of(together([back, approve]))
    assert gone is not None
    assert gone.verdict == "rejected"
    assert payments.latest_decision(rater) == stands


def test_no_list_says_approved_of_whom_nothing_is_decided(owner: User, campaign: Campaign) -> None:
    """Lists are made while every approval is taken back: what stands in one as approved stays approved.

    Control: no `lock_payments` in `download`, or none in `take_back`.
    """

    def back(rater: Rater) -> frozenset[str]:
        with suppress(RaterActRefused):
            payments.take_back(rater, owner)
        return frozenset()

    def listed() -> frozenset[str]:
        lines = payment_lists.download(campaign, owner)
        return frozenset(line.rater for line in lines if line.decision == "approved")

    raters = [factories.make_rater(campaign) for _ in range(ROUNDS)]
    for _ in range(ROUNDS):
        for rater in raters:
            payments.approve(rater, owner)
        jobs: list[Callable[[], frozenset[str]]] = [partial(back, rater) for rater in raters]
        jobs.insert(ROUNDS // 2, listed)
        said = frozenset[str]().union(*results_of(together(jobs)))
        stands = PaymentDecision.objects.standing().values_list("rater__pseudonym", flat=True)
        assert said <= set(stands)
        PaymentDecision.objects.all().delete()
