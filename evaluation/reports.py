"""The whole report of a study: one pure function from the study to everything that files and pages show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from evaluation.agreement import Agreement, opinion_agreement
from evaluation.comparisons import Comparison, compare_groups
from evaluation.filters import filtered
from evaluation.metrics.bounded import ItemIntervals, SosModel, item_intervals, sos_model
from evaluation.metrics.intervals import Interval, IntervalMethod
from evaluation.metrics.methods import method_card
from evaluation.metrics.opinion import (
    ALL_GROUPS,
    PRESETS,
    STATUSES,
    GroupOpinion,
    ItemStatus,
    OpinionReport,
    opinion_report,
)
from evaluation.metrics.outlier_rules import Bt500Screen, ZFilter, bt500_screen, z_filter
from evaluation.metrics.rater_bias import RaterBiases, rater_biases, without_bias
from evaluation.metrics.responses import ResponseShares, response_shares
from evaluation.metrics.screening import RaterScreen, screen_raters
from evaluation.metrics.shares import RaterShares, rater_shares
from evaluation.metrics.subjective_model import SubjectiveFit, subjective_model
from evaluation.metrics.tables import BoolArray, FloatArray, FlowStep, IndexArray, OptOut, RatingTable
from evaluation.rater_rules import RaterRule, rater_rules
from evaluation.settings import RaterModel, Settings
from evaluation.study import NOT_RATED, Grouping, Study
from evaluation.systems_within import SystemsWithin, systems_within


@dataclass(frozen=True, kw_only=True)
class ItemCounts:
    """Where the items of the report went. The kept and the three reasons add up to all."""

    all: int
    kept: int
    too_abstract: int
    no_score: int
    no_answer: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Section:
    """One grouping. groups: in its order.  responses: as groups; empty without options."""

    grouping: Grouping
    groups: tuple[GroupOpinion, ...]
    responses: tuple[ResponseShares, ...]
    comparisons: tuple[Comparison, ...]

    def label(self, value: str) -> str:
        """A group in words."""
        return self._labels.get(value, value)

    @cached_property
    def _labels(self) -> dict[str, str]:
        return dict(zip(self.grouping.values, self.grouping.labels, strict=True))


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """Results of a study. study: the part that the settings' filters left.

    rated: (lines of the items' listing,), whether a line is of an item to rate, filtered out or not.
    item_spread: (items,), standard deviation (n - 1) of each kept item's scores, NaN below two.
    item_intervals: of every item's mean, over the raters who count.
    item_unbiased: (items,), mean of each kept item's scores less their raters' biases (P.913); NaN where
    nobody knows who rated.
    rater_fit: over the same answers, of all raters of the table; None unless it was asked for.
    bt500, z_filter: what two published rules would reject of the same answers; nothing is left out by them.
    rules: those and the report's own exclusions side by side.  agreement: the headline's first.
    sos: how spread follows the mean, over the kept items.  biases: of the study's raters, excluded ones too.
    screens: one per rater of the table, over its answers to rated items; None without one.
    responses: of all groups together, after the exclusion of raters, before the drop rule; None without
    options.
    counted_raters: (raters who count,), their places among the study's.  counted_of_answer: (answers that
    count,), places among those.
    systems: pairs of systems inside the groups of another grouping.
    shares: how evenly the kept raters shared the kept answers.  flow: all filters in order.
    """

    study: Study
    rated: BoolArray
    settings: Settings
    opinion: OpinionReport
    overall: GroupOpinion
    sections: tuple[Section, ...]
    responses: ResponseShares | None
    shares: RaterShares
    agreement: tuple[Agreement, ...]
    item_counts: ItemCounts
    item_spread: FloatArray
    item_intervals: ItemIntervals
    item_unbiased: FloatArray
    rater_fit: SubjectiveFit | None
    bt500: Bt500Screen
    z_filter: ZFilter
    rules: tuple[RaterRule, ...]
    sos: SosModel
    biases: RaterBiases
    screens: tuple[RaterScreen | None, ...]
    counted_raters: IndexArray
    counted_of_answer: IndexArray
    flow: tuple[FlowStep, ...]
    systems: tuple[SystemsWithin, ...]

    @property
    def n_answers(self) -> int:
        """Answers to rated items, of all raters, before any filter of the analysis."""
        return self.study.table.n_answers

    @property
    def alpha(self) -> Interval:
        """The headline of agreement, Krippendorff's ordinal alpha, with its interval."""
        return self.agreement[0].value

    @property
    def headline_interval(self) -> IntervalMethod:
        """Name of the method of the headline interval."""
        return _headline(self.study, self.settings)

    @property
    def raters_kept(self) -> int:
        """Raters with an answer who count."""
        out = _left_out(self.study)
        return sum(screen is not None and not gone for screen, gone in zip(self.screens, out, strict=True))


