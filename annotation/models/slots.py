"""Slots: k raters per item is k rows, claimed with SKIP LOCKED, never a count that is checked and written."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q

from annotation.choices import SlotState
from annotation.models.campaigns import Campaign, Item
from annotation.models.raters import Rater


class Slot(models.Model):
    """One place for one rater at one item.

    A rating item has `raters_per_item` numbered slots, made when the campaign opens. An attention check
    has no number: its slots are made for each rater when the session starts, due after so many answers.
    A slot that is kept for a rater is hers next; nobody else gets it until her reservation lapses.
    A slot whose lease was taken over turns void and keeps its rater, who never meets the item again; the
    taker gets a new slot with the same number.
    """

    # Names it on pages and in addresses; always looked for among one rater's slots, so it needs no index.
    public_id = models.UUIDField(db_default=RandomUUID(), editable=False)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="slots")
    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="slots")
    number = models.PositiveSmallIntegerField(null=True, blank=True, help_text="1 to k; empty for a check.")
    order = models.PositiveBigIntegerField(help_text="Free slots are handed out from the lowest.")
    due_after = models.PositiveIntegerField(
        null=True, blank=True, help_text="For a check: shown after so many of the rater's answers."
    )
    state = models.CharField(max_length=8, choices=SlotState, default=SlotState.FREE)
    # The unique constraint below begins with the rater: a further index would only cost writes.
    rater = models.ForeignKey(
        Rater, null=True, blank=True, db_index=False, on_delete=models.PROTECT, related_name="slots"
    )
    leased_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    swapped = models.BooleanField(
        db_default=False, default=False, help_text="Of a pair, the second lies left. Drawn with the slot."
    )
    void_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["campaign", "order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "number"],
                condition=Q(number__isnull=False) & ~Q(state=SlotState.VOID),
                name="slot_number_once_per_item",
            ),
            models.UniqueConstraint(
                fields=["rater", "item"],
                condition=Q(rater__isnull=False),
                name="slot_item_once_per_rater",
                violation_error_message="This rater has met this item already.",
            ),
            models.UniqueConstraint(
                fields=["rater"],
                condition=Q(state=SlotState.LEASED),
                name="slot_one_lease_per_rater",
                violation_error_message="This rater has another task in hand.",
            ),
            models.CheckConstraint(
                name="slot_has_its_rater",
                condition=Q(state=SlotState.FREE, number__isnull=False, rater__isnull=True)
                | Q(state=SlotState.FREE, number__isnull=True, rater__isnull=False)
                | Q(state=SlotState.KEPT, number__isnull=False, rater__isnull=False)
                | Q(state__in=[SlotState.LEASED, SlotState.ANSWERED], rater__isnull=False)
                | Q(state=SlotState.VOID),
            ),
            models.CheckConstraint(
                name="slot_leased_iff_it_has_a_lease",
                condition=Q(state=SlotState.LEASED, lease_until__isnull=False, leased_at__isnull=False)
                | (~Q(state=SlotState.LEASED) & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="slot_is_numbered_or_due",
                condition=Q(number__isnull=False, due_after__isnull=True)
                | Q(number__isnull=True, due_after__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["campaign", "order"],
                name="slot_free",
                condition=Q(state=SlotState.FREE, number__isnull=False),
            ),
            models.Index(
                fields=["campaign", "lease_until"], name="slot_leased", condition=Q(state=SlotState.LEASED)
            ),
            models.Index(fields=["rater", "state"], name="slot_of_rater", condition=Q(rater__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.item} ({self.state})"
