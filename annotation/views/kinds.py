"""The four kinds of task in one table: what each shows, asks and reads. There is one submit view for all.

A kind's answers are read by `forms.answers` and stored by `services.answers`; a new kind is a row here and
one in each of their tables.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from annotation.choices import ANSWER_OPTIONS, PAIR_CHOICES, PairOf, ScoreOf, TaskKind
from annotation.forms.answers import MOST_VOCABULARY_WORDS
from annotation.forms.rating import FIELD_LIMIT
from annotation.models import Campaign
from annotation.views import pictures

SCORE_OPTIONS: Final = tuple(option for option in ANSWER_OPTIONS if option.score is not None)
OPT_OUT_OPTIONS: Final = tuple(option for option in ANSWER_OPTIONS if option.opt_out is not None)
# A list this long can't be looked over at once.
FILTER_FROM: Final = 12


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of task is shown.

    template: of its page.  script: its own, beside the one of all kinds; empty for none.  context: what the
    template needs besides the screen, from the campaign and the rater's pseudonym.  shows_prompt: whether the
    rater may know what was asked of the model.
    """

    template: str
    script: str
    context: Callable[[Campaign, str], dict[str, Any]]
    most_fields: int = FIELD_LIMIT
    shows_prompt: bool = True


@dataclass(frozen=True, kw_only=True)
class ChecklistWord:
    """One line of the checklist. number: place in the campaign's vocabulary, from 0."""

    number: int
    text: str


def kind_of(campaign: Campaign) -> Kind:
    """The row of the campaign's kind; scores of whole images have one of their own."""
    return IMAGE_SCORE if campaign.score_of == ScoreOf.IMAGES else KINDS[TaskKind(campaign.task_kind)]


def picture_names(campaign: Campaign) -> tuple[str, ...]:
    """The pictures of each of the campaign's tasks."""
    kind = TaskKind(campaign.task_kind)
    if kind == TaskKind.PAIRWISE:
        return ("left", "right") if campaign.pair_of == PairOf.IMAGES else pictures.SIDES
    has_map = kind == TaskKind.OPINION_SCORE and campaign.score_of != ScoreOf.IMAGES
    return ("image", "map") if has_map else ("image",)


def checklist(campaign: Campaign, *, pseudonym: str) -> list[ChecklistWord]:
    """The vocabulary in a random order that is the rater's own and stays the same for her."""
    words = [ChecklistWord(number=number, text=text) for number, text in enumerate(campaign.vocabulary)]
    random.Random(f"checklist {campaign.order_seed} {pseudonym}").shuffle(words)
    return words


def _score(_campaign: Campaign, _pseudonym: str) -> dict[str, Any]:
    return {"score_options": SCORE_OPTIONS, "opt_out_options": OPT_OUT_OPTIONS, "has_views": True}


def _image_score(_campaign: Campaign, _pseudonym: str) -> dict[str, Any]:
    return {"score_options": SCORE_OPTIONS, "opt_out_options": ()}


def _presence(campaign: Campaign, pseudonym: str) -> dict[str, Any]:
    words = checklist(campaign, pseudonym=pseudonym)
    return {"checklist": words, "has_filter": len(words) >= FILTER_FROM}


def _mask(_campaign: Campaign, _pseudonym: str) -> dict[str, Any]:
    return {}


def _pair(campaign: Campaign, _pseudonym: str) -> dict[str, Any]:
    return {"choices": PAIR_CHOICES, "has_views": campaign.pair_of != PairOf.IMAGES}


KINDS: Final[Mapping[TaskKind, Kind]] = {
    TaskKind.OPINION_SCORE: Kind(template="rate/score.html", script="js/rate-views.js", context=_score),
    TaskKind.OBJECT_PRESENCE: Kind(
        template="rate/presence.html",
        script="js/rate-presence.js",
        context=_presence,
        most_fields=FIELD_LIMIT + MOST_VOCABULARY_WORDS,
        shows_prompt=False,
    ),
    TaskKind.MASK: Kind(template="rate/mask.html", script="js/rate-mask.js", context=_mask),
    TaskKind.PAIRWISE: Kind(template="rate/pair.html", script="js/rate-views.js", context=_pair),
}
IMAGE_SCORE: Final = Kind(template="rate/image_score.html", script="", context=_image_score)