def default_settings(study: Study, *, preset: str = "headline") -> Settings:
    """A preset's settings, the headline's by default, on the study's own scale.

    Raises KeyError for a preset that there is none of.
    """
    return Settings(protocol=replace(PRESETS[preset], fair_from=study.fair_from))


def build(study: Study, *, settings: Settings | None = None) -> Report:
    """The report; without settings, with the headline's on the study's own scale.

    First go the items that a filter by group doesn't want, then the raters who don't count; then
    `evaluation.metrics.opinion` runs.

    Raises KeyError for a filter by a grouping or group that the study doesn't have.
    """
    settings = settings or default_settings(study)
    rated = study.items.index != NOT_RATED
    study = filtered(study, settings.only)
    kept = _without_excluded(study)
    protocol = replace(settings.protocol, interval=_headline(study, settings))
    opinion = opinion_report(
        _grouped(kept, study.groupings[0]), protocol=protocol, same_thing=study.same_thing
    )
    if not study.raters_known:
        opinion = _without_raters(opinion)
    bt500, z, fit = bt500_screen(kept), z_filter(kept), _rater_fit(study, settings=settings)
    return Report(
        study=study,
        rated=rated,
        settings=settings,
        opinion=opinion,
        overall=opinion.overall,
        sections=tuple(
            _section(kept, opinion=opinion, grouping=grouping, study=study) for grouping in study.groupings
        ),
        responses=_responses(_as_one_group(kept), study=study)[0] if study.options else None,
        shares=rater_shares(kept),
        agreement=opinion_agreement(
            kept,
            same_thing=study.same_thing,
            raters_known=study.raters_known,
            confidence=protocol.confidence,
            seed=protocol.seed,
        ),
        item_counts=_count(opinion),
        item_spread=_spread(kept, opinion=opinion),
        item_intervals=item_intervals(kept, method=settings.item_interval, confidence=protocol.confidence),
        item_unbiased=_unbiased(kept, opinion=opinion, raters_known=study.raters_known),
        rater_fit=fit,
        bt500=bt500,
        z_filter=z,
        rules=rater_rules(study, kept=_as_one_group(kept), opinion=opinion, bt500=bt500, z=z, fit=fit),
        sos=sos_model(kept.only_items(opinion.items.kept, name="kept", detail="items with a score")),
        biases=rater_biases(study.table, confidence=protocol.confidence),
        screens=_screens(study.table),
        counted_raters=np.flatnonzero(~_left_out(study)),
        counted_of_answer=kept.rater_index,
        flow=opinion.flow,
        systems=systems_within(
            opinion.items,
            groupings=study.groupings,
            same_thing=study.same_thing,
            confidence=protocol.confidence,
        ),
    )


def _without_raters(opinion: OpinionReport) -> OpinionReport:
    """The same without numbers of raters: nobody knows who rated, and rows are no raters."""
    return replace(
        opinion,
        groups=tuple(replace(group, n_raters=None) for group in opinion.groups),
        overall=replace(opinion.overall, n_raters=None),
    )


def _without_excluded(study: Study) -> RatingTable:
    """The answers of the raters who count. Every exclusion is a step of the flow, also when nobody goes."""
    table = study.table
    for exclusion in study.exclusions:
        gone = {study.table.rater_ids[index] for index in np.flatnonzero(exclusion.raters)}
        table = table.without_raters(gone & set(table.rater_ids), reason=exclusion.detail)
    return table


