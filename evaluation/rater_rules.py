"""What each rule for leaving raters or ratings out takes away, and what the mean opinion score becomes.

The report's own exclusions are applied; the published rules stand beside them and leave nothing out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from evaluation.agreement import UNKNOWN_RATERS
from evaluation.metrics.intervals import NAN, Interval, clopper_pearson, undefined
from evaluation.metrics.opinion import OpinionReport, Protocol, opinion_report
from evaluation.metrics.outlier_rules import Bt500Screen, ZFilter
from evaluation.metrics.screening import RejectRates, reject_rates
from evaluation.metrics.subjective_model import SubjectiveFit
from evaluation.metrics.tables import BoolArray, IndexArray, RatingTable
from evaluation.study import Study

NOT_ASKED: Final = "choose P.910 as the bias of raters to have it"


@dataclass(frozen=True, kw_only=True)
class RaterRule:
    """One rule. n_raters, n_answers: of those with an answer, before it.

    n_raters, raters_rejected: None where nobody knows who rated.
    rates: what it rejects, with bounds of the report's confidence.
    mos: the headline where the rule is followed.  note: what to know about it, e.g. that it can't fire.
    """

    rule: str
    label: str
    applied: bool
    n_raters: int | None
    n_answers: int
    raters_rejected: int | None
    answers_rejected: int
    rates: RejectRates
    mos: Interval
    note: str


def rater_rules(
    study: Study,
    *,
    kept: RatingTable,
    opinion: OpinionReport,
    bt500: Bt500Screen,
    z: ZFilter,
    fit: SubjectiveFit | None,
) -> tuple[RaterRule, ...]:
    """The rules in reading order. kept: the answers of the raters who count.  opinion: what they give."""
    score = _scorer(kept, opinion=opinion, same_thing=study.same_thing)
    table = replace(study.table, groups=kept.groups, group_index=kept.group_index)
    nobody = np.zeros(table.n_answers, dtype=bool)
    own = np.zeros(table.n_raters, dtype=bool)
    rule = partial(_rule, score=score, confidence=opinion.protocol.confidence)
    rules = [rule("none", "no rater left out", table, gone=nobody, applied=False)]
    for place, exclusion in enumerate(study.exclusions, start=1):
        own |= exclusion.raters
        rules.append(
            rule(
                f"exclusion_{place}",
                exclusion.detail,
                table,
                gone=exclusion.raters[table.rater_index],
                applied=True,
            )
        )
    here = "all of these, as in this report"
    rules.append(rule("this_report", here, table, gone=own[table.rater_index], applied=True))
    rejected = np.isin(np.array(kept.rater_ids, dtype=object), np.array(bt500.rejected, dtype=object))
    far = rejected[kept.rater_index]
    if study.raters_known:
        label = "further, raters by ITU-R BT.500"
        rules.append(rule("bt500", label, kept, gone=far, applied=False, note=bt500.note))
    label = "further, ratings by ITU-T P.808's z filter"
    rules.append(rule("p808_z_filter", label, kept, gone=z.outlier, applied=False, note=z.note))
    if study.raters_known:
        rules.append(_model(kept, opinion=opinion, fit=fit))
    return tuple(rules if study.raters_known else map(_without_raters, rules))


def _without_raters(rule: RaterRule) -> RaterRule:
    """The rule without numbers of raters: rows are none."""
    found = rule.rates.by_rater
    none = undefined(UNKNOWN_RATERS, method=found.method, confidence=found.confidence)
    rates = replace(rule.rates, by_rater=none, by_assignment=none)
    return replace(rule, n_raters=None, raters_rejected=None, rates=rates)


Scorer = Callable[[RatingTable, BoolArray], Interval]


def _scorer(kept: RatingTable, *, opinion: OpinionReport, same_thing: IndexArray) -> Scorer:
    """The headline without some answers; what was worked out already is not worked out again."""
    # Only the overall score is asked for: one group, and none of the intervals beside it.
    protocol: Protocol = replace(opinion.protocol, also=())

    def score(table: RatingTable, gone: BoolArray) -> Interval:
        left = table.n_answers - int(gone.sum())
        if left == kept.n_answers and (table is kept or _same_answers(table, gone, kept)):
            return opinion.overall.mos
        answers = ("item_index", "rater_index", "score", "opt_out", "seconds")
        stay = replace(table, **{name: getattr(table, name)[~gone] for name in answers})
        return opinion_report(stay, protocol=protocol, same_thing=same_thing).overall.mos

    return score


def _same_answers(table: RatingTable, gone: BoolArray, kept: RatingTable) -> bool:
    """Whether the table without these answers is `kept`, whose raters are numbered anew."""
    left = ~gone
    return np.array_equal(table.item_index[left], kept.item_index) and np.array_equal(
        table.score[left], kept.score, equal_nan=True
    )


def _rule(
    name: str, label: str, table: RatingTable, *, gone: BoolArray, applied: bool, score: Scorer,
    confidence: float, note: str = "",
) -> RaterRule:  # fmt: skip
    """A rule that rejects these answers; a rater counts as rejected when all the rater's answers are."""
    before = np.bincount(table.rater_index, minlength=table.n_raters)
    after = np.bincount(table.rater_index[~gone], minlength=table.n_raters)
    lost = [table.rater_ids[r] for r in np.flatnonzero((before > 0) & (after == 0))]
    silent = {table.rater_ids[r] for r in np.flatnonzero(before == 0)}
    present = table.without_raters(silent, reason="no answer") if silent else table
    rates = reject_rates(
        present, excluded=lost, assignments=dict.fromkeys(present.rater_ids, 1), confidence=confidence
    )
    if int(gone.sum()) != int(before[after == 0].sum()):
        by_answer = clopper_pearson(int(gone.sum()), total=table.n_answers, confidence=confidence)
        rates = replace(rates, by_answer=by_answer)
    return RaterRule(
        rule=name, label=label, applied=applied, n_raters=present.n_raters, n_answers=table.n_answers,
        raters_rejected=len(lost), answers_rejected=int(gone.sum()), rates=rates,
        mos=score(table, gone), note=note,
    )  # fmt: skip


def _model(kept: RatingTable, *, opinion: OpinionReport, fit: SubjectiveFit | None) -> RaterRule:
    """P.910's maximum likelihood: it rejects nobody and weighs everybody."""
    mean, reason = NAN, fit.reason if fit else NOT_ASKED
    if fit is not None and not fit.reason:
        quality = fit.quality[opinion.items.kept]
        quality = quality[~np.isnan(quality)]
        mean = float(quality.mean()) if quality.size else NAN
        reason = "the model has none for a mean of items" if quality.size else "no item"
    found = undefined(reason, method="p910", confidence=opinion.protocol.confidence, estimate=mean)
    return _rule(
        "p910_model", "instead, raters weighed by ITU-T P.910's model", kept,
        gone=np.zeros(kept.n_answers, dtype=bool), applied=False, score=lambda *_: found,
        confidence=opinion.protocol.confidence, note="rejects nobody",
    )  # fmt: skip
