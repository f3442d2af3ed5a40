"""items.csv, raters.csv, groups.csv, comparisons.csv and codebook.csv: the report as files.

Every column is declared here, in `evaluation.campaign_columns`, in `evaluation.importing` or in
`annotation.exports`, with its meaning; the codebook and docs/exports.md are made from the same lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Final

import numpy as np

from annotation.choices import ANSWER_OPTIONS
from annotation.exports import RATINGS
from common.csv_stream import Cell, Column, cell_text, guard, lines, raw_lines
from evaluation import campaign_columns
from evaluation.comparisons import Comparison
from evaluation.metrics.intervals import Interval, IntervalMethod
from evaluation.metrics.opinion import STATUSES, GroupOpinion
from evaluation.metrics.responses import ResponseShares
from evaluation.metrics.screening import RaterScreen
from evaluation.reports import Report
from evaluation.study import NOT_RATED, Option

ALL_ITEMS: Final = "(all items)"
FILTERED_OUT: Final = "filtered out"


@dataclass(frozen=True, kw_only=True)
class GroupLine:
    """One group of one grouping, or all items together, with its counts of answers by option."""

    grouping: str
    opinion: GroupOpinion
    responses: ResponseShares | None


@dataclass(frozen=True, kw_only=True)
class CodebookLine:
    """One column of one file."""

    file: str
    column: str
    meaning: str


@dataclass(frozen=True)
class Described:
    """A column's name and what it holds."""

    name: str
    meaning: str


ITEM_RESULTS: Final = (
    Described("status", "kept, filtered out, or why the item has no score; empty for attention checks."),
    Described("n_scores", "Numeric answers of the raters who count."),
    Described("n_too_abstract", "Answers 'word too abstract'."),
    Described("n_too_poor", "Answers 'image itself is poor'."),
    Described("median", "Median of the scores. Empty unless kept."),
    Described("mean", "Mean of the scores. Empty unless kept."),
    Described("standard_deviation", "Of the scores (n - 1). Empty unless kept with two scores."),
    Described("mean_low", "Lower bound of the mean. Empty unless kept."),
    Described("mean_high", "Upper bound of the mean."),
    Described(
        "mean_method",
        "sos: the spread is that of such means in this study; binomial_bounded: the widest spread that the"
        " scale allows, asked for or where sos has no width.",
    ),
    Described(
        "model_score", "Quality by the maximum-likelihood model of P.910. Empty unless it is asked for."
    ),
    Described("model_score_low", "Lower bound of it."),
    Described("model_score_high", "Upper bound of it."),
)
RATER_MODELS: Final = (
    Described("bias", "Mean difference of the scores from their items' means; empty without a shared item."),
    Described("bias_low", "Lower bound of it (t)."),
    Described("bias_high", "Upper bound of it."),
    Described("inconsistency", "Standard deviation of these differences (n - 1)."),
    Described("inconsistency_low", "Lower bound of it (chi-squared)."),
    Described("inconsistency_high", "Upper bound of it."),
    Described("n_bias", "Scores that these rest on."),
    Described("bias_undefined_because", "Why they are empty; else empty."),
    Described("model_bias", "Bias by the model of P.910. Empty unless it is asked for, or pooled."),
    Described("model_inconsistency", "Inconsistency by the same."),
    Described("model_pooled", "1 where the rater has too few scores for a bias of the rater's own."),
    Described("model_at_floor", "1 where the inconsistency is the model's floor, not the data's."),
)

RATER_RESULTS: Final[tuple[Column[RaterScreen | None], ...]] = tuple(
    Column(name, meaning, partial(lambda screen, name: getattr(screen, name, None), name=name))
    for name, meaning in (
        ("n_answers", "Answers to rated items."),
        ("n_scores", "Of them scores."),
        ("share_of_answers", "Share of all raters' answers to rated items."),
        ("mean_score", "Mean of the rater's scores."),
        (
            "leave_one_out_correlation",
            "Pearson correlation with the mean score of the others on the same items;"
            " empty below three of them.",
        ),
        ("n_compared", "Items that this correlation rests on."),
        ("longest_run", "Most equal answers in a row."),
        ("median_seconds", "Median time per answer."),
        ("fastest_seconds", "Shortest time of an answer."),
    )
)


def _interval_columns(prefix: str, *, of: str, words: str) -> tuple[Column[GroupLine], ...]:
    """low, high and the reason where there are none, of one interval of the group."""

    def interval(line: GroupLine) -> Interval:
        found: Interval = getattr(line.opinion, of)
        return found

    return (
        Column(f"{prefix}_low", f"Lower bound: {words}", lambda line: interval(line).low),
        Column(f"{prefix}_high", f"Upper bound: {words}", lambda line: interval(line).high),
        Column(f"{prefix}_method", "Name of the interval's method.", lambda line: str(interval(line).method)),
        Column(
            f"{prefix}_undefined_because",
            "Why there is no interval; else empty.",
            lambda line: interval(line).reason,
        ),
    )


