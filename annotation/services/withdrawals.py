"""Withdrawing a rater: all that is hers goes, her places are free again, and the history names nobody."""

from dataclasses import asdict, dataclass
from typing import Final

from django.contrib.auth.models import User
from django.contrib.postgres.functions import RandomUUID
from django.db import transaction
from django.db.models import Q, QuerySet

from annotation.choices import SlotState
from annotation.models import (
    Answer,
    AuditEntry,
    Consent,
    Draft,
    LateAnswer,
    Mask,
    PaymentDecision,
    PracticeAnswer,
    Rater,
    Slot,
)
from annotation.services import audit
from annotation.services.locks import lock_rater

# What the database lets an entry about her become; nothing else of it may change.
REDACTED: Final = {"withdrawn": True}


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    """What was deleted or given back. answers: also undone, late and practice ones.  places: now free."""

    answers: int
    masks: int
    places: int


def what_is_hers(rater: Rater) -> Withdrawn:
    """What `withdraw_rater` would delete and give back now."""
    kinds = (Answer, LateAnswer, PracticeAnswer)
    return Withdrawn(
        answers=sum(kind.objects.filter(rater=rater).count() for kind in kinds),
        masks=len(_masks(rater)),
        places=_places(rater).count(),
    )


def withdraw_rater(rater: Rater, actor: User | None) -> Withdrawn:
    """Deletes the rater with her answers, masks, drafts, consents, pay decisions and platform's id, for good.

    Her places are free, so that each item still gets exactly its raters. The history keeps when and by whom
    something was done to her, not to whom nor why. Raises Rater.DoesNotExist where somebody was first.
    """
    with transaction.atomic():
        lock_rater(rater)
        hers = Rater.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=rater.pk)
        found = what_is_hers(hers)
        _delete_what_she_said(hers)
        PaymentDecision.objects.filter(rater=hers).delete()
        AuditEntry.objects.filter(rater=hers).update(rater=None, detail=REDACTED)
        _places(hers).update(
            state=SlotState.FREE, rater=None, leased_at=None, lease_until=None, public_id=RandomUUID()
        )
        Slot.objects.filter(rater=hers).delete()
        Consent.objects.filter(rater=hers).delete()
        hers.delete()
        audit.record(hers.campaign, actor=actor, act="withdraw_rater", **asdict(found))
    return found


def _delete_what_she_said(rater: Rater) -> None:
    masks = _masks(rater)
    for kind in (Answer, LateAnswer, PracticeAnswer):
        kind.objects.filter(rater=rater).delete()
    Mask.objects.filter(pk__in=masks).delete()
    # Not with its slot: that stays, for somebody else.
    Draft.objects.filter(slot__rater=rater).delete()


def _masks(rater: Rater) -> list[int]:
    hers = Q(answer__rater=rater) | Q(lateanswer__rater=rater) | Q(practiceanswer__rater=rater)
    return list(Mask.objects.filter(hers).values_list("pk", flat=True))


def _places(rater: Rater) -> QuerySet[Slot]:
    """Her places among those that items have; what others have taken over is theirs."""
    return Slot.objects.filter(rater=rater, number__isnull=False).exclude(state=SlotState.VOID)
