"""What a careful person answers where that is settled: checks, repeats and practice.

Simulated raters see no picture, so that whatever can only be seen is told them here.
"""

import base64
from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.conf import settings

from annotation import coco_rle
from annotation.check_rows import expected_of, given_by
from annotation.choices import CheckKind, Choice, ItemKind, Platform, SlotState, TaskKind
from annotation.forms.answers import CHECKED, DRAWN, NONE_OF_THESE
from annotation.mask_files import one_bit_png
from annotation.models import Answer, Campaign, Item, Rater, Slot
from annotation.recruitment import RaterIdentityData, pseudonym
from annotation.services import practice
from annotation.verdicts import FIRST, SECOND, Expected, Given

Fields = dict[str, str]
Knowledge = Callable[[str], Fields | None]
OPTION = "option"


def knowledge_of(campaign: Campaign, rater_id: str) -> Knowledge:
    """What a careful rater of this platform id answers to a task, from its name, where that is settled."""
    identity = RaterIdentityData(platform=Platform.PROLIFIC, platform_id=rater_id)
    name = pseudonym(identity, campaign_public_id=campaign.public_id, secret=settings.SECRET_KEY)
    return partial(settled_answer, campaign, rater=Rater.objects.get(campaign=campaign, pseudonym=name))


def settled_answer(campaign: Campaign, task: str, *, rater: Rater | None = None) -> Fields | None:
    """The fields of the known or instructed answer, or of the same as the first time; None if it is open.

    task: the name of a task in hand, or of a practice item of this rater.
    """
    slot = task_in_hand(campaign, task)
    if slot is None and (practised := practice.item_named(campaign, UUID(task))) is not None:
        swapped = practice.swapped_for(rater, practised) if rater else False
        return fields_of(_right(expected_of(practised), swapped=swapped), practised, campaign)
    if slot is None or slot.item.kind != ItemKind.ATTENTION:
        return None
    if slot.item.check_kind != CheckKind.REPEAT:
        return fields_of(_right(expected_of(slot.item), swapped=slot.swapped), slot.item, campaign)
    first = first_answer(slot)
    return None if first is None else fields_of(_again(first, swapped=slot.swapped), slot.item, campaign)


def task_in_hand(campaign: Campaign, task: str) -> Slot | None:
    """The place of this name that a rater holds; None where nobody does."""
    in_hand = Slot.objects.filter(campaign=campaign, state=SlotState.LEASED, public_id=task)
    return in_hand.select_related("item").first()


def fields_of(given: Given, item: Item, campaign: Campaign) -> Fields:
    """An answer as the page's form sends it."""
    if campaign.task_kind == TaskKind.OBJECT_PRESENCE:
        ticked = {f"word.{campaign.vocabulary.index(word)}": "1" for word in given.words or ()}
        return {OPTION: CHECKED if ticked else NONE_OF_THESE, **ticked}
    if given.rle and item.image is not None:
        run = item.image.run
        inside = coco_rle.decode(given.rle, height=run.height, width=run.width)
        text = base64.urlsafe_b64encode(one_bit_png(inside)).decode().rstrip("=")
        return {OPTION: DRAWN, "mask": text}
    return {OPTION: given.code}


def _right(expected: Expected, *, swapped: bool) -> Given:
    """One of the expected answers."""
    if expected.reference:
        return Given(rle=expected.reference)
    if not expected.accepted:
        return Given(words=expected.must_have)
    code = expected.accepted[0]
    return _side(code, swapped=swapped) if code in (FIRST, SECOND) else pressed(code)


def _again(first: Given, *, swapped: bool) -> Given:
    """The same answer, on the side where its choice lies now."""
    return _side(first.winner, swapped=swapped) if first.winner in (FIRST, SECOND) else first


def _side(winner: str, *, swapped: bool) -> Given:
    lies_left = (winner == FIRST) != swapped
    return Given(choice=(Choice.LEFT if lies_left else Choice.RIGHT).value, swapped=swapped)


def pressed(code: str) -> Given:
    """What the button of this code says."""
    if code.isdecimal():
        return Given(score=int(code))
    return Given(choice=code) if code in Choice.values else Given(opt_out=code)


def first_answer(slot: Slot) -> Given | None:
    """What the rater of a repeat said the first time; None where that was taken back."""
    answers = Answer.objects.filter(
        rater=slot.rater_id, slot__item=slot.item.repeats_id, undone_at__isnull=True
    )
    names = ("score", "opt_out", "words", "choice", "mask__rle", "slot__swapped")
    row = answers.values(*names).first()
    return None if row is None else given_by(row | {"rle": row["mask__rle"], "swapped": row["slot__swapped"]})