def _count_of(line: GroupLine, *, option: str) -> Cell:
    if line.responses is None:
        return None
    return dict(zip(line.responses.options, line.responses.counts, strict=True))[option]


def _of(path: str, name: str, meaning: str) -> Column[Any]:
    return Column(name, meaning, attrgetter(path))


_GROUP: Final[tuple[Column[GroupLine], ...]] = (
    _of("grouping", "grouping", "How items are grouped; (all items) for all of them together."),
    _of("opinion.group", "group", "The group; (all) for all items together."),
    _of("opinion.n_items", "n_items", "Items kept."),
    _of("opinion.n_dropped", "n_dropped", "Items that the drop rule dropped."),
    _of("opinion.n_without_score", "n_without_score", "Items without a numeric answer."),
    _of("opinion.n_ratings", "n_ratings", "Numeric answers to the kept items."),
    _of("opinion.n_raters", "n_raters", "Raters who gave them."),
    _of("opinion.mos.estimate", "mos", "Mean opinion score: mean of the item scores. Empty without items."),
    *_interval_columns(
        "mos", of="mos", words="headline interval, its method beside it. Not cut at the ends of the scale."
    ),
    _of(
        "opinion.mos.flag",
        "mos_flag",
        "What to know about these bounds: equal scores, another method; else empty.",
    ),
    _of("opinion.mos.standard_error", "mos_standard_error", "Standard error of that interval."),
    *_interval_columns(
        "mos_t_items", of="ci_t_items", words="Student t over items alone; too narrow once raters differ."
    ),
    *_interval_columns("mos_z196", of="z196", words="1.96 standard errors over items, as in published code."),
    _of("opinion.mos_of_means", "mos_of_means", "Mean of the items' means instead of medians."),
    _of("opinion.standard_deviation", "standard_deviation", "Of the item scores (n - 1)."),
    _of(
        "opinion.fair_share.estimate",
        "fair_share",
        "Share of these answers that reach fair_from, see provenance.json.",
    ),
    *_interval_columns("fair_share", of="fair_share", words="Wilson."),
    _of(
        "opinion.below_min_items",
        "below_min_items",
        "1 for a group with fewer kept items than min_items, see provenance.json.",
    ),
)


def group_columns(options: Sequence[Option]) -> tuple[Column[GroupLine], ...]:
    """Columns of groups.csv for a study with these options."""
    counts = (
        Column(
            f"n_answers_{option.code}",
            f"Answers '{option.label}' of the raters who count, before the drop rule.",
            partial(_count_of, option=option.code),
        )
        for option in options
    )
    return (*_GROUP, *counts)


COMPARISONS: Final[tuple[Column[Comparison], ...]] = (
    _of("grouping", "grouping", "How items are grouped."),
    _of("first", "first", "One group."),
    _of("second", "second", "The other group."),
    _of(
        "n_first", "n_first", "Things with a score in the first group: items, or what items of one name show."
    ),
    _of("n_second", "n_second", "The same of the second group."),
    _of("n_shared", "n_shared", "Things in both groups that the test paired; 0 for an unpaired test."),
    _of("mean_first", "mean_first", "Mean score of the first group."),
    _of("mean_second", "mean_second", "Mean score of the second group."),
    _of(
        "test.effect.estimate",
        "difference",
        "First less second; of the pairs alone where the test is paired.",
    ),
    _of("test.effect.low", "difference_low", "Lower bound of the difference."),
    _of("test.effect.high", "difference_high", "Upper bound of the difference."),
    _of("test.effect.confidence", "confidence", "Confidence of these bounds."),
    _of("test.method", "method", "welch_t, or paired_t where the groups share items."),
    _of("test.statistic", "statistic", "Student's t."),
    _of("test.degrees", "degrees", "Degrees of freedom."),
    _of("test.p_value", "p_value", "Two-sided p-value."),
    _of("p_holm", "p_holm", "The same by Holm's correction over all pairs of this grouping."),
    _of(
        "wilcoxon_p",
        "wilcoxon_p",
        "p-value of the signed-rank test on the same pairs; empty for an unpaired test.",
    ),
    _of("test.reason", "undefined_because", "Why there is no p-value; else empty."),
)

CODEBOOK: Final[tuple[Column[CodebookLine], ...]] = (
    Column("file", "File that has the column.", attrgetter("file")),
    Column("column", "Name of the column.", attrgetter("column")),
    Column("meaning", "What it holds.", attrgetter("meaning")),
)

CAMPAIGN_OPTIONS: Final = tuple(Option(code=option.code, label=option.label) for option in ANSWER_OPTIONS)
# The files of a campaign; docs/exports.md is tested against them.
FILES: Final[Mapping[str, Sequence[Any]]] = {
    "ratings.csv": RATINGS,
    "items.csv": (*campaign_columns.ITEMS, *ITEM_RESULTS),
    "raters.csv": (*campaign_columns.RATERS, *RATER_RESULTS, *RATER_MODELS),
    "groups.csv": group_columns(CAMPAIGN_OPTIONS),
    "comparisons.csv": COMPARISONS,
    "codebook.csv": CODEBOOK,
}


