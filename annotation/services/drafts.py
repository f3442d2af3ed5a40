"""Drawings under way: kept at every stroke's end, so that a lost page or a change of device loses nothing."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState, SlotState
from annotation.models import Draft, Rater, Slot
from annotation.services import reservations
from annotation.services.claims import Claimant
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

    Strokes may arrive twice or in the wrong order: the highest number stays. Each one begins the lease anew,
    so that no drawing, however long, goes to somebody else while it is made. Raises DraftRefused unless the
    slot is in the rater's hand.
    """
    with transaction.atomic():
        lock_rater(rater)
        if not Slot.objects.filter(pk=slot_id, rater=rater, state=SlotState.LEASED).exists():
            raise DraftRefused
        _renew_lease(rater, slot_id=slot_id)
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


def _renew_lease(rater: Rater, *, slot_id: int) -> None:
    """The task is hers for as long again, and so are the places kept for her; not in a closed campaign."""
    held = Slot.objects.filter(pk=slot_id, rater=rater, state=SlotState.LEASED)
    lease = timedelta(seconds=rater.campaign.lease_seconds)
    still_open = held.filter(campaign__state=CampaignState.OPEN)
    if still_open.update(lease_until=Now() + lease) and rater.campaign.places_kept:
        reservations.renew(Claimant.of(rater))
