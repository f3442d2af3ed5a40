"""Handing out who is to be paid: never without an entry in the history, and from then on it stands."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import PaymentVerdict
from annotation.models import Campaign, PaymentDecision
from annotation.payment_list import PaymentLine, payment_lines
from annotation.services import audit
from annotation.services.locks import lock_payments


@transaction.atomic
def download(campaign: Campaign, actor: User) -> Sequence[PaymentLine]:
    """The list as it stands; the history says who took it, and of how many raters and ids.

    What it says is approved can't be taken back from then on.
    """
    lock_payments(campaign.pk)
    lines = list(payment_lines(campaign))
    ids = sum(bool(line.platform_id) for line in lines)
    audit.record(campaign, actor=actor, act="download_payments", raters=len(lines), ids=ids)
    hand_out(line.decision_id for line in lines if line.decision == PaymentVerdict.APPROVED)
    return lines


def hand_out(approvals: Iterable[int | None]) -> dict[int, datetime | None]:
    """These approvals leave the house now; returns when, of those that had not before.

    Call under `lock_payments`.
    """
    chosen = PaymentDecision.objects.filter(pk__in=list(approvals))
    first = list(chosen.filter(handed_out_at__isnull=True).values_list("pk", flat=True))
    chosen.update(handed_out_at=Now())
    return dict(chosen.filter(pk__in=first).values_list("pk", "handed_out_at"))


def never_left(handed_out: Mapping[int, datetime | None]) -> None:
    """What `hand_out` gave did not arrive after all, so it can be taken back; unless it left again since."""
    for decision, at in handed_out.items():
        PaymentDecision.objects.filter(pk=decision, handed_out_at=at).update(handed_out_at=None)
