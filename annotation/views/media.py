"""The two pictures of a rater's task: only of her own live lease, anything else is a 404."""

from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse

from annotation.bare_png import bare_png
from annotation.choices import SlotState
from annotation.models import Rater, Slot
from annotation.views.rater_outcomes import NO_PICTURE
from annotation.views.rater_pages import rater_page, show, with_rater
from generation.attribution.rendering import heat_png
from generation.models import WordMap
from generation.storage import read_png, read_word_map

MAP_PIXELS = 384
LARGEST_ID = 2**63 - 1


@rater_page("GET")
@with_rater
def image(request: HttpRequest, *, rater: Rater, slot_id: int) -> HttpResponse:
    """The generated image as PNG."""
    slot = _live_slot(rater, slot_id=slot_id)
    if slot is None:
        return show(request, NO_PICTURE)
    return _for_the_lease(png(bare_png(read_png(slot.item.word_map.image))), slot)


@rater_page("GET")
@with_rater
def word_map(request: HttpRequest, *, rater: Rater, slot_id: int) -> HttpResponse:
    """The map of the target word as PNG, in the colours of the page's legend."""
    slot = _live_slot(rater, slot_id=slot_id)
    if slot is None:
        return show(request, NO_PICTURE)
    return _for_the_lease(png(map_png(slot.item.word_map)), slot)


def map_png(word_map: WordMap) -> bytes:
    """The coloured map with the image's proportions, large enough to be smooth on a big screen."""
    run = word_map.image.run
    scale = max(1, round(MAP_PIXELS / max(run.height, run.width)))
    return heat_png(read_word_map(word_map), size_hw=(run.height * scale, run.width * scale))


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
        Slot.objects.select_related("item__word_map__word", "item__word_map__image__run")
        .filter(pk=slot_id, rater=rater, state=SlotState.LEASED, lease_until__gt=Now())
        .annotate(remaining=ExpressionWrapper(F("lease_until") - Now(), output_field=DurationField()))
        .first()
    )


def _for_the_lease(response: HttpResponse, slot: Slot) -> HttpResponse:
    response["Cache-Control"] = f"private, max-age={int(slot.remaining.total_seconds())}"  # type: ignore[attr-defined]
    return response
