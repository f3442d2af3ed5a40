"""Adjudication: from which disagreement on, and what a reviewer may answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from django import forms

from annotation import coco_rle
from annotation.adjudication_queue import SideBySide
from annotation.choices import PAIR_CHOICES, Choice, TaskKind, options_for
from annotation.contents import AnswerContent, DrawnMask, option_content
from annotation.mask_files import one_bit_png
from annotation.models import Campaign

WORD: Final = "word"
OPTION: Final = "option"
MAJORITY: Final = "majority"
NONE_OF_THESE: Final = "none"
CHECKED: Final = "checked"


class AdjudicatingForm(forms.Form):
    """The campaign form's field."""

    adjudicate_from_percent = forms.IntegerField(
        label="Adjudicate from this disagreement on, in percent",
        required=False,
        min_value=1,
        max_value=100,
        help_text=(
            "Items whose answers are so far apart wait in the queue for a reviewer's answer. Leave empty for "
            "the usual: scores two points apart, words without majority, tied pairs, masks that share half."
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Offered:
    """One answer that a reviewer may give. code: as the form sends it."""

    code: str
    label: str


def offered(campaign: Campaign, answers: Sequence[SideBySide]) -> list[Offered]:
    """The options of the campaign's kind; of a checklist its two buttons, the words are beside them."""
    kind = TaskKind(campaign.task_kind)
    if kind == TaskKind.OPINION_SCORE:
        return [Offered(code=o.code, label=o.label) for o in options_for(campaign.score_of)]
    if kind == TaskKind.PAIRWISE:
        labels = {Choice.LEFT: "Left (the first)", Choice.RIGHT: "Right (the second)"}
        return [Offered(code=c.value, label=labels.get(c, str(c.label))) for c in PAIR_CHOICES]
    if kind == TaskKind.OBJECT_PRESENCE:
        return []
    drawn = [answer for answer in answers if answer.given.rle]
    masks = [Offered(code=str(answer.answer_id), label=f"The mask of {answer.letter}") for answer in drawn]
    most = [Offered(code=MAJORITY, label="What most of them drew")] if len(drawn) > 2 else []
    return [*masks, *most, Offered(code=Choice.NOT_IN_IMAGE.value, label=str(Choice.NOT_IN_IMAGE.label))]


def read_adjudication(
    posted: Any, *, campaign: Campaign, answers: Sequence[SideBySide], image_hw: tuple[int, int]
) -> AnswerContent:
    """The reviewer's answer. posted: the form's fields. Raises ValueError with what to do."""
    if campaign.task_kind == TaskKind.OBJECT_PRESENCE:
        return _words(posted.getlist(WORD), none=posted.get(OPTION) == NONE_OF_THESE)
    code = posted.get(OPTION, "")
    if code not in [one.code for one in offered(campaign, answers)]:
        raise ValueError("No answer is chosen. Choose one of those shown.")
    if campaign.task_kind != TaskKind.MASK or code == Choice.NOT_IN_IMAGE:
        return option_content(code)
    masks = {str(answer.answer_id): answer.given.rle for answer in answers if answer.given.rle}
    return AnswerContent(mask=_mask(masks, code=code, image_hw=image_hw))


def _words(words: Sequence[str], *, none: bool) -> AnswerContent:
    if bool(words) == none:
        raise ValueError("Tick the words that are right, or say “None of these”: one of the two.")
    return AnswerContent(words=tuple(dict.fromkeys(words)))


def _mask(masks: Mapping[str, str], *, code: str, image_hw: tuple[int, int]) -> DrawnMask:
    """One rater's mask, or the pixels that more than half of those who drew have in theirs."""
    height, width = image_hw
    chosen = list(masks.values()) if code == MAJORITY else [masks[code]]
    votes = np.sum([coco_rle.decode(rle, height=height, width=width) for rle in chosen], axis=0)
    inside = 2 * votes > len(chosen)
    if not inside.any():
        raise ValueError("There is no pixel that most of them drew. Choose one of the masks.")
    return DrawnMask(
        png=one_bit_png(inside),
        rle=coco_rle.encode(inside),
        height=height,
        width=width,
        area=int(inside.sum()),
    )
