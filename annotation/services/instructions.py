"""Items that say what to answer: the question that is asked in place of the campaign's, and what is right."""

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _

from annotation import wording
from annotation.choices import PAIR_CHOICES, Choice, OpinionScore, TaskKind
from annotation.models import Campaign


def instruction(campaign: Campaign, *, generator: random.Random) -> dict[str, Any]:
    """An item's columns `instruction` and what is expected, in the language of the raters' pages."""
    with translation.override(campaign.language):
        return _INSTRUCTED[TaskKind(campaign.task_kind)](campaign, generator)


def _choose(code: str, label: str) -> dict[str, Any]:
    text = _(wording.INSTRUCTED).format(answer=_(label))
    return {"instruction": text, "accepted_answers": [code]}


def _score(_campaign: Campaign, generator: random.Random) -> dict[str, Any]:
    score = generator.choice(list(OpinionScore))
    return _choose(str(score.value), str(score.label))


def _side(_campaign: Campaign, generator: random.Random) -> dict[str, Any]:
    choice = generator.choice(list(PAIR_CHOICES))
    return _choose(choice.value, str(choice.label))


def _ticks(campaign: Campaign, generator: random.Random) -> dict[str, Any]:
    chosen = generator.choice(campaign.vocabulary)
    return {
        "instruction": _(wording.INSTRUCTED_WORDS).format(answer=chosen),
        "must_have": [chosen],
        "must_not_have": [word for word in campaign.vocabulary if word != chosen],
    }


def _no_mask(_campaign: Campaign, _generator: random.Random) -> dict[str, Any]:
    return {
        "instruction": _(wording.INSTRUCTED_MASK).format(answer=_("It is not in the image")),
        "accepted_answers": [Choice.NOT_IN_IMAGE.value],
    }


_INSTRUCTED: Final[Mapping[TaskKind, Callable[[Campaign, random.Random], dict[str, Any]]]] = {
    TaskKind.OPINION_SCORE: _score,
    TaskKind.OBJECT_PRESENCE: _ticks,
    TaskKind.MASK: _no_mask,
    TaskKind.PAIRWISE: _side,
}
