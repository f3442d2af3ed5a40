"""The sums that running mean opinion scores are made of: see `running`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from evaluation.metrics.intervals import NAN, TOO_SMALL
from evaluation.metrics.two_way import SAME_MEANS, TwoWayParts, rater_variance

# Sums of squares lose digits when their mean is taken off; a variance below this share of them is rounding.
ROUNDING = 1e-12
NO_ITEM = TwoWayParts(
    estimate=NAN, n_items=0, n_raters=0, n_things=0, item_variance=NAN, rater_variance=NAN,
    standard_deviation=NAN,
)  # fmt: skip


@dataclass(slots=True)
class Agreement:
    """Sums of Krippendorff's alpha (interval level) over the items with two scores or more.

    within: sum over items of sum_{i != j} (x_i - x_j)^2 / (n_u - 1); n, total, squares: of their scores.
    """

    n: int = 0
    within: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def count(self, scores: Collection[float], *, sign: int) -> None:
        """Puts an item's scores in (1) or takes them out (-1)."""
        k = len(scores)
        if k < 2:
            return
        total, squares = math.fsum(scores), math.fsum(s * s for s in scores)
        self.within += sign * 2 * (k * squares - total**2) / (k - 1)
        self.n += sign * k
        self.total += sign * total
        self.squares += sign * squares

    def alpha(self) -> float:
        """1 - D_o / D_e; NaN where no two scores of all differ."""
        expected = 2 * (self.n * self.squares - self.total**2)
        if self.n < 2 or expected <= ROUNDING * max(1.0, self.n * self.squares):
            return NAN
        return 1 - self.within * (self.n - 1) / expected


@dataclass(slots=True)
class OfThing:
    """What one rater does to the items of one thing. pull: as in OfRater.  singles: items that nobody else
    rated."""

    ratings: int = 0
    pull: float = 0.0
    singles: int = 0


@dataclass(slots=True)
class OfRater:
    """What one rater does to one group. pull: sum of J over items that others rated too, and of the scores of
    items rated by this rater alone, whose J needs the mean of the others: `singles`, sum of their scores.

    pull_squares, pull_singles, single_squares: sums over things of pull^2, pull * singles, singles^2.
    """

    ratings: int = 0
    pull: float = 0.0
    singles: int = 0
    single_sum: float = 0.0
    pull_squares: float = 0.0
    pull_singles: float = 0.0
    single_squares: int = 0
    things: dict[str, OfThing] = field(default_factory=dict)

    def move(self, thing: str, *, pull: float, alone: bool, sign: int) -> None:
        """Puts one rating in (sign 1) or takes it out (-1)."""
        own = self.things.setdefault(thing, OfThing())
        self._count(own, sign=-1)
        self.ratings += sign
        own.ratings += sign
        self.pull += sign * pull
        own.pull += sign * pull
        if alone:
            self.singles += sign
            own.singles += sign
            self.single_sum += sign * pull
        if own.ratings:
            self._count(own, sign=1)
        else:
            del self.things[thing]

    @property
    def cross(self) -> float:
        """(sum_i J)^2 - sum_c (sum_{i in c} J)^2 of a rater without an item that nobody else rated."""
        return self.pull**2 - self.pull_squares

    def cross_alone(self, others: float) -> float:
        """The same of one with such items. others: mean of the items that do not rest on this rater alone."""
        squares = self.pull_squares - 2 * others * self.pull_singles + others**2 * self.single_squares
        return (self.pull - self.singles * others) ** 2 - squares

    def _count(self, own: OfThing, *, sign: int) -> None:
        self.pull_squares += sign * own.pull**2
        self.pull_singles += sign * own.pull * own.singles
        self.single_squares += sign * own.singles**2


@dataclass(slots=True)
class OfSize:
    """The things with one number of items: how many, sum and sum of squares of their items' total scores."""

    n_things: int = 0
    total: float = 0.0
    squares: float = 0.0


@dataclass(slots=True)
class Sums:
    """One group. Scores are counted from the middle of the scale, where their squares are small.

    scores: how often each item score comes.  things: number and total score of each thing's items.
    cross: sum over the raters who are not in `alone`.
    """

    n_items: int = 0
    n_dropped: int = 0
    n_without_score: int = 0
    n_ratings: int = 0
    n_fair: int = 0
    total: float = 0.0
    squares: float = 0.0
    scores: Counter[float] = field(default_factory=Counter)
    things: dict[str, tuple[int, float]] = field(default_factory=dict)
    sizes: dict[int, OfSize] = field(default_factory=dict)
    cross: float = 0.0
    raters: dict[str, OfRater] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)

    def count_item(self, thing: str, *, score: float, sign: int) -> None:
        """Puts one item's score in (sign 1) or takes it out (-1)."""
        self.n_items += sign
        self.total += sign * score
        self.squares += sign * score * score
        self.scores[score] += sign
        if not self.scores[score]:
            del self.scores[score]
        size, total = self.things.get(thing, (0, 0.0))
        self._count_thing(size, total=total, sign=-1)
        self.things[thing] = (size + sign, total + sign * score)
        self._count_thing(*self.things[thing], sign=1)
        if not self.things[thing][0]:
            del self.things[thing]

    def _count_thing(self, size: int, total: float, *, sign: int) -> None:
        if not size:
            return
        of_size = self.sizes.setdefault(size, OfSize())
        of_size.n_things += sign
        of_size.total += sign * total
        of_size.squares += sign * total * total
        if not of_size.n_things:
            del self.sizes[size]

    def parts(self, *, middle: float) -> TwoWayParts:
        """What the two-way interval of the group is made of. middle: what scores are counted from."""
        n = self.n_items
        if n == 0:
            return NO_ITEM
        spread = self.squares - self.total**2 / n
        reason = ""
        if len(self.scores) == 1:
            spread, reason = 0.0, f"all {n} item scores are equal"
        elif spread <= ROUNDING * self.squares:
            spread, reason = 0.0, TOO_SMALL.format(n=n, what="item scores")
        squared_sizes = sum(size**2 * held.n_things for size, held in self.sizes.items())
        of_things = spread
        if squared_sizes > n:
            of_things = self._spread_of_things()
            reason = reason or ("" if of_things else SAME_MEANS)
        cross = self.cross
        for rater in self.alone:
            own = self.raters[rater]
            if n > own.singles:
                cross += own.cross_alone((self.total - own.single_sum) / (n - own.singles))
        return TwoWayParts(
            estimate=middle + self.total / n,
            n_items=n,
            n_raters=len(self.raters),
            n_things=n**2 / squared_sizes,
            item_variance=of_things / (n - 1) / n if n**2 > squared_sizes else NAN,
            rater_variance=rater_variance(cross, n_pairs=n**2 - squared_sizes, n_raters=len(self.raters)),
            standard_deviation=math.sqrt(spread / (n - 1)) if n > 1 else NAN,
            no_spread=reason,
        )

    def _spread_of_things(self) -> float:
        """sum_c e_c^2 (N - 1) / (N - n_c), 0 where it is rounding; see `two_way`."""
        n, mean = self.n_items, self.total / self.n_items
        spread, largest = 0.0, 0.0
        for size, held in self.sizes.items():
            largest = max(largest, held.squares)
            squares = held.squares - 2 * size * mean * held.total + (size * mean) ** 2 * held.n_things
            spread += squares * (n - 1) / (n - size) if n > size else 0.0
        return spread if spread > ROUNDING * largest else 0.0
