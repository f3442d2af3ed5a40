"""Drawings under way: kept at every stroke's end, so that a lost page or a change of device loses nothing."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import SlotState
from annotation.models import Draft, Rater, Slot
from annotation.services.locks import lock_rater


class DraftRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """The task is not in this rater's hand: nothing was kept."""


@dataclass(frozen=True, kw_only=True)
class KeptDraft:
    """The drawing as it is kept. number: of its last stroke.  png: 1-bit."""

    number: int
    png: bytes


def save_draft(rater: Rater, *, slot_id: int, number: int, png: bytes) -> int:
    """Keeps the drawing after stroke `number`; returns the number of the one that is kept now.

    Strokes may arrive twice or in the wrong order: the highest number stays. Raises DraftRefused unless the
    slot is in the rater's hand.
    """
    with transaction.atomic():
        lock_rater(rater)
        if not _in_hand(rater, slot_id=slot_id):
            raise DraftRefused
        draft, created = Draft.objects.get_or_create(slot_id=slot_id, defaults={"number": number, "png": png})
        if not created and draft.number < number:
            Draft.objects.filter(pk=draft.pk).update(number=number, png=png, saved_at=Now())
            draft.number = number
        return draft.number


def draft_of(rater: Rater, *, slot_id: int) -> KeptDraft | None:
    """The drawing of the task in the rater's hand, as far as it has come; None where there is none."""
    draft = Draft.objects.filter(slot_id=slot_id, slot__rater=rater, slot__state=SlotState.LEASED).first()
    return None if draft is None else KeptDraft(number=draft.number, png=bytes(draft.png))


def image_hw_of(rater: Rater, *, slot_id: int) -> tuple[int, int] | None:
    """Height and width, in pixels, of the image of a mask task that was given to this rater; else None."""
    size = (
        Slot.objects.filter(pk=slot_id, rater=rater, item__word__isnull=False)
        .values_list("item__image__run__height", "item__image__run__width")
        .first()
    )
    return None if size is None else (int(size[0]), int(size[1]))


def _in_hand(rater: Rater, *, slot_id: int) -> bool:
    return Slot.objects.filter(pk=slot_id, rater=rater, state=SlotState.LEASED).exists()
