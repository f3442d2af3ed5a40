"""What a rater reads after a training item: her answer, what was expected, and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext as _

from annotation import verdicts
from annotation.check_rows import expected_of
from annotation.choices import OPTION_BY_CODE, Choice, TaskKind
from annotation.models import Campaign
from annotation.services.practice import Feedback
from annotation.verdicts import FIRST, SECOND, Expected, Given
from annotation.views.entry import wording
from annotation.views.kinds import kind_of
from annotation.views.pictures import DRAWN, EXPECTED, shown_by
from annotation.views.rater_screens import cut_prompt


@dataclass(frozen=True, kw_only=True)
class Told:
    """An answer and what was expected, in words. expected: (label, text) by lines."""

    yours: str
    expected: tuple[tuple[str, str], ...]


def feedback_context(campaign: Campaign, told: Feedback, *, addresses: Mapping[str, str]) -> dict[str, Any]:
    """What the page after a training answer shows. addresses: of the item's pictures, by name."""
    shown = shown_by(told.item)
    kind = kind_of(campaign)
    before, word, after = cut_prompt(shown.prompt if kind.shows_prompt else "", word=shown.word)
    said = _TOLD[TaskKind(campaign.task_kind)](told.given, expected_of(told.item), campaign)
    return wording(campaign) | {
        "right": told.right,
        "said": said,
        "told_template": f"rate/told_{campaign.task_kind}.html",
        "question": told.item.instruction or campaign.question,
        "before": before,
        "word": word,
        "after": after,
        "pictures": addresses,
        "left_map": addresses.get("left-map", ""),
        "right_map": addresses.get("right-map", ""),
        "width": shown.image_hw[1],
        "height": shown.image_hw[0],
        "explanation": told.item.explanation,
    }


def feedback_pictures(told: Feedback) -> tuple[str, ...]:
    """The pictures that only this page has: the rater's drawing and the expected one."""
    drawn = (DRAWN,) if told.given.rle else ()
    return (*drawn, EXPECTED) if told.item.reference_rle else drawn


def _score(given: Given, expected: Expected, _campaign: Campaign) -> Told:
    labels = [_(OPTION_BY_CODE[code].label) for code in expected.accepted]
    return Told(
        yours=_(OPTION_BY_CODE[given.code].label), expected=((_right_label(labels), ", ".join(labels)),)
    )


def _side(given: Given, expected: Expected, _campaign: Campaign) -> Told:
    sides = (
        {SECOND: Choice.LEFT, FIRST: Choice.RIGHT}
        if given.swapped
        else {FIRST: Choice.LEFT, SECOND: Choice.RIGHT}
    )
    labels = [_(str(Choice(sides.get(code, code)).label)) for code in expected.accepted]
    return Told(
        yours=_(str(Choice(given.choice).label)), expected=((_right_label(labels), ", ".join(labels)),)
    )


def _words(given: Given, expected: Expected, campaign: Campaign) -> Told:
    must, must_not = expected.must_have, expected.must_not_have
    lines = [(_("Should be ticked"), ", ".join(must))] if must else []
    if set(must) | set(must_not) == set(campaign.vocabulary):
        nothing = _("None of these") if not must else _("everything else")
        lines.append((_("Right answer") if not must else _("Should not be ticked"), nothing))
    elif must_not:
        lines.append((_("Should not be ticked"), ", ".join(must_not)))
    return Told(yours=", ".join(given.words or ()) or _("None of these"), expected=tuple(lines))


def _mask(given: Given, expected: Expected, _campaign: Campaign) -> Told:
    absent = _("It is not in the image")
    lines = [(_("Right answer"), absent)] if expected.accepted else []
    if not expected.reference:
        return Told(yours=_("A drawing") if given.rle else absent, expected=tuple(lines))
    lines.append((_("Right answer"), _("The area of the picture “Expected”")))
    if not given.rle:
        return Told(yours=absent, expected=tuple(lines))
    share = round(100 * verdicts.mask_iou(given.rle, expected.reference))
    least = round(100 * (expected.least_iou or 0))
    yours = _("A drawing that agrees with the expected one by %(share)s percent") % {"share": share}
    lines.append((_("Enough"), _("%(least)s percent") % {"least": least}))
    return Told(yours=yours, expected=tuple(lines))


def _right_label(labels: list[str]) -> str:
    return _("Right answer") if len(labels) == 1 else _("Right answers")


_TOLD: Final[Mapping[TaskKind, Callable[[Given, Expected, Campaign], Told]]] = {
    TaskKind.OPINION_SCORE: _score,
    TaskKind.OBJECT_PRESENCE: _words,
    TaskKind.MASK: _mask,
    TaskKind.PAIRWISE: _side,
}
