"""How far raters agree, by every measure that fits the answers, side by side: one table for every report.

Each measure says what it is for. The first of a set is the headline; measures that the data don't allow keep
their line with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final

import numpy as np

from evaluation.metrics.alpha import Level
from evaluation.metrics.alpha_bootstrap import alphas_with_intervals
from evaluation.metrics.icc import ONE_WAY_FORMS, CompleteScores, IccForm, complete_scores, correlation_of
from evaluation.metrics.intervals import Interval, undefined
from evaluation.metrics.kappas import (
    CountedScores,
    Weights,
    cohen_kappa,
    counted_scores,
    fleiss_of,
    gwet_of,
)
from evaluation.metrics.tables import IndexArray, OptOut, RatingTable

UNKNOWN_RATERS: Final = "the answers don't say who gave them"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """One measure. n_items, n_ratings: what it rests on.  use: when to choose it.

    main: shown on the page; the others are in agreement.csv alone.
    """

    measure: str
    label: str
    value: Interval
    n_items: int
    n_ratings: int
    use: str
    main: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class _Given:
    """What measures rest on. Several rest on the same, which is looked for once.

    clusters: of the items; None where each shows its own thing.
    """

    table: RatingTable
    clusters: IndexArray | None
    confidence: float

    @cached_property
    def sizes(self) -> IndexArray:
        """(items,): scores of each."""
        rows = self.table.opt_out == OptOut.NONE
        sizes: IndexArray = np.bincount(self.table.item_index[rows], minlength=self.table.n_items)
        return sizes

    @cached_property
    def counted(self) -> CountedScores:
        return counted_scores(self.table)

    @cached_property
    def raters(self) -> tuple[str, ...]:
        """The raters with a score; of more than two only how many they are."""
        present = np.unique(self.table.rater_index[self.table.opt_out == OptOut.NONE])
        if present.size > 2:
            return ("",) * present.size
        return tuple(self.table.rater_ids[rater] for rater in present)

    @cached_property
    def one_way(self) -> CompleteScores:
        return complete_scores(self.table, one_way=True)

    @cached_property
    def two_way(self) -> CompleteScores:
        return complete_scores(self.table, one_way=False)

    def complete(self, form: IccForm) -> CompleteScores:
        return self.one_way if form in ONE_WAY_FORMS else self.two_way


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """rests_on: items and ratings.  by_rater: whether it needs to know who rated."""

    name: str
    label: str
    use: str
    of: Callable[[_Given], Interval]
    rests_on: Callable[[_Given], tuple[int, int]]
    by_rater: bool = False
    main: bool = True


def opinion_agreement(
    table: RatingTable, *, same_thing: IndexArray, raters_known: bool, confidence: float, seed: int
) -> tuple[Agreement, ...]:
    """Of scores on an ordered scale: alpha in four levels, kappas, Gwet's coefficients, six ICCs.

    same_thing: (items,), from 0 up, items of one number are one unit to intervals; ICCs have none then.
    """
    clusters = same_thing if np.bincount(same_thing).max(initial=0) > 1 else None
    given = _Given(table=table, clusters=clusters, confidence=confidence)
    levels = (Level.ORDINAL, Level.INTERVAL, Level.NOMINAL, Level.RATIO)
    measures = (_FLEISS, _COHEN_WEIGHTED, _AC1, _AC2, *_ICCS)
    return _alphas(given, levels=levels, seed=seed) + _measured(given, measures, raters_known=raters_known)


def category_agreement(
    table: RatingTable, *, ordered: bool, confidence: float, seed: int, clusters: IndexArray | None = None
) -> tuple[Agreement, ...]:
    """Of a choice among a few answers. ordered: whether their numbers stand in an order of meaning."""
    given = _Given(table=table, clusters=clusters, confidence=confidence)
    levels = (Level.NOMINAL, Level.ORDINAL) if ordered else (Level.NOMINAL,)
    measures = (_FLEISS, _COHEN_WEIGHTED, _AC1, _AC2) if ordered else (_FLEISS, _COHEN, _AC1)
    return _alphas(given, levels=levels, seed=seed) + _measured(given, measures, raters_known=True)


def checklist_agreement(
    alpha: Interval, *, n_items: int, n_votes: int, votes: RatingTable | None, too_many: int
) -> tuple[Agreement, ...]:
    """Of words that raters checked or left. alpha: over all (item, word).

    n_items, n_votes: what alpha rests on.  votes: all as a table of yes (1) and no (0); None where there is
    none or where they are too many to be held one by one; too_many: how many they are then.
    """
    first = Agreement(
        measure="krippendorff_alpha_nominal", label="Krippendorff's alpha, nominal", value=alpha,
        n_items=n_items, n_ratings=n_votes, use=_ALPHA_USES[Level.NOMINAL], main=True,
    )  # fmt: skip
    measures = (_FLEISS, _COHEN, _AC1)
    if votes is not None:
        given = _Given(table=votes, clusters=None, confidence=alpha.confidence)
        return first, *_measured(given, measures, raters_known=True)
    reason = f"{too_many} votes are too many to be counted one by one" if too_many else "no answer"
    return (
        first,
        *(
            Agreement(
                measure=measure.name, label=measure.label, n_items=0, n_ratings=0, use=measure.use, main=True,
                value=undefined(reason, method=measure.name, confidence=alpha.confidence),
            )
            for measure in measures
        ),
    )  # fmt: skip


def _alphas(given: _Given, *, levels: tuple[Level, ...], seed: int) -> tuple[Agreement, ...]:
    found = alphas_with_intervals(
        given.table, rng=np.random.default_rng(seed), levels=levels, clusters=given.clusters,
        confidence=given.confidence,
    )  # fmt: skip
    paired = given.sizes[given.sizes > 1]
    return tuple(
        Agreement(
            measure=f"krippendorff_alpha_{level}",
            label=f"Krippendorff's alpha, {level}",
            value=found[level],
            n_items=int(paired.size),
            n_ratings=int(paired.sum()),
            use=_ALPHA_USES[level],
            main=place < 1 or level == Level.NOMINAL,
        )
        for place, level in enumerate(levels)
    )


def _measured(given: _Given, measures: tuple[_Measure, ...], *, raters_known: bool) -> tuple[Agreement, ...]:
    rows = []
    for measure in measures:
        unknown = measure.by_rater and not raters_known
        value = (
            undefined(UNKNOWN_RATERS, method=measure.name, confidence=given.confidence)
            if unknown
            else measure.of(given)
        )
        n_items, n_ratings = (0, 0) if unknown else measure.rests_on(given)
        rows.append(
            Agreement(
                measure=measure.name, label=measure.label, value=value, n_items=n_items,
                n_ratings=n_ratings, use=measure.use, main=measure.main,
            )
        )  # fmt: skip
    return tuple(rows)


def _scored(given: _Given) -> tuple[int, int]:
    return int((given.sizes > 0).sum()), int(given.sizes.sum())


def _fleiss(given: _Given) -> Interval:
    return fleiss_of(given.counted, clusters=given.clusters, confidence=given.confidence)


def _gwet(given: _Given, *, weights: Weights) -> Interval:
    return gwet_of(given.counted, weights=weights, clusters=given.clusters, confidence=given.confidence)


def _cohen(given: _Given, *, weights: Weights) -> Interval:
    raters = given.raters
    if len(raters) != 2:
        words = f"it is of two raters, here are {len(raters)}"
        return undefined(words, method=f"cohen_kappa_{weights}", confidence=given.confidence)
    return cohen_kappa(
        given.table, raters=(raters[0], raters[1]), weights=weights, clusters=given.clusters,
        confidence=given.confidence,
    )  # fmt: skip


def _both(given: _Given) -> tuple[int, int]:
    """Items that both of two raters scored."""
    n = int((given.sizes == 2).sum()) if len(given.raters) == 2 else 0
    return n, 2 * n


def _icc(form: IccForm, *, label: str, use: str, main: bool) -> _Measure:
    def rests_on(given: _Given) -> tuple[int, int]:
        n, k = given.complete(form).scores.shape
        return n, n * k

    def of(given: _Given) -> Interval:
        return correlation_of(
            given.complete(form), form=form, clusters=given.clusters, confidence=given.confidence
        )

    return _Measure(
        name=form.value, label=label, use=use, main=main, rests_on=rests_on, of=of,
        by_rater=form not in ONE_WAY_FORMS,
    )  # fmt: skip


_ALPHA_USES: Final = {
    Level.ORDINAL: "Ordered answers; any number of raters, any rating may be missing.",
    Level.INTERVAL: "The same, with equal steps between answers.",
    Level.NOMINAL: "No order among answers; any number of raters, any rating may be missing.",
    Level.RATIO: "The same, for amounts with a true zero.",
}
_FLEISS: Final = _Measure(
    name="fleiss_kappa", label="Fleiss' kappa", rests_on=_scored, of=_fleiss,
    use="No order among answers; every item needs equally many ratings.",
)  # fmt: skip
_COHEN: Final = _Measure(
    name="cohen_kappa", label="Cohen's kappa", rests_on=_both, by_rater=True,
    of=partial(_cohen, weights=Weights.IDENTITY),
    use="Exactly two raters, no order among answers.",
)  # fmt: skip
_COHEN_WEIGHTED: Final = _Measure(
    name="cohen_kappa_quadratic", label="Cohen's kappa, quadratic weights", rests_on=_both, by_rater=True,
    of=partial(_cohen, weights=Weights.QUADRATIC),
    use="Exactly two raters, ordered answers.",
)  # fmt: skip
_AC1: Final = _Measure(
    name="gwet_ac1", label="Gwet's AC1", rests_on=_scored, of=partial(_gwet, weights=Weights.IDENTITY),
    use="No order among answers; keeps its meaning where nearly all answers are the same.",
)  # fmt: skip
_AC2: Final = _Measure(
    name="gwet_ac2_quadratic", label="Gwet's AC2, quadratic weights", rests_on=_scored,
    of=partial(_gwet, weights=Weights.QUADRATIC),
    use="The same for ordered answers.",
)  # fmt: skip
_ICCS: Final = (
    _icc(
        IccForm.ONE_WAY, label="ICC(1), one rating", main=True,
        use="Reliability of a single rating where raters differ from item to item.",
    ),
    _icc(
        IccForm.ONE_WAY_AVERAGE, label="ICC(1,k), an item's mean", main=True,
        use="Reliability of the mean of an item's k ratings, other raters for every item.",
    ),
    _icc(
        IccForm.AGREEMENT, label="ICC(2), one rating", main=True,
        use="The same raters score every item and stand for others like them.",
    ),
    _icc(
        IccForm.AGREEMENT_AVERAGE, label="ICC(2,k), an item's mean", main=False,
        use="The same, of the mean over these raters.",
    ),
    _icc(
        IccForm.CONSISTENCY, label="ICC(3), one rating", main=False,
        use="These raters only; a rater's constant leaning doesn't count as disagreement.",
    ),
    _icc(
        IccForm.CONSISTENCY_AVERAGE, label="ICC(3,k), an item's mean", main=False,
        use="The same, of the mean over these raters.",
    ),
)  # fmt: skip
