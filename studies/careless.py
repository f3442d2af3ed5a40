"""What a careless person answers where she is checked: anything that is not right.

Pressed at random it would be right now and then, and a study that sends few raters would find its careless
ones caught or not by chance.
"""

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

import numpy as np

from annotation import coco_rle, verdicts
from annotation.check_rows import expected_of, repeatability_of
from annotation.choices import PAIR_CHOICES, CheckKind, Choice, ItemKind, OptOut, TaskKind, options_for
from annotation.models import Campaign, Item, Slot
from annotation.verdicts import Given
from studies.settled import (
    Fields,
    Knowledge,
    fields_of,
    first_answer,
    knowledge_of,
    pressed,
    task_in_hand,
)
from studies.simulated_raters import SimulatedRater


def answers_of(campaign: Campaign, rater: SimulatedRater) -> Knowledge:
    """What this rater, who has been let in, answers to a task, from its name, where that is settled."""
    return partial(careless_answer, campaign) if rater.careless else knowledge_of(campaign, rater.name)


def careless_answer(campaign: Campaign, task: str) -> Fields | None:
    """The fields of one of the wrong answers; None where the task checks nothing or no answer is wrong.

    task: the name of a task in hand.  Practice is left to chance: who never got it right would be asked
    nothing else.
    """
    slot = task_in_hand(campaign, task)
    if slot is None or slot.item.kind != ItemKind.ATTENTION:
        return None
    wrong = wrong_answers(slot, campaign)
    return fields_of(random.Random(task).choice(wrong), slot.item, campaign) if wrong else None


def wrong_answers(slot: Slot, campaign: Campaign) -> Sequence[Given]:
    """Those that fail this check; opt-outs only where every score would pass."""
    failing = [given for given in _answers(slot, campaign) if not _passes(given, slot, campaign)]
    rated = [given for given in failing if given.opt_out not in OptOut.values]
    return rated or failing


def _passes(given: Given, slot: Slot, campaign: Campaign) -> bool:
    kind = campaign.task_kind
    if slot.item.check_kind != CheckKind.REPEAT:
        return verdicts.is_right(given, expected_of(slot.item), task_kind=kind)
    first = first_answer(slot)
    # What there is nothing to compare with passes nobody, whatever she presses.
    return first is not None and verdicts.repeats(
        given, first, task_kind=kind, rule=repeatability_of(campaign)
    )


def _answers(slot: Slot, campaign: Campaign) -> Iterator[Given]:
    """Answers of every sort that the page takes."""
    kind = TaskKind(campaign.task_kind)
    if kind == TaskKind.OBJECT_PRESENCE:
        yield Given(words=())
        yield Given(words=tuple(campaign.vocabulary))
        yield from (Given(words=(word,)) for word in campaign.vocabulary)
    elif kind == TaskKind.MASK:
        yield Given(choice=Choice.NOT_IN_IMAGE.value)
        yield from (Given(rle=rle) for rle in _boxes(slot.item))
    elif kind == TaskKind.PAIRWISE:
        yield from (Given(choice=side.value, swapped=slot.swapped) for side in PAIR_CHOICES)
    else:
        yield from (pressed(option.code) for option in options_for(campaign.score_of))


def _boxes(item: Item) -> Sequence[str]:
    run = item.image.run if item.image else None
    return () if run is None else _corners(run.height, run.width)


@lru_cache(maxsize=8)
def _corners(height: int, width: int) -> Sequence[str]:
    """Masks of two opposite corners, which share nothing."""
    corners = []
    for rows, columns in (
        (slice(None, height // 4), slice(None, width // 4)),
        (slice(-2, None), slice(-2, None)),
    ):
        inside = np.zeros((height, width), dtype=bool)
        inside[rows, columns] = True
        corners.append(coco_rle.encode(inside))
    return tuple(corners)
