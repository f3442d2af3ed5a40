"""Asking a rater again what she has answered: the repeat is made when its time has come.

Which items she meets is decided claim by claim, so which of them comes twice can't be decided beforehand.
"""

import random
from typing import Final

from annotation.choices import CheckKind, ItemKind, SlotState, TaskKind
from annotation.models import Item, Rater, Slot
from annotation.services.seats import Seat

# Ratings between an item and its repeat, where the session has so many.
LEAST_APART: Final = 3


def make_repeat(seat: Seat, *, given: int, at_end: bool) -> bool:
    """Makes the slot of the rater's next repeat, due after `given` answers; False where none can be.

    Call under her lock. at_end: the items have run out, so that there is no use in waiting. Then a repeat
    for which there is no item left to choose is given up.
    """
    if not seat.repeats_due:
        return False
    rest = list(seat.repeats_due[1:])
    original = _original(seat, apart=0 if at_end else LEAST_APART)
    if original is not None:
        item = _repeat_of(original)
        Slot.objects.create(
            campaign_id=seat.claimant.campaign_id,
            item=item,
            number=None,
            order=item.position,
            # Not earlier, however late it comes: behind what has been named as her next task.
            due_after=given,
            state=SlotState.FREE,
            rater_id=seat.claimant.rater_id,
            swapped=_other_way_round(original, rater_id=seat.claimant.rater_id),
        )
    if original is not None or at_end:
        Rater.objects.filter(pk=seat.claimant.rater_id).update(repeats_due=rest)
    return original is not None


def _original(seat: Seat, *, apart: int) -> Item | None:
    """One of the items she has rated, not the last ones and none that she was asked twice already."""
    rated = list(
        Slot.objects.filter(rater_id=seat.claimant.rater_id, number__isnull=False, state=SlotState.ANSWERED)
        .order_by("-leased_at", "-pk")
        .values_list("item_id", flat=True)
    )[apart:]
    asked_again = set(
        Slot.objects.filter(rater_id=seat.claimant.rater_id, item__check_kind=CheckKind.REPEAT).values_list(
            "item__repeats_id", flat=True
        )
    )
    left = sorted(item for item in rated if item not in asked_again)
    if not left:
        return None
    chosen = random.Random(f"repeat {seat.claimant.rater_id} {seat.given}").choice(left)
    return Item.objects.select_related("campaign").get(pk=chosen)


def _other_way_round(original: Item, *, rater_id: int) -> bool:
    """Of a pair, the sides that she did not see it on: who only likes one side does not repeat herself."""
    if original.campaign.task_kind != TaskKind.PAIRWISE:
        return False
    first = Slot.objects.get(rater_id=rater_id, item=original)
    return not first.swapped


def _repeat_of(original: Item) -> Item:
    """The item that asks the original again; one for all raters."""
    shown = {
        name: getattr(original, name)
        for name in (
            "word_map_id",
            "image_id",
            "word_id",
            "other_word_map_id",
            "other_image_id",
            "method",
            "other_method",
        )
    }
    repeat, _ = Item.objects.get_or_create(
        campaign_id=original.campaign_id,
        check_kind=CheckKind.REPEAT,
        repeats=original,
        defaults={"kind": ItemKind.ATTENTION, "position": original.position, **shown},
    )
    return repeat
