"""The pictures of a rater's task: only of her own live lease, anything else is a 404."""

import logging

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

from annotation.choices import SlotState
from annotation.models import Rater, Slot
from annotation.views import pictures
from annotation.views.rater_outcomes import NO_PICTURE, PICTURE_GONE
from annotation.views.rater_pages import rater_page, show, with_rater

logger = logging.getLogger(__name__)
LARGEST_ID = 2**63 - 1


@rater_page("GET")
@with_rater
def picture(request: HttpRequest, *, rater: Rater, slot_id: int, name: str) -> HttpResponse:
    """One picture of the task as PNG, by its name in `pictures`."""
    slot = _live_slot(rater, slot_id=slot_id)
    if slot is None:
        return show(request, NO_PICTURE)
    try:
        content = pictures.picture(slot.item, name=name, swapped=slot.swapped)
    except pictures.UNREADABLE as fault:
        logger.error("a picture of item %s can't be shown: %s", slot.item_id, fault)
        return show(request, PICTURE_GONE)
    if content is None:
        return show(request, NO_PICTURE)
    return _for_the_lease(png(content), slot)


def png(content: bytes) -> HttpResponse:
    """A PNG that no browser takes for anything else."""
    response = HttpResponse(content, content_type="image/png")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'"
    return response


def _live_slot(rater: Rater, *, slot_id: int) -> Slot | None:
    """The slot if this rater holds it now, with what its pictures need and `remaining` of its lease."""
    if slot_id > LARGEST_ID:
        return None
    return (
        Slot.objects.select_related(*(f"item__{path}" for path in pictures.RELATED))
        .filter(pk=slot_id, rater=rater, state=SlotState.LEASED, lease_until__gt=Now())
        .annotate(remaining=ExpressionWrapper(F("lease_until") - Now(), output_field=DurationField()))
        .first()
    )


def _for_the_lease(response: HttpResponse, slot: Slot) -> HttpResponse:
    response["Cache-Control"] = f"private, max-age={int(slot.remaining.total_seconds())}"  # type: ignore[attr-defined]
    return response
