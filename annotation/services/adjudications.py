"""Adjudicating: a reviewer's answer to an item, recorded beside the raters' and never in their place."""

from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation.choices import CampaignState, ItemKind
from annotation.contents import AnswerContent, fits
from annotation.models import Adjudication, Item
from annotation.services import audit
from annotation.services.said import columns_of

LONGEST_NOTE: Final = 500


class AdjudicationRefused(Exception):  # noqa: N818 (an outcome, not a malfunction)
    """Nothing was done; the message says why and what to do."""


def adjudicate(item: Item, content: AnswerContent, *, actor: User, note: str = "") -> Adjudication:
    """The reviewer's answer to the item. Raters' answers stay as they are.

    Raises AdjudicationRefused for an item that is not rated or has an adjudication that stands, for an answer
    that the campaign does not ask for, and for a note that is too long.
    """
    text = note.strip()
    if len(text) > LONGEST_NOTE or "\0" in text:
        raise AdjudicationRefused(f"The note has {len(text)} characters. Write at most {LONGEST_NOTE}.")
    with transaction.atomic():
        locked = _lock(item)
        campaign = locked.campaign
        kind = {"task_kind": campaign.task_kind, "score_of": campaign.score_of}
        if not fits(content, vocabulary=tuple(campaign.vocabulary), **kind):
            raise AdjudicationRefused(
                "The campaign does not ask for such an answer. Choose one of those shown."
            )
        standing = Adjudication.objects.filter(item=locked, undone_at__isnull=True).first()
        if standing is not None:
            raise AdjudicationRefused("The item is adjudicated already. Take that back first.")
        made = Adjudication.objects.create(item=locked, actor=actor, note=text, **columns_of(content))
        audit.record(campaign, actor=actor, act="adjudicate", item=locked.pk, said=made.said, note=text)
    return made


def undo(item: Item, *, actor: User) -> Adjudication:
    """Takes the adjudication back; it stays in the file, marked. Raises AdjudicationRefused without one."""
    with transaction.atomic():
        locked = _lock(item)
        standing = Adjudication.objects.filter(item=locked, undone_at__isnull=True).first()
        if standing is None:
            raise AdjudicationRefused("There is nothing to take back. Reload the page.")
        Adjudication.objects.filter(pk=standing.pk).update(undone_at=Now(), undone_by=actor)
        audit.record(
            locked.campaign, actor=actor, act="undo_adjudication", item=locked.pk, adjudication=standing.pk
        )
    standing.refresh_from_db()
    return standing


def open_identities(item: Item, *, actor: User) -> None:
    """Records that a reviewer looked up whose answers an item's are."""
    audit.record(item.campaign, actor=actor, act="open_identities", item=item.pk)


def _lock(item: Item) -> Item:
    locked: Item = Item.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=item.pk)
    if locked.kind != ItemKind.RATING:
        raise AdjudicationRefused("Only items that are rated can be adjudicated, and this one checks raters.")
    if locked.campaign.state == CampaignState.DRAFT:
        raise AdjudicationRefused("The campaign has not opened, so nobody has answered.")
    return locked
