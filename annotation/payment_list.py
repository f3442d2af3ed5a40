"""The list for whoever pays the raters of a campaign: one line for each who agreed to take part.

The only file with the platforms' ids, for managers and owners alone, and every download is in the history
(docs/trust.md, P12). Nothing here decides: an amount stands only where a person has approved.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from annotation.choices import PaymentVerdict, RaterOutcome
from annotation.models import Campaign, Consent, LateAnswer, PaymentDecision, Rater
from common.csv_stream import Column

UNDECIDED: Final = "undecided"


@dataclass(frozen=True, kw_only=True)
class PaymentLine:
    """One rater. platform_id: empty where it was deleted.  minutes: from entry to the end or the last answer.

    code: that her last page shows, or will show.  amount: None without a pay per rater or a decision.
    """

    platform: str
    platform_id: str
    study_id: str
    session_id: str
    rater: str
    entered_at: datetime
    outcome: str
    code: str
    decision: str
    decision_id: int | None
    decided_at: datetime | None
    reason: str
    minutes: float | None
    answers: int
    amount: Decimal | None
    currency: str


def _column(name: str, meaning: str) -> Column[PaymentLine]:
    return Column(name, meaning, attrgetter(name))


COLUMNS: Final = (
    _column("platform", "Where she came from: prolific, connect, sona, personal or link."),
    _column("platform_id", "What that platform calls her; empty once it was deleted."),
    _column("study_id", "The platform's id of the study, if it gave one."),
    _column("session_id", "The platform's id of her submission, if it gave one."),
    _column("rater", "Pseudonym of the rater in this campaign; joins the other files."),
    _column("entered_at", "When she first came, by the database's clock (UTC)."),
    _column("outcome", "How her visit ended; empty while it goes on or nobody knows."),
    _column("code", "Code that she took along; empty where she got none."),
    _column("decision", "approved or rejected by a person, or undecided."),
    _column("decided_at", "When the decision that holds was made (UTC)."),
    _column("reason", "Its reason, if one was given."),
    _column("minutes", "From entry to the end of her visit, or to her last answer; one decimal."),
    _column("answers", "Her answers that stand, attention checks included, and those that came late."),
    _column("amount", "Pay per rater where she is approved, 0 where rejected; else empty."),
    _column("currency", "Of the amount; empty without a pay per rater."),
)


def payment_lines(campaign: Campaign) -> Iterator[PaymentLine]:
    """A line for each rater who agreed to take part, who came first first."""
    for rater in _raters(campaign).iterator(chunk_size=2_000):
        ended = rater.ended_at or rater.last_answer
        verdict = rater.verdict or UNDECIDED
        yield PaymentLine(
            platform=rater.platform,
            platform_id=rater.platform_id or "",
            study_id=rater.study_id or "",
            session_id=rater.session_id or "",
            rater=rater.pseudonym,
            entered_at=rater.entered_at,
            outcome=rater.outcome,
            code=_code(campaign, outcome=rater.outcome, answers=rater.n_answers),
            decision=verdict,
            decision_id=rater.decision_id,
            decided_at=rater.decided_at,
            reason=rater.reason or "",
            minutes=round((ended - rater.entered_at).total_seconds() / 60, 1) if ended else None,
            answers=rater.n_answers,
            amount=_amount(campaign, verdict=verdict),
            currency=campaign.currency,
        )


def _raters(campaign: Campaign) -> QuerySet[Any]:
    latest = PaymentDecision.objects.standing().filter(rater=OuterRef("pk"))
    late = LateAnswer.objects.filter(rater=OuterRef("pk")).order_by().values("rater")
    stands = Q(answers__undone_at__isnull=True)
    return (
        Rater.objects.filter(Exists(Consent.objects.filter(rater=OuterRef("pk"))), campaign=campaign)
        .annotate(
            platform_id=Subquery(_identity("platform_id")),
            study_id=Subquery(_identity("study_id")),
            session_id=Subquery(_identity("session_id")),
            decision_id=Subquery(latest.values("pk")[:1]),
            verdict=Subquery(latest.values("verdict")[:1]),
            decided_at=Subquery(latest.values("at")[:1]),
            reason=Subquery(latest.values("reason")[:1]),
            last_answer=Max("answers__answered_at", filter=stands),
            n_answers=Count("answers", filter=stands)
            + Coalesce(Subquery(late.annotate(n=Count("pk")).values("n")), 0),
        )
        .order_by("entered_at", "pk")
    )


def _identity(name: str) -> QuerySet[Rater]:
    own: QuerySet[Rater] = Rater.objects.filter(pk=OuterRef("pk")).values(f"identity__{name}")
    return own


def _code(campaign: Campaign, *, outcome: str, answers: int) -> str:
    """As `services.endings.session_end` gives it."""
    if outcome == RaterOutcome.SCREENED_OUT:
        return campaign.screened_out_code
    if outcome == RaterOutcome.DECLINED:
        return campaign.no_consent_code
    return campaign.completion_code if answers else ""


def _amount(campaign: Campaign, *, verdict: str) -> Decimal | None:
    if campaign.pay_per_rater is None or verdict == UNDECIDED:
        return None
    return campaign.pay_per_rater if verdict == PaymentVerdict.APPROVED else Decimal(0)
