"""Running numbers of object presence, pairs and masks: every answer touches its own item alone.

An item's share in the sums is taken out, worked out again from the few answers that it has, and put back, as
in `running`. So adding, removing or leaving out an answer costs a step per answer of the item, and reading
costs no step per item. Equal to the reports on the same answers (tests/evaluation/test_live_kinds.py).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Generic, TypeVar

from evaluation.metrics.intervals import NAN, TOO_SMALL, Interval, t_interval, undefined, wilson
from evaluation.metrics.running_sums import ROUNDING, OfSize

Given = TypeVar("Given")
TWO_LABELS = 2


class RunningItems(ABC, Generic[Given]):
    """Who answered what to which item, and who counts. Not safe for threads that write at the same time."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[str, Given]] = {}
        self._items_of: dict[str, dict[str, None]] = {}
        self._excluded: set[str] = set()

    def add(self, *, item: str, rater: str, given: Given) -> None:
        """Counts one answer. ValueError for a second one of the rater."""
        if rater in self._answers.get(item, {}):
            raise ValueError(f"rater {rater!r} has answered item {item!r} already; remove that answer first")
        self._share(item, sign=-1)
        self._answers.setdefault(item, {})[rater] = given
        self._items_of.setdefault(rater, {})[item] = None
        self._share(item, sign=1)

    def remove(self, *, item: str, rater: str) -> None:
        """Takes one answer back. KeyError where there is none."""
        if rater not in self._answers.get(item, {}):
            raise KeyError(f"rater {rater!r} has no answer to item {item!r}")
        self._share(item, sign=-1)
        del self._answers[item][rater]
        del self._items_of[rater][item]
        self._share(item, sign=1)

    def exclude(self, rater: str) -> None:
        """Leaves a rater's answers out until `include`; also those that still come. Twice changes nothing."""
        self._switch(rater, excluded=True)

    def include(self, rater: str) -> None:
        """Counts an excluded rater's answers again."""
        self._switch(rater, excluded=False)

    @abstractmethod
    def count(self, item: str, given: Mapping[str, Given], *, sign: int) -> None:
        """Puts the answers of an item that count, one or more by rater, in (sign 1) or takes them out."""

    def _switch(self, rater: str, *, excluded: bool) -> None:
        if (rater in self._excluded) == excluded:
            return
        items = list(self._items_of.get(rater, ()))
        for item in items:
            self._share(item, sign=-1)
        (self._excluded.add if excluded else self._excluded.discard)(rater)
        for item in items:
            self._share(item, sign=1)

    def _share(self, item: str, *, sign: int) -> None:
        counted = {r: given for r, given in self._answers.get(item, {}).items() if r not in self._excluded}
        if counted:
            self.count(item, counted, sign=sign)


@dataclass(slots=True)
class NominalSums:
    """Sums of Krippendorff's nominal alpha over the items with two answers or more.

    within: sum over items of sum_c n_c (n - n_c) / (n - 1).  of: answers by category.
    Source: Krippendorff 2004, ch. 11.
    """

    n: int = 0
    within: float = 0.0
    of: Counter[Hashable] = field(default_factory=Counter)

    def count(self, answers: Sequence[Hashable], *, sign: int) -> None:
        """Puts an item's answers in (1) or takes them out (-1)."""
        n = len(answers)
        if n < 2:
            return
        own = Counter(answers)
        self.within += sign * sum(c * (n - c) for c in own.values()) / (n - 1)
        self.n += sign * n
        for category, times in own.items():
            self.of[category] += sign * times

    def alpha(self) -> float:
        """1 - D_o / D_e; NaN where no two answers of all differ."""
        expected = sum(times * (self.n - times) for times in self.of.values())
        return 1 - self.within * (self.n - 1) / expected if expected else NAN


class RunningNominal(RunningItems[Hashable]):
    """Krippendorff's nominal alpha of a choice among a few answers."""

    def __init__(self) -> None:
        super().__init__()
        self._sums = NominalSums()

    def alpha(self) -> float:
        """Of the answers that count; NaN where it is undefined."""
        return self._sums.alpha()

    def count(self, item: str, given: Mapping[str, Hashable], *, sign: int) -> None:
        """See RunningItems."""
        del item  # one item is as good as another
        self._sums.count(list(given.values()), sign=sign)


@dataclass(frozen=True)
class Checked:
    """One answer to a checklist. order: when it was submitted.  words: in the order of checking."""

    order: int
    words: tuple[str, ...]


