"""How far the answers to one item are apart, from 0 to 1, by one pure function per kind of task."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Final

from annotation.choices import OpinionScore, TaskKind
from annotation.verdicts import FIRST, SECOND, Given, mask_iou

WIDEST: Final = max(OpinionScore) - min(OpinionScore)
# From which an item waits for adjudication unless something else is asked for, in percent: scores two points
# apart, a word without majority, as many raters for one side as for the other, masks that share half.
USUAL_PERCENT: Final[Mapping[TaskKind, int]] = {
    TaskKind.OPINION_SCORE: 50,
    TaskKind.OBJECT_PRESENCE: 100,
    TaskKind.PAIRWISE: 100,
    TaskKind.MASK: 50,
}
MEANING: Final[Mapping[TaskKind, str]] = {
    TaskKind.OPINION_SCORE: (
        "Distance of the highest score from the lowest, as a share of the scale: 50 is two points. Where "
        "some raters opt out and some don't, 100 is half and half."
    ),
    TaskKind.OBJECT_PRESENCE: (
        "Of the word that raters agree on least: 100 is a word that half of them ticked, 0 is unanimous."
    ),
    TaskKind.PAIRWISE: "100 is as many raters for one side as for the other, 0 is unanimous.",
    TaskKind.MASK: "What the two most different masks don't share: 100 is nothing in common, 0 is one mask.",
}


def disagreement(answers: Sequence[Given], *, task_kind: str) -> float:
    """From 0, all said the same, to 1; 0 for fewer than two answers."""
    return _KINDS[TaskKind(task_kind)](answers) if len(answers) > 1 else 0.0


def _split(share: float) -> float:
    """1 for half and half, 0 for all or none."""
    return 1 - abs(2 * share - 1)


def _scores(answers: Sequence[Given]) -> float:
    scores = [answer.score for answer in answers if answer.score is not None]
    spread = (max(scores) - min(scores)) / WIDEST if scores else 0.0
    return max(spread, _split(len(scores) / len(answers)))


def _words(answers: Sequence[Given]) -> float:
    ticked = [frozenset(answer.words or ()) for answer in answers]
    words = frozenset().union(*ticked)
    return max((_split(sum(word in each for each in ticked) / len(ticked)) for word in words), default=0.0)


def _sides(answers: Sequence[Given]) -> float:
    winners = [answer.winner for answer in answers]
    if len(set(winners)) == 1:
        return 0.0
    return 1 - abs(winners.count(FIRST) - winners.count(SECOND)) / len(winners)


def _masks(answers: Sequence[Given]) -> float:
    return 1 - min(_shared(one, other) for one, other in combinations(answers, 2))


def _shared(one: Given, other: Given) -> float:
    if not one.rle or not other.rle:
        return float(one.rle == other.rle)
    return mask_iou(one.rle, other.rle)


_KINDS: Final[Mapping[TaskKind, Callable[[Sequence[Given]], float]]] = {
    TaskKind.OPINION_SCORE: _scores,
    TaskKind.OBJECT_PRESENCE: _words,
    TaskKind.PAIRWISE: _sides,
    TaskKind.MASK: _masks,
}
