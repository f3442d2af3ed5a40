"""Handing the list of payments out: never without an entry in the history."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from annotation.models import Campaign
from annotation.payment_list import PaymentLine, payment_lines
from annotation.services import audit


@transaction.atomic
def download(campaign: Campaign, actor: User) -> Sequence[PaymentLine]:
    """The list as it stands; the history says who took it, and of how many raters and ids."""
    lines = list(payment_lines(campaign))
    ids = sum(bool(line.platform_id) for line in lines)
    audit.record(campaign, actor=actor, act="download_payments", raters=len(lines), ids=ids)
    return lines