class RunningChecklists(RunningItems[Checked]):
    """Images whose two asked words are the labels with most votes, by relation, and the alpha of the votes.

    Ties go to the word submitted first, as in `top_two_labels` (Tang et al. 2023, sec. 5.1).
    """

    def __init__(self, *, n_words: int, confidence: float = 0.95) -> None:
        """n_words: of the checklist."""
        super().__init__()
        self._n_words = n_words
        self._confidence = confidence
        self._asked: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._found: Counter[tuple[str, bool]] = Counter()
        self._votes = self._yes = 0
        self._within = 0.0

    def ask(self, item: str, *, relation: str, words: tuple[str, ...]) -> None:
        """What is asked of an image; before its first answer. Without exactly two words it has no outcome."""
        self._asked[item] = (relation, words)

    def knows(self, item: str) -> bool:
        """Whether `ask` was called for it."""
        return item in self._asked

    def accuracy(self, relation: str | None = None) -> tuple[Interval, int]:
        """(share of images with both objects, images with an outcome), of all or of one relation."""
        own = {key: n for key, n in self._found.items() if relation is None or key[0] == relation}
        total = sum(own.values())
        if not total:
            reason = "no image with an outcome"
            return undefined(reason, method="wilson", confidence=self._confidence), 0
        hits = sum(n for (_, correct), n in own.items() if correct)
        return wilson(hits, total=total, confidence=self._confidence), total

    def relations(self) -> list[str]:
        """Relations with an outcome, sorted."""
        return sorted({relation for (relation, _), n in self._found.items() if n})

    def alpha(self) -> float:
        """Krippendorff's nominal alpha over all (image, word), checked or not; NaN where it is undefined.

        Equal to `checklist.checklist_alpha`.
        """
        expected = 2 * self._yes * (self._votes - self._yes)
        return 1 - self._within * (self._votes - 1) / expected if expected else NAN

    def count(self, item: str, given: Mapping[str, Checked], *, sign: int) -> None:
        """See RunningItems."""
        lists = sorted(given.values(), key=lambda checked: checked.order)
        votes = Counter(word for checked in lists for word in dict.fromkeys(checked.words))
        if len(lists) > 1:
            self._votes += sign * self._n_words * len(lists)
            self._yes += sign * votes.total()
            self._within += sign * sum(2 * n * (len(lists) - n) for n in votes.values()) / (len(lists) - 1)
        relation, asked = self._asked[item]
        if len(asked) != TWO_LABELS:
            return
        # most_common is stable: of equal votes the word that came first stands first.
        labels = {word for word, _ in votes.most_common(TWO_LABELS)}
        self._found[relation, set(asked) <= labels] += sign


@dataclass(frozen=True)
class Region:
    """One answer to "where is it": a mask as run lengths, empty where the rater found nothing to draw."""

    rle: str


class RunningRegions(RunningItems[Region]):
    """How far raters' masks agree: per word the mean IoU of all pairs of raters of whom one drew, and over
    words the mean with an interval that takes the words of one image as a cluster (`clustered.t_clustered`).
    """

    def __init__(self, *, iou: Callable[[str, str], float], confidence: float = 0.95) -> None:
        """iou: of two masks as run lengths."""
        super().__init__()
        self._iou = iou
        self._confidence = confidence
        self._image_of: dict[str, str] = {}
        self._values: Counter[float] = Counter()
        self._clusters: dict[str, tuple[int, float]] = {}
        self._sizes: dict[int, OfSize] = {}
        self._squares = 0.0
        self._there = NominalSums()

    def show(self, item: str, *, image: str) -> None:
        """Which image a word is in; before its first answer."""
        self._image_of[item] = image

    def alpha(self) -> float:
        """Krippendorff's nominal alpha of whether the word is in the image; NaN where it is undefined."""
        return self._there.alpha()

    def agreement(self) -> tuple[Interval, int]:
        """(mean IoU of the raters' masks, words with a pair of raters of whom one drew)."""
        n, n_images = self._values.total(), len(self._clusters)
        told = {"method": "t_clustered", "confidence": self._confidence}
        if not n:
            return undefined("no word has two raters of whom one drew", **told), 0  # type: ignore[arg-type]
        mean = math.fsum(value * times for value, times in self._values.items()) / n
        reason = ""
        if n_images < 2:
            reason = "one value: no spread to estimate" if n == 1 else "one cluster: no spread to estimate"
        elif len(self._values) == 1:
            reason = f"all {n} values are equal"
        spread = sum(
            held.squares - 2 * size * mean * held.total + (size * mean) ** 2 * held.n_things
            for size, held in self._sizes.items()
        )
        if not reason and spread <= ROUNDING * self._squares:
            reason = "no spread between clusters" if n_images < n else TOO_SMALL.format(n=n, what="values")
        if reason:
            return undefined(reason, estimate=mean, **told), n  # type: ignore[arg-type]
        error = math.sqrt(n_images / (n_images - 1) * spread) / n
        return t_interval(mean, error=error, degrees=n_images - 1.0, **told), n  # type: ignore[arg-type]

    def count(self, item: str, given: Mapping[str, Region], *, sign: int) -> None:
        """See RunningItems."""
        drawn = [region.rle for region in given.values() if region.rle]
        n_absent = len(given) - len(drawn)
        self._there.count([True] * len(drawn) + [False] * n_absent, sign=sign)
        found = [self._iou(first, second) for first, second in combinations(drawn, 2)]
        found += [0.0] * (len(drawn) * n_absent)
        if not found:
            return
        value = math.fsum(found) / len(found)
        self._values[value] += sign
        if not self._values[value]:
            del self._values[value]
        self._squares += sign * value * value
        image = self._image_of[item]
        size, total = self._clusters.pop(image, (0, 0.0))
        self._count_cluster(size, total=total, sign=-1)
        size, total = size + sign, total + sign * value
        if size:
            self._clusters[image] = (size, total)
            self._count_cluster(size, total=total, sign=1)

    def _count_cluster(self, size: int, *, total: float, sign: int) -> None:
        if not size:
            return
        held = self._sizes.setdefault(size, OfSize())
        held.n_things += sign
        held.total += sign * total
        held.squares += sign * total * total
        if not held.n_things:
            del self._sizes[size]
