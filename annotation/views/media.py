"""The pictures of a rater's task and of her very next one: of her own lease or place, all else is a 404."""

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import DurationField, ExpressionWrapper, Q
from django.db.models.functions import Coalesce, Now
from django.http import HttpRequest, HttpResponse

from annotation.choices import SlotState
from annotation.models import Rater, Slot
from annotation.views import pictures
from annotation.views.rater_outcomes import NO_PICTURE, PICTURE_GONE
from annotation.views.rater_pages import rater_page, show, with_rater

logger = logging.getLogger(__name__)
SHORT: Final = timedelta(minutes=1)


@rater_page("GET")
@with_rater
def picture(request: HttpRequest, *, rater: Rater, slot: UUID, name: str) -> HttpResponse:
    """One picture of the task as PNG, by its name in `pictures`."""
    shown = _shown_slot(rater, public_id=slot)
    if shown is None:
        return show(request, NO_PICTURE)
    try:
        content = pictures.picture(shown.item, name=name, swapped=shown.swapped)
    except pictures.UNREADABLE as fault:
        logger.error("a picture of item %s can't be shown: %s", shown.item_id, fault)
        return show(request, PICTURE_GONE)
    if content is None:
        return show(request, NO_PICTURE)
    return _for_the_lease(png(content), shown)


def png(content: bytes) -> HttpResponse:
    """A PNG that no browser takes for anything else."""
    response = HttpResponse(content, content_type="image/png")
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'"
    return response


def _shown_slot(rater: Rater, *, public_id: UUID) -> Slot | None:
    """The slot if it is this rater's now or next, with what its pictures need and its `remaining` time.

    Next is a place that is kept for her, or a check of hers. She can only ask for those whose random names
    her pages told her: that is the very next one.
    """
    now = Q(state=SlotState.LEASED, lease_until__gt=Now())
    next_place = Q(state=SlotState.KEPT, rater__places_kept_until__gt=Now())
    next_check = Q(state=SlotState.FREE, number__isnull=True)
    until = Coalesce("lease_until", "rater__places_kept_until", Now() + SHORT)
    return (
        Slot.objects.select_related(*(f"item__{path}" for path in pictures.RELATED))
        .filter(now | next_place | next_check, rater=rater, public_id=public_id)
        .annotate(remaining=ExpressionWrapper(until - Now(), output_field=DurationField()))
        .first()
    )


def _for_the_lease(response: HttpResponse, slot: Slot) -> HttpResponse:
    response["Cache-Control"] = f"private, max-age={max(0, int(slot.remaining.total_seconds()))}"  # type: ignore[attr-defined]
    return response
