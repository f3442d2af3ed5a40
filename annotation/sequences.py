"""Sequences of answers beyond chance: a short cycle, and the same as another rater's. Pure.

Both say only that something is worth a look. What would come about by chance is reckoned from the answers
themselves, so that careful raters who agree because an item is plain are no finding.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from annotation.verdicts import Given

# Expected findings by chance, over all that is tried, at which something is worth a look.
BY_CHANCE: Final = 0.001
CYCLES: Final = (2, 3, 4)
SHORTEST: Final = 12
# What one answer says about its item, whichever side a pair lay on.
Said = tuple[object, ...]


def cycle(labels: Sequence[str]) -> int:
    """The length of the cycle that the answers repeat, 2 to 4; 0 where there is none worth a look.

    labels: answers in their order, as straight-lining sees them.  One answer again and again is no cycle.
    A stretch is found where chance would give less than BY_CHANCE of them: with each answer drawn by its
    share among all of them, two are equal with the probability q = sum of squared shares, and a stretch that
    repeats m answers is expected len(CYCLES) * n * q**m times.
    """
    n = len(labels)
    if n < SHORTEST:
        return 0
    q = sum((count / n) ** 2 for count in Counter(labels).values())
    for length in CYCLES:
        repeated = _longest_repeat(labels, length=length)
        if repeated + length >= SHORTEST and len(CYCLES) * n * q**repeated < BY_CHANCE:
            return length
    return 0


def said(given: Given) -> Said:
    """What an answer says."""
    words = None if given.words is None else tuple(sorted(given.words))
    return given.score, given.opt_out, words, given.winner or given.choice, given.rle


def alike(
    met: Mapping[int, Mapping[int, Given]], *, raters: Collection[int], all_raters: int
) -> dict[int, tuple[int, ...]]:
    """For each of the raters, the others who answered every item that both met as she did, beyond chance.

    met: by item, everybody's answers by rater.  all_raters: of the campaign.
    Null hypothesis: an item's answers are what they are, and who gave which is chance. Two of its n raters
    then agree on it with the probability p = sum c (c - 1) / (n (n - 1)) over its answers' counts c, and on
    all that both met with the product. A pair is found where that, times the pairs of raters, is below
    BY_CHANCE. Where everybody agrees, or nobody else answered, p is 1: such items say nothing.
    """
    wanted = set(raters)
    surprise: dict[tuple[int, int], float] = defaultdict(float)
    differ: set[tuple[int, int]] = set()
    for answers in met.values():
        says = {rater: said(given) for rater, given in answers.items()}
        n = len(says)
        if n < 2:
            continue
        agreeing = sum(count * (count - 1) for count in Counter(says.values()).values())
        bits = -math.log(agreeing / (n * (n - 1))) if agreeing else 0.0
        for rater in wanted & says.keys():
            for other in says.keys() - {rater}:
                if says[rater] == says[other]:
                    surprise[rater, other] += bits
                else:
                    differ.add((rater, other))
    pairs = all_raters * (all_raters - 1) / 2
    needed = math.log(pairs / BY_CHANCE) if pairs else math.inf
    found: dict[int, list[int]] = {rater: [] for rater in raters}
    for (rater, other), amount in surprise.items():
        if amount > needed and (rater, other) not in differ:
            found[rater].append(other)
    return {rater: tuple(sorted(others)) for rater, others in found.items()}


def _longest_repeat(labels: Sequence[str], *, length: int) -> int:
    """Most answers in a row that are equal to the one `length` before, where the cycle has two or more."""
    best = run = 0
    for place in range(length, len(labels)):
        run = run + 1 if labels[place] == labels[place - length] else 0
        if run > best and len(set(labels[place - length + 1 : place + 1])) > 1:
            best = run
    return best