def items_csv(report: Report) -> Iterator[str]:
    """One line per item of the listing, in its order: the given columns, then the results."""
    items, index = report.opinion.items, report.study.items.index
    in_report = (index != NOT_RATED).tolist()
    numbers = (
        items.n_scores, items.n_too_abstract, items.n_too_poor, items.median, items.mean, report.item_spread,
        *_item_bounds(report),
    )  # fmt: skip
    cells = [
        [
            cell_text(value) if here else ""
            for value, here in zip(_taken(column, index), in_report, strict=True)
        ]
        for column in numbers
    ]
    words = [guard(status.value) for status in STATUSES]
    status = [
        words[code] if here else (FILTERED_OUT if rated else "")
        for code, here, rated in zip(
            _taken(items.status, index), in_report, report.rated.tolist(), strict=True
        )
    ]
    given: tuple[Any, ...] = report.study.items.columns
    return raw_lines(
        zip(*(column.cells for column in given), status, *cells, strict=True),
        header=[column.name for column in (*given, *ITEM_RESULTS)],
    )


def _item_bounds(report: Report) -> tuple[np.ndarray, ...]:
    """(items,) each: bounds of the mean, their method, and the model's score with its bounds; kept items'."""
    kept, found, fit = report.opinion.items.kept, report.item_intervals, report.rater_fit
    none = np.full(kept.size, np.nan)
    methods = np.where(found.bounded, str(IntervalMethod.BINOMIAL_BOUNDED), str(found.method)).astype(object)
    model = (none,) * 3 if fit is None else (fit.quality, fit.quality_low, fit.quality_high)
    return (
        np.where(kept, found.low, np.nan),
        np.where(kept, found.high, np.nan),
        np.where(kept, methods, ""),
        *(np.where(kept, column, np.nan) for column in model),
    )


def _taken(column: np.ndarray, index: np.ndarray) -> list[Any]:
    """The column's values at these places; at NOT_RATED whatever comes, also from an empty column."""
    values: list[Any] = (column[index] if column.size else np.zeros(index.size, column.dtype)).tolist()
    return values


def raters_csv(report: Report) -> Iterator[str]:
    """One line per rater in the listing's order: the given columns, then the results."""
    results = [[cell_text(column.of(screen)) for screen in report.screens] for column in RATER_RESULTS]
    results += [[cell_text(value) for value in column] for column in _rater_models(report)]
    given = [column.cells for column in report.study.raters.columns]
    names = [column.name for column in report.study.raters.columns]
    names += [column.name for column in RATER_RESULTS] + [column.name for column in RATER_MODELS]
    return raw_lines(zip(*given, *results, strict=True), header=names)


def _rater_models(report: Report) -> list[list[Any]]:
    """The columns of RATER_MODELS, a value per rater."""
    found, fit, n = report.biases, report.rater_fit, report.study.table.n_raters
    arrays = (
        found.bias, found.bias_low, found.bias_high, found.inconsistency, found.inconsistency_low,
        found.inconsistency_high, found.n,
    )  # fmt: skip
    model: list[list[Any]] = [[None] * n for _ in range(4)]
    if fit is not None and not fit.reason:
        model = [a.tolist() for a in (fit.bias, fit.inconsistency, fit.pooled, fit.at_floor)]
    return [*(array.tolist() for array in arrays), list(found.reasons), *model]


def groups_csv(report: Report) -> Iterator[str]:
    """One line per group of every grouping in its order, then one for all items together."""
    return lines(group_lines(report), columns=group_columns(report.study.options))


def comparisons_csv(report: Report) -> Iterator[str]:
    """One line per pair of groups of every grouping."""
    rows = (comparison for section in report.sections for comparison in section.comparisons)
    return lines(rows, columns=COMPARISONS)


def codebook_csv(report: Report, *, ratings: Sequence[Any]) -> Iterator[str]:
    """One line per column of every file of this report. ratings: the columns of its ratings.csv."""
    files: Mapping[str, Sequence[Any]] = {
        "ratings.csv": ratings,
        "items.csv": (*report.study.items.columns, *ITEM_RESULTS),
        "raters.csv": (*report.study.raters.columns, *RATER_RESULTS, *RATER_MODELS),
        "groups.csv": group_columns(report.study.options),
        "comparisons.csv": COMPARISONS,
        "codebook.csv": CODEBOOK,
    }
    return lines(
        (
            CodebookLine(file=file, column=column.name, meaning=column.meaning)
            for file, columns in files.items()
            for column in columns
        ),
        columns=CODEBOOK,
    )


def group_lines(report: Report) -> list[GroupLine]:
    """All groups with their counts of answers, and all items together."""
    found = [
        GroupLine(grouping=section.grouping.name, opinion=group, responses=responses.get(group.group))
        for section in report.sections
        for responses in [{shares.group: shares for shares in section.responses}]
        for group in section.groups
    ]
    return [*found, GroupLine(grouping=ALL_ITEMS, opinion=report.overall, responses=report.responses)]
