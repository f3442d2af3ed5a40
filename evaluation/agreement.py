"""How far raters agree, by every measure that fits the answers, side by side: one table for every report.

Each measure says what it is for. The first of a set is the headline; measures that the data don't allow keep
their line with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.metrics.alpha import Level
from evaluation.metrics.alpha_bootstrap import alphas_with_intervals
from evaluation.metrics.icc import ONE_WAY_FORMS, IccForm, complete_scores, intraclass_correlation
from evaluation.metrics.intervals import Interval, undefined
from evaluation.metrics.kappas import Weights, cohen_kappa, fleiss_kappa, gwet_ac
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


@dataclass(frozen=True, kw_only=True)
class _Measure:
    """of: the table, its items' clusters, the confidence.  by_rater: whether it needs to know who rated."""

    name: str
    label: str
    use: str
    of: Callable[[RatingTable, IndexArray | None, float], Interval]
    rests_on: Callable[[RatingTable], tuple[int, int]]
    by_rater: bool = False
    main: bool = True


def opinion_agreement(
    table: RatingTable, *, same_thing: IndexArray, raters_known: bool, confidence: float, seed: int
) -> tuple[Agreement, ...]:
    """Of scores on an ordered scale: alpha in four levels, kappas, Gwet's coefficients, six ICCs.

    same_thing: (items,), items of one number are one unit to intervals; ICCs have none then.
    """
    clusters = None if np.unique(same_thing).size == same_thing.size else same_thing
    levels = (Level.ORDINAL, Level.INTERVAL, Level.NOMINAL, Level.RATIO)
    alphas = _alphas(table, levels=levels, clusters=clusters, confidence=confidence, seed=seed)
    measures = (_FLEISS, _COHEN_WEIGHTED, _AC1, _AC2, *_ICCS)
    return alphas + _measured(
        table, measures, raters_known=raters_known, clusters=clusters, confidence=confidence
    )


def category_agreement(
    table: RatingTable, *, ordered: bool, confidence: float, seed: int, clusters: IndexArray | None = None
) -> tuple[Agreement, ...]:
    """Of a choice among a few answers. ordered: whether their numbers stand in an order of meaning."""
    levels = (Level.NOMINAL, Level.ORDINAL) if ordered else (Level.NOMINAL,)
    alphas = _alphas(table, levels=levels, clusters=clusters, confidence=confidence, seed=seed)
    measures = (_FLEISS, _COHEN_WEIGHTED, _AC1, _AC2) if ordered else (_FLEISS, _COHEN, _AC1)
    return alphas + _measured(table, measures, raters_known=True, clusters=clusters, confidence=confidence)


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
        return (
            first,
            *_measured(votes, measures, raters_known=True, clusters=None, confidence=alpha.confidence),
        )
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


def _alphas(
    table: RatingTable,
    *,
    levels: tuple[Level, ...],
    clusters: IndexArray | None,
    confidence: float,
    seed: int,
) -> tuple[Agreement, ...]:
    found = alphas_with_intervals(
        table, rng=np.random.default_rng(seed), levels=levels, clusters=clusters, confidence=confidence
    )
    n_items, n_ratings = _paired(table)
    return tuple(
        Agreement(
            measure=f"krippendorff_alpha_{level}",
            label=f"Krippendorff's alpha, {level}",
            value=found[level],
            n_items=n_items,
            n_ratings=n_ratings,
            use=_ALPHA_USES[level],
            main=place < 1 or level == Level.NOMINAL,
        )
        for place, level in enumerate(levels)
    )


def _measured(
    table: RatingTable,
    measures: tuple[_Measure, ...],
    *,
    raters_known: bool,
    clusters: IndexArray | None,
    confidence: float,
) -> tuple[Agreement, ...]:
    rows = []
    for measure in measures:
        unknown = measure.by_rater and not raters_known
        value = (
            undefined(UNKNOWN_RATERS, method=measure.name, confidence=confidence)
            if unknown
            else measure.of(table, clusters, confidence)
        )
        n_items, n_ratings = (0, 0) if unknown else measure.rests_on(table)
        rows.append(
            Agreement(
                measure=measure.name, label=measure.label, value=value, n_items=n_items,
                n_ratings=n_ratings, use=measure.use, main=measure.main,
            )
        )  # fmt: skip
    return tuple(rows)


