"""Places of raters who gave their submission back: free for others before their time is up."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import SlotState
from annotation.models import Campaign, Rater, Slot
from annotation.services import audit, reservations
from annotation.services.locks import lock_rater


def free_places(campaign: Campaign, actor: User | None, *, platform_ids: Collection[str]) -> int:
    """Frees what is held for the raters whom their platform so names; returns of how many raters.

    Places kept for them are free; a task in hand is as if its time were up, so that others may take it over
    and an answer that still comes counts or is kept as late. Nothing is said of their answers or their pay,
    and who comes back after all goes on with what is left. Ids of nobody here are passed over.
    """
    raters = Rater.objects.filter(campaign=campaign, identity__platform_id__in=platform_ids, outcome="")
    freed = sum(_free(rater) for rater in raters.select_related("campaign").order_by("pk"))
    if freed:
        audit.record(campaign, actor=actor, act="free_places", raters=freed)
    return freed


def _free(rater: Rater) -> bool:
    held = Slot.objects.filter(rater=rater)
    with transaction.atomic():
        lock_rater(rater)
        kept = held.filter(state=SlotState.KEPT).exists()
        reservations.release(rater)
        in_hand = held.filter(state=SlotState.LEASED, number__isnull=False, lease_until__gt=Now())
        return bool(in_hand.update(lease_until=Now())) or kept
