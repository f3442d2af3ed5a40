"""A campaign's budget in money: nobody new is let in whose pay it would not cover.

A place costs its rater's pay from her consent on, until it is settled that she gets none: she ended without
an answer, did not qualify, or was rejected by a person. Who is gone without a word may come back, so her
place goes on costing. Counted under a lock of the campaign, in the transaction of the consent: never beyond.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from annotation.choices import CampaignState, PaymentVerdict, RaterOutcome
from annotation.models import Answer, Campaign, Consent, LateAnswer, PaymentDecision, Rater
from annotation.services import audit
from annotation.services.locks import lock_budget

# Ends after which nothing is paid where nothing was answered.
ENDED: Final = (RaterOutcome.STOPPED, RaterOutcome.COMPLETED, RaterOutcome.REVOKED)


class BudgetRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The budget is as it was; the message says which amounts are possible."""


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Where the money stands. places: raters who cost.  budget: None without a limit."""

    places: int
    pay: Decimal
    budget: Decimal | None

    @property
    def spent(self) -> Decimal:
        """What the places taken come to."""
        return self.places * self.pay

    @property
    def left(self) -> int | None:
        """Raters whom the rest would pay; None without a limit."""
        if self.budget is None:
            return None
        return max(0, int((self.budget - self.spent) // self.pay))

    @property
    def is_reached(self) -> bool:
        """Whether nobody new is let in."""
        return self.left == 0


def spending(campaign: Campaign) -> Spending | None:
    """Where the campaign's money stands now; None without a pay per rater."""
    if campaign.pay_per_rater is None:
        return None
    return Spending(
        places=costing(campaign).count(), pay=campaign.pay_per_rater, budget=campaign.budget
    )  # fmt: skip


def covers_another(campaign: Campaign) -> bool:
    """Whether the budget, as it stands, pays one rater more; always without a budget."""
    if campaign.budget is None:
        return True
    found = spending(campaign)
    return found is None or not found.is_reached


def covers_another_locked(campaign: Campaign) -> bool:
    """The same for good: nobody else is let in until the transaction ends. Call under the rater's lock."""
    if campaign.budget is None:
        return True
    lock_budget(campaign.pk)
    return covers_another(Campaign.objects.get(pk=campaign.pk))


def set_budget(campaign: Campaign, actor: User | None, *, budget: Decimal | None) -> Campaign:
    """Another limit, or none, while the campaign is open or paused; in a draft it is edited.

    Raises BudgetRefused for a campaign without a pay per rater, in another state, and for less than what its
    places come to already.
    """
    with transaction.atomic():
        lock_budget(campaign.pk)
        locked: Campaign = Campaign.objects.select_for_update().get(pk=campaign.pk)
        if locked.state not in (CampaignState.OPEN, CampaignState.PAUSED):
            raise BudgetRefused(
                "The budget is changed while a campaign is open or paused; that of a draft in the draft."
            )
        found = spending(locked)
        if found is None:
            raise BudgetRefused("The campaign has no pay per rater, so that no budget can be kept.")
        if budget is not None and budget < max(found.spent, found.pay):
            raise BudgetRefused(
                f"{found.places} places are taken at {found.pay} {locked.currency}. Give at least "
                f"{max(found.spent, found.pay)}, or nothing for no limit."
            )
        before = locked.budget
        if budget != before:
            Campaign.objects.filter(pk=locked.pk).update(budget=budget)
            audit.record(locked, actor=actor, act="set_budget", budget=[_text(before), _text(budget)])
    locked.refresh_from_db()
    return locked


def costing(campaign: Campaign) -> QuerySet[Rater]:
    """The raters whose places cost: see the module."""
    latest = PaymentDecision.objects.standing().filter(rater=OuterRef("pk")).values("verdict")[:1]
    answered = Exists(Answer.objects.filter(rater=OuterRef("pk"), undone_at__isnull=True)) | Exists(
        LateAnswer.objects.filter(rater=OuterRef("pk"))
    )
    agreed = Rater.objects.filter(Exists(Consent.objects.filter(rater=OuterRef("pk"))), campaign=campaign)
    return (
        agreed.exclude(outcome=RaterOutcome.SCREENED_OUT)
        .exclude(~answered, outcome__in=ENDED)
        .annotate(verdict=Subquery(latest))
        # Without a decision it is null, which is neither equal nor unequal to anything.
        .filter(Q(verdict__isnull=True) | Q(verdict=PaymentVerdict.APPROVED.value))
    )


def _text(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}"
