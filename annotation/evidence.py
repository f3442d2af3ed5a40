"""Evidence of a rater's care that each kind of task has its own form of. Pure; nothing of it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import StatisticsError, correlation, mean
from typing import Final

from annotation.choices import OPTION_BY_CODE, Choice, TaskKind
from annotation.verdicts import Given, overlap

FEWEST_ITEMS: Final = 3
# The page takes no answer for 0.35 s after a task shows, so nobody answers faster by its buttons.
FASTEST_SECONDS: Final = 0.3
# Below this share of the image a drawing is as good as none: a click, or a stroke to get on.
TINY_SHARE: Final = 0.005
TINY: Final = "next to nothing drawn"
NONE_OF_THESE: Final = "none of these"
_MEASURES: Final = {
    TaskKind.OPINION_SCORE: "correlation with the mean of the others",
    TaskKind.OBJECT_PRESENCE: "mean overlap with others' words",
    TaskKind.MASK: "mean overlap with others' masks",
    TaskKind.PAIRWISE: "share of others who chose the same",
}


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """Straight-lining. longest_run: most equal answers in a row.  commonest: in words; share: in [0, 1]."""

    longest_run: int
    commonest: str
    share: float


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far a rater agrees with the others on her items. value: None where it is not defined.

    measure: Pearson's r for scores, else a mean over items, in [0, 1].  items: so many that others rated too.
    """

    measure: str
    value: float | None
    items: int


def pattern(labels: Sequence[str]) -> Pattern:
    """The pattern of answers in their order. labels: see `label`."""
    commonest = max(dict.fromkeys(labels), key=labels.count, default="")
    return Pattern(
        longest_run=max((len(list(run)) for _, run in groupby(labels)), default=0),
        commonest=commonest,
        share=labels.count(commonest) / len(labels) if labels else 0.0,
    )


def label(given: Given, *, mask_share: float | None, mask_id: int | None) -> str:
    """An answer as straight-lining sees it: a pair by the side as shown, a drawing as one of a kind.

    mask_share: of the image that the drawing covers; None without one.
    """
    if given.words is not None:
        return ", ".join(sorted(given.words)) or NONE_OF_THESE
    if mask_share is not None:
        return TINY if mask_share < TINY_SHARE else f"mask {mask_id}"
    if given.choice:
        return str(Choice(given.choice).label).lower()
    return str(OPTION_BY_CODE[given.code].label).lower()


def agreement(
    mine: Mapping[int, Given], others: Mapping[int, Sequence[Given]], *, task_kind: str
) -> Agreement:
    """A rater's answers against everybody else's to the same items; hers are not among the others'.

    mine, others: by item.  Opt-outs have no score: they are left out on both sides.
    """
    kind = TaskKind(task_kind)
    if kind == TaskKind.OPINION_SCORE:
        return _correlated(mine, others)
    by_item = [
        mean(overlap(given, other, task_kind=kind) for other in others[item])
        for item, given in mine.items()
        if others.get(item)
    ]
    value = mean(by_item) if len(by_item) >= FEWEST_ITEMS else None
    return Agreement(measure=_MEASURES[kind], value=value, items=len(by_item))


def _correlated(mine: Mapping[int, Given], others: Mapping[int, Sequence[Given]]) -> Agreement:
    pairs = []
    for item, given in mine.items():
        scores = [other.score for other in others.get(item, ()) if other.score is not None]
        if given.score is not None and scores:
            pairs.append((given.score, mean(scores)))
    value = None
    if len(pairs) >= FEWEST_ITEMS:
        try:
            value = correlation(*zip(*pairs, strict=True))
        except StatisticsError:
            value = None  # somebody's scores are all the same
    return Agreement(measure=_MEASURES[TaskKind.OPINION_SCORE], value=value, items=len(pairs))