def _counts(table: RatingTable) -> IndexArray:
    """(items,): scores of each."""
    counts: IndexArray = np.bincount(table.item_index[table.opt_out == OptOut.NONE], minlength=table.n_items)
    return counts


def _paired(table: RatingTable) -> tuple[int, int]:
    counts = _counts(table)
    return int((counts > 1).sum()), int(counts[counts > 1].sum())


def _scored(table: RatingTable) -> tuple[int, int]:
    counts = _counts(table)
    return int((counts > 0).sum()), int(counts.sum())


def _pair_of_raters(table: RatingTable) -> tuple[str, ...]:
    """The raters with a score."""
    present = np.unique(table.rater_index[table.opt_out == OptOut.NONE])
    return tuple(table.rater_ids[rater] for rater in present) if present.size <= 2 else ("",) * present.size


def _cohen(
    table: RatingTable, clusters: IndexArray | None, confidence: float, *, weights: Weights
) -> Interval:
    raters = _pair_of_raters(table)
    if len(raters) != 2:
        words = f"it is of two raters, here are {len(raters)}"
        return undefined(words, method=f"cohen_kappa_{weights}", confidence=confidence)
    return cohen_kappa(
        table, raters=(raters[0], raters[1]), weights=weights, clusters=clusters, confidence=confidence
    )


def _both(table: RatingTable) -> tuple[int, int]:
    """Items that both of two raters scored."""
    n = int((_counts(table) == 2).sum()) if len(_pair_of_raters(table)) == 2 else 0
    return n, 2 * n


def _icc(form: IccForm, *, label: str, use: str, main: bool) -> _Measure:
    def rests_on(table: RatingTable) -> tuple[int, int]:
        n, k = complete_scores(table, form=form).shape
        return n, n * k

    return _Measure(
        name=form.value, label=label, use=use, main=main, rests_on=rests_on,
        of=lambda table, clusters, confidence: intraclass_correlation(
            table, form=form, clusters=clusters, confidence=confidence
        ),
        by_rater=form not in ONE_WAY_FORMS,
    )  # fmt: skip


_ALPHA_USES: Final = {
    Level.ORDINAL: "Ordered answers; any number of raters, any rating may be missing.",
    Level.INTERVAL: "The same, with equal steps between answers.",
    Level.NOMINAL: "No order among answers; any number of raters, any rating may be missing.",
    Level.RATIO: "The same, for amounts with a true zero.",
}
_FLEISS: Final = _Measure(
    name="fleiss_kappa", label="Fleiss' kappa", rests_on=_scored,
    use="No order among answers; every item needs equally many ratings.",
    of=lambda table, clusters, confidence: fleiss_kappa(table, clusters=clusters, confidence=confidence),
)  # fmt: skip
_COHEN: Final = _Measure(
    name="cohen_kappa", label="Cohen's kappa", rests_on=_both, by_rater=True,
    use="Exactly two raters, no order among answers.",
    of=lambda table, clusters, confidence: _cohen(table, clusters, confidence, weights=Weights.IDENTITY),
)  # fmt: skip
_COHEN_WEIGHTED: Final = _Measure(
    name="cohen_kappa_quadratic", label="Cohen's kappa, quadratic weights", rests_on=_both, by_rater=True,
    use="Exactly two raters, ordered answers.",
    of=lambda table, clusters, confidence: _cohen(table, clusters, confidence, weights=Weights.QUADRATIC),
)  # fmt: skip
_AC1: Final = _Measure(
    name="gwet_ac1", label="Gwet's AC1", rests_on=_scored,
    use="No order among answers; keeps its meaning where nearly all answers are the same.",
    of=lambda table, clusters, confidence: gwet_ac(table, clusters=clusters, confidence=confidence),
)  # fmt: skip
_AC2: Final = _Measure(
    name="gwet_ac2_quadratic", label="Gwet's AC2, quadratic weights", rests_on=_scored,
    use="The same for ordered answers.",
    of=lambda table, clusters, confidence: gwet_ac(
        table, weights=Weights.QUADRATIC, clusters=clusters, confidence=confidence
    ),
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