def _left_out(study: Study) -> BoolArray:
    """(raters,), whether any exclusion takes the rater."""
    gone = np.zeros(study.table.n_raters, dtype=bool)
    for exclusion in study.exclusions:
        gone |= exclusion.raters
    return gone


def _rater_fit(study: Study, *, settings: Settings) -> SubjectiveFit | None:
    """The model over the answers of the raters who count; the others keep their place without an answer."""
    if settings.rater_model != RaterModel.P910 or not study.raters_known:
        return None
    table = study.table
    counts = ~_left_out(study)[table.rater_index]
    answers = ("item_index", "rater_index", "score", "opt_out", "seconds")
    kept = replace(table, **{name: getattr(table, name)[counts] for name in answers})
    return subjective_model(kept, confidence=settings.protocol.confidence)


def _headline(study: Study, settings: Settings) -> IntervalMethod:
    """The interval that was asked for; Student's t over items where nobody knows who answered."""
    wanted = settings.protocol.interval
    if not study.raters_known and method_card(wanted).raters:
        return IntervalMethod.T_ITEMS
    return wanted


def _section(kept: RatingTable, *, opinion: OpinionReport, grouping: Grouping, study: Study) -> Section:
    regrouped = _grouped(kept, grouping)
    first = grouping is study.groupings[0]
    found = (
        opinion
        if first
        else opinion_report(regrouped, protocol=opinion.protocol, same_thing=study.same_thing)
    )
    if not study.raters_known:
        found = _without_raters(found)
    return Section(
        grouping=grouping,
        groups=found.groups,
        responses=_responses(regrouped, study=study),
        comparisons=compare_groups(
            opinion.items,
            grouping=grouping,
            same_thing=study.same_thing,
            confidence=opinion.protocol.confidence,
        ),
    )


def _responses(table: RatingTable, *, study: Study) -> tuple[ResponseShares, ...]:
    """The shares of each group by the study's options; none without options."""
    codes = [option.code for option in study.options]
    return tuple(found.only(codes) for found in response_shares(table)) if codes else ()


def _grouped(table: RatingTable, grouping: Grouping) -> RatingTable:
    return replace(table, groups=grouping.values, group_index=grouping.index)


def _as_one_group(table: RatingTable) -> RatingTable:
    return replace(table, groups=(ALL_GROUPS,), group_index=np.zeros(table.n_items, dtype=np.int64))


def _screens(table: RatingTable) -> tuple[RaterScreen | None, ...]:
    return tuple(screen if screen.n_answers else None for screen in screen_raters(table))


def _count(opinion: OpinionReport) -> ItemCounts:
    by_status = np.bincount(opinion.items.status, minlength=len(STATUSES))
    of = {status: int(by_status[place]) for place, status in enumerate(STATUSES)}
    return ItemCounts(
        all=int(opinion.items.status.size),
        kept=of[ItemStatus.KEPT],
        too_abstract=of[ItemStatus.TOO_ABSTRACT],
        no_score=of[ItemStatus.NO_SCORE],
        no_answer=of[ItemStatus.NO_ANSWER],
    )


def _unbiased(kept: RatingTable, *, opinion: OpinionReport, raters_known: bool) -> FloatArray:
    """(items,): mean of each kept item's scores, each less its rater's bias."""
    if not raters_known:
        return np.full(kept.n_items, np.nan)
    scores = without_bias(kept).only_scores()
    n = np.bincount(scores.item_index, minlength=kept.n_items)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(scores.item_index, weights=scores.score, minlength=kept.n_items) / n
    return np.where(opinion.items.kept, mean, np.nan)


def _spread(kept: RatingTable, *, opinion: OpinionReport) -> FloatArray:
    """(items,): standard deviation of each kept item's scores. Centred first: raw squares lose digits."""
    numeric = kept.opt_out == OptOut.NONE
    index, score = kept.item_index[numeric], kept.score[numeric]
    n = np.bincount(index, minlength=kept.n_items)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(index, weights=score, minlength=kept.n_items) / n
        squares = np.bincount(index, weights=(score - mean[index]) ** 2, minlength=kept.n_items)
        spread = np.sqrt(squares / (n - 1))
    return np.where(opinion.items.kept & (n > 1), spread, np.nan)
