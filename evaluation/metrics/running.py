"""Mean opinion scores that follow a campaign answer by answer, at a cost that does not grow with it.

An answer touches one item. That item's share in its group's sums is taken out, worked out again from the few
ratings it has, and put back; the group then knows the same sums as `two_way.two_way_parts` would add up:

    N, sum s_i, sum s_i^2,  per rater sum_i J_ir,  sum_r [ (sum_i J_ir)^2 - sum_c (sum_{i in c} J_ir)^2 ]
    and, for each number of items of one thing, how many things have it, sum T_c and sum T_c^2

Adding or removing an answer costs a step per rating of the item. Reading a group costs a step per rater who
is alone with some item, and one step where nobody is. Equal to `opinion_report` on the same answers.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from evaluation.metrics.intervals import Interval, IntervalMethod, share_interval
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.mean_intervals import with_width
from evaluation.metrics.opinion import ALL_GROUPS, HEADLINE, DropRule, Protocol
from evaluation.metrics.running_sums import Agreement, OfRater, Sums
from evaluation.metrics.tables import OPT_OUT_BY_NAME, OptOut, RatingTable
from evaluation.metrics.two_way import two_way


@dataclass(frozen=True, kw_only=True)
class RunningGroup:
    """A group as it stands. mos: estimate NaN without an item; fair_share: of the ratings of kept items.

    n_dropped: items that the drop rule takes out.  n_without_score: items with answers but without a score.
    """

    group: str
    n_items: int
    n_dropped: int
    n_without_score: int
    n_raters: int
    n_ratings: int
    mos: Interval
    fair_share: Interval


class RunningOpinion:
    """The sums of a campaign, by group and over all. Not safe for threads that write at the same time.

    protocol: drop rule, item score, interval (a two-way one), zero_width, fair_from and confidence are used.
    """

    def __init__(self, *, protocol: Protocol = HEADLINE, scale: tuple[float, float] = (1.0, 5.0)) -> None:
        if protocol.interval not in (IntervalMethod.TWO_WAY, IntervalMethod.TWO_WAY_SATTERTHWAITE):
            raise ValueError(f"running sums give a two-way interval, not {protocol.interval!r}")
        self.protocol = protocol
        self.scale = scale
        self._middle = (scale[0] + scale[1]) / 2
        self._answers: dict[str, dict[str, float | OptOut]] = {}
        self._group_of: dict[str, str] = {}
        self._thing_of: dict[str, str] = {}
        self._items_of: dict[str, dict[str, None]] = {}
        self._excluded: set[str] = set()
        self._sums: dict[str, Sums] = {ALL_GROUPS: Sums()}
        self._agreement = Agreement()

    @classmethod
    def from_table(cls, table: RatingTable, *, protocol: Protocol = HEADLINE) -> RunningOpinion:
        """The sums of the answers of a table, to go on from."""
        running = cls(protocol=protocol, scale=table.scale)
        names = {int(option): name for name, option in OPT_OUT_BY_NAME.items()}
        rows = zip(
            table.item_index.tolist(),
            table.rater_index.tolist(),
            table.score.tolist(),
            table.opt_out.tolist(),
            strict=True,
        )
        for item, rater, score, opt_out in rows:
            running.add(
                item=table.item_ids[item],
                rater=table.rater_ids[rater],
                group=table.groups[int(table.group_index[item])],
                score=None if opt_out else score,
                opt_out=names.get(opt_out),
            )
        return running

    def add(
        self,
        *,
        item: str,
        rater: str,
        group: str,
        score: float | None = None,
        opt_out: str | None = None,
        thing: str | None = None,
    ) -> None:
        """Counts one answer: a score XOR an opt-out by name. ValueError for both, neither, a score off the
        scale, an unknown opt-out, a second answer of the rater, or another group than the item's.

        thing: what the item shows, the same in each of its answers; several items of one are one to the
        interval. Without it the item shows its own.
        """
        answer = self._checked(item=item, rater=rater, group=group, score=score, opt_out=opt_out)
        # What can fail has failed by now: no half-made change stays behind.
        if rater not in self._excluded:
            self._count(item, sign=-1)
        self._answers.setdefault(item, {})[rater] = answer
        self._group_of[item] = group
        self._thing_of[item] = item if thing is None else thing
        self._sums.setdefault(group, Sums())
        self._items_of.setdefault(rater, {})[item] = None
        if rater not in self._excluded:
            self._count(item, sign=1)

    def remove(self, *, item: str, rater: str) -> None:
        """Takes one answer back (undo). KeyError where there is none."""
        if rater not in self._answers.get(item, {}):
            raise KeyError(f"rater {rater!r} has no answer to item {item!r}")
        self._count(item, sign=-1)
        del self._answers[item][rater]
        del self._items_of[rater][item]
        self._count(item, sign=1)

    def exclude(self, rater: str) -> None:
        """Leaves a rater's answers out until `include`; also those that still come. Twice changes nothing."""
        self._switch(rater, excluded=True)

    def include(self, rater: str) -> None:
        """Counts an excluded rater's answers again."""
        self._switch(rater, excluded=False)

    def agreement(self) -> float:
        """Krippendorff's alpha at the interval level, of the raters who count; NaN where it is undefined.

        Source: Krippendorff 2004, ch. 11. Equal to `alpha.krippendorff_alpha` on the same answers.
        """
        return self._agreement.alpha()

    def group(self, name: str = ALL_GROUPS) -> RunningGroup:
        """A group as it stands; an unknown one is empty, with a reason."""
        sums = self._sums.get(name, Sums())
        parts = sums.parts(middle=self._middle)
        protocol = self.protocol
        interval = two_way(parts, confidence=protocol.confidence, method=protocol.interval)
        return RunningGroup(
            group=name,
            n_items=sums.n_items,
            n_dropped=sums.n_dropped,
            n_without_score=sums.n_without_score,
            n_raters=parts.n_raters,
            n_ratings=sums.n_ratings,
            mos=with_width(
                interval, parts=parts, all_parts=(parts,), scale=self.scale, rule=protocol.zero_width
            ),
            fair_share=share_interval(
                sums.n_fair,
                total=sums.n_ratings,
                method=protocol.share_interval,
                confidence=protocol.confidence,
            ),
        )

    def groups(self) -> Iterator[RunningGroup]:
        """Every group that has had an answer, in order of first appearance."""
        return (self.group(name) for name in self._sums if name != ALL_GROUPS)

    def _checked(
        self, *, item: str, rater: str, group: str, score: float | None, opt_out: str | None
    ) -> float | OptOut:
        if (score is None) == (opt_out is None):
            raise ValueError("an answer is a score or an opt-out, never both, never neither")
        if rater in self._answers.get(item, {}):
            raise ValueError(f"rater {rater!r} has answered item {item!r} already; remove that answer first")
        if self._group_of.get(item, group) != group:
            raise ValueError(f"item {item!r} is in group {self._group_of[item]!r}, not {group!r}")
        if group == ALL_GROUPS:
            raise ValueError(f"{ALL_GROUPS!r} is the name for all groups together")
        if score is None:
            if opt_out not in OPT_OUT_BY_NAME:
                raise ValueError(f"unknown opt-out {opt_out!r}; choose one of {', '.join(OPT_OUT_BY_NAME)}")
            return OPT_OUT_BY_NAME[opt_out]
        if not self.scale[0] <= score <= self.scale[1]:
            raise ValueError(f"score {score:g} is not on the scale {self.scale[0]:g} to {self.scale[1]:g}")
        return float(score)

    def _switch(self, rater: str, *, excluded: bool) -> None:
        if (rater in self._excluded) == excluded:
            return
        items = list(self._items_of.get(rater, ()))
        for item in items:
            self._count(item, sign=-1)
        if excluded:
            self._excluded.add(rater)
        else:
            self._excluded.discard(rater)
        for item in items:
            self._count(item, sign=1)

    def _count(self, item: str, *, sign: int) -> None:
        """Puts the item's share into the sums of its group and of all (sign 1), or takes it out (-1)."""
        answers = {r: a for r, a in self._answers.get(item, {}).items() if r not in self._excluded}
        if not answers:
            return
        scores = {
            r: a - self._middle for r, a in answers.items() if not isinstance(a, OptOut)
        }  # fmt: skip
        self._agreement.count(scores.values(), sign=sign)
        n_abstract = sum(a is OptOut.WORD_TOO_ABSTRACT for a in answers.values())
        for sums in (self._sums[self._group_of[item]], self._sums[ALL_GROUPS]):
            if _is_dropped(self.protocol.drop_rule, n_abstract=n_abstract, n=len(answers)):
                sums.n_dropped += sign
            elif not scores:
                sums.n_without_score += sign
            else:
                self._count_scores(sums, thing=self._thing_of[item], scores=scores, sign=sign)

    def _count_scores(self, sums: Sums, *, thing: str, scores: dict[str, float], sign: int) -> None:
        value = self._item_score(list(scores.values()))
        sums.count_item(thing, score=value, sign=sign)
        sums.n_ratings += sign * len(scores)
        sums.n_fair += sign * sum(s + self._middle >= self.protocol.fair_from for s in scores.values())
        alone = len(scores) == 1
        for rater in scores:
            own = sums.raters.setdefault(rater, OfRater())
            if not own.singles:
                sums.cross -= own.cross
            rest = [s for other, s in scores.items() if other != rater]
            pull = value if alone else value - self._item_score(rest)
            own.move(thing, pull=pull, alone=alone, sign=sign)
            if own.singles:
                sums.alone.add(rater)
            else:
                sums.alone.discard(rater)
                sums.cross += own.cross
            if not own.ratings:
                # What rounding left of a rater without ratings goes with the rater.
                sums.cross -= own.cross
                del sums.raters[rater]

    def _item_score(self, scores: list[float]) -> float:
        if self.protocol.item_score == ItemScore.MEDIAN:
            return statistics.median(scores)
        return math.fsum(scores) / len(scores)


def _is_dropped(rule: DropRule, *, n_abstract: int, n: int) -> bool:
    if rule == DropRule.ANY_RATER:
        return n_abstract > 0
    return rule == DropRule.MAJORITY and 2 * n_abstract > n
