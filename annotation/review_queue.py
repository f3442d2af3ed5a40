"""The review queue: whose work waits for a decision about pay, with the evidence for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from annotation import payment_rules, queries
from annotation.choices import ItemKind, PaymentVerdict, RejectionGround
from annotation.effort import ratings_per_rater_at_most
from annotation.models import Campaign, Consent, PaymentDecision, Rater
from annotation.payment_rules import PaymentEvidence
from annotation.queries import RaterRow

WAITING: Final = "waiting"
UNDER_WAY: Final = "under_way"
SHELVES: Final = {
    WAITING: "To decide",
    UNDER_WAY: "Under way or gone",
    PaymentVerdict.APPROVED.value: "Approved",
    PaymentVerdict.REJECTED.value: "Rejected",
}


@dataclass(frozen=True, kw_only=True)
class ReviewRow:
    """One rater of the queue. decision: the one that holds.  grounds: what a rejection could rest on."""

    row: RaterRow
    decision: PaymentDecision | None
    grounds: tuple[RejectionGround, ...]

    @property
    def is_unremarkable(self) -> bool:
        """Whether nothing speaks against paying without a closer look."""
        return not self.grounds and not self.row.failed_checks


def shelf(campaign: Campaign, *, name: str) -> QuerySet[Rater]:
    """Raters of one shelf, who came first first. name: a key of SHELVES.

    Who never agreed to take part is on none: there is nothing to pay.
    """
    latest = PaymentDecision.objects.standing().filter(rater=OuterRef("pk")).values("verdict")[:1]
    raters = (
        Rater.objects.filter(Exists(Consent.objects.filter(rater=OuterRef("pk"))), campaign=campaign)
        .annotate(verdict=Subquery(latest))
        .order_by("entered_at", "pk")
    )
    if name == WAITING:
        return raters.filter(verdict=None).exclude(outcome="")
    if name == UNDER_WAY:
        return raters.filter(verdict=None, outcome="")
    return raters.filter(verdict=name)


def counts(campaign: Campaign) -> dict[str, int]:
    """How many raters lie on each shelf."""
    return {name: shelf(campaign, name=name).count() for name in SHELVES}


def review_rows(campaign: Campaign, *, raters: Sequence[Rater]) -> list[ReviewRow]:
    """The rows of these raters, in their order."""
    decisions = PaymentDecision.objects.standing().filter(rater__in=[rater.pk for rater in raters])
    latest = {decision.rater_id: decision for decision in decisions.select_related("actor").order_by("pk")}
    minutes = minutes_expected(campaign)
    return [
        ReviewRow(
            row=row,
            decision=latest.get(rater.pk),
            grounds=payment_rules.supported_grounds(evidence(row, minutes=minutes)),
        )
        for rater, row in zip(raters, queries.rater_rows(campaign, raters=raters), strict=True)
    ]


def evidence(row: RaterRow, *, minutes: float) -> PaymentEvidence:
    """A rater's row as the rules about pay want it."""
    return PaymentEvidence(
        outcome=row.outcome,
        answers_given=row.answers + row.checks_served + row.late,
        checks_wrong=row.checks_wrong,
        minutes_expected=minutes,
    )


def minutes_expected(campaign: Campaign) -> float:
    """Length of a whole session, as raters are told before they agree."""
    most = ratings_per_rater_at_most(
        items=campaign.items.filter(kind=ItemKind.RATING).count(),
        raters_per_item=campaign.raters_per_item,
        share_cap=campaign.share_cap,
        items_per_rater=campaign.items_per_rater,
    )
    return (most + campaign.checks_in_session) * campaign.seconds_per_item / 60
