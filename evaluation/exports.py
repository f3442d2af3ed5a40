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
from common.csv_stream import Cell, Column, cell_text, column_lines, guard, lines, raw_lines
from evaluation import campaign_columns
from evaluation.comparison_columns import COMPARISONS
from evaluation.metrics.intervals import Interval, IntervalMethod
from evaluation.metrics.opinion import STATUSES, GroupOpinion
from evaluation.metrics.responses import ResponseShares
from evaluation.metrics.screening import RaterScreen
from evaluation.quality_exports import AGREEMENT, RULES, SYSTEMS
from evaluation.reports import Report
from evaluation.study import NOT_RATED, Option

ALL_ITEMS: Final = "(all items)"
FILTERED_OUT: Final = "filtered out"
METHOD_AT: Final = 8


@dataclass(frozen=True, kw_only=True)
class GroupLine:
    """One group of one grouping, or all items together, with its counts of answers by option."""

    grouping: str
    opinion: GroupOpinion
    responses: ResponseShares | None
    raters_known: bool


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
        "mean_without_bias",
        "Mean of the scores less their raters' biases (P.913). Empty unless kept, and without rater ids.",
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
    Described("bt500_high", "Scores far above the item's others by BT.500; empty for raters left out."),
    Described("bt500_low", "Scores far below by the same."),
    Described("bt500_rejects", "1 where BT.500 would reject the rater."),
    Described("z_filter_rejects", "Scores that P.808's z filter would reject; empty for raters left out."),
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
        Column(f"{prefix}_confidence", "Confidence of these bounds.", lambda line: interval(line).confidence),
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
    Column(
        "n_raters",
        "Raters who gave them; empty where the file doesn't say who.",
        lambda line: line.opinion.n_raters if line.raters_known else None,
    ),
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
        "mos_t_items",
        of="ci_t_items",
        words="Student t over items alone, or over what they show; too narrow once raters differ.",
    ),
    *_interval_columns(
        "mos_z196",
        of="z196",
        words="1.96 S/√N over items, S dividing by N - 1, always of 95 %, also where some show the same"
        " thing. Published code divides by N: z1.96_population.",
    ),
    _of("opinion.mos_of_means", "mos_of_means", "Mean of the items' means instead of medians."),
    _of("opinion.standard_deviation", "standard_deviation", "Of the item scores (n - 1)."),
    _of(
        "opinion.fair_share.estimate",
        "fair_share",
        "Share of these answers that reach fair_from, see provenance.json.",
    ),
    *_interval_columns("fair_share", of="fair_share", words="its method beside it."),
    _of(
        "opinion.below_min_items",
        "below_min_items",
        "1 for a group whose kept items show fewer things than min_items, see provenance.json.",
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
    "system_comparisons.csv": SYSTEMS,
    "agreement.csv": AGREEMENT,
    "rater_rules.csv": RULES,
    "codebook.csv": CODEBOOK,
}


def items_csv(report: Report) -> Iterator[str]:
    """One line per item of the listing, in its order: the given columns, then the results."""
    items, index = report.opinion.items, report.study.items.index
    in_report = index != NOT_RATED
    results = [_numbers_at(column, index=index) for column in _item_numbers(report)]
    # Between the bounds and the model's score stands what made the bounds.
    results.insert(METHOD_AT, _words_at(*_bound_methods(report), index=index))
    words = [guard(status.value) for status in STATUSES]
    rated = np.where(report.rated, len(words), len(words) + 1)
    status = np.where(in_report, items.status[index] if items.status.size else 0, rated)
    words += [FILTERED_OUT, ""]
    given = report.study.items.columns
    return column_lines(
        [*(column.cells for column in given), [words[code] for code in status.tolist()], *results],
        header=[*(column.name for column in given), *(column.name for column in ITEM_RESULTS)],
    )


def _item_numbers(report: Report) -> list[np.ndarray]:
    """(items,) each, in the order of ITEM_RESULTS: counts, scores and the kept items' bounds."""
    items, found, fit = report.opinion.items, report.item_intervals, report.rater_fit
    kept = items.kept
    none = np.full(kept.size, np.nan)
    model = (none,) * 3 if fit is None else (fit.quality, fit.quality_low, fit.quality_high)
    return [
        items.n_scores, items.n_too_abstract, items.n_too_poor, items.median, items.mean, report.item_spread,
        np.where(kept, found.low, np.nan), np.where(kept, found.high, np.nan), report.item_unbiased,
        *(np.where(kept, column, np.nan) for column in model),
    ]  # fmt: skip


def _bound_methods(report: Report) -> tuple[list[str], np.ndarray]:
    """The methods of the items' bounds, and (items,) which of them made an item's."""
    found = report.item_intervals
    words = ["", guard(str(found.method)), guard(str(IntervalMethod.BINOMIAL_BOUNDED))]
    return words, np.where(report.opinion.items.kept, np.where(found.bounded, 2, 1), 0)


def _numbers_at(column: np.ndarray, *, index: np.ndarray) -> list[str]:
    """The cells of a column's numbers at these places; empty at NOT_RATED.

    Most columns hold few distinct numbers, for an item has few ratings: each is written once.
    """
    # By their bits: 0.0 and -0.0 are two cells, and all NaN one.
    bits = np.ascontiguousarray(column).view(np.int64)
    distinct, place = np.unique(bits, return_inverse=True)
    words = [cell_text(value) for value in distinct.view(column.dtype).tolist()]
    return _words_at(words, place, index=index)


def _words_at(words: list[str], place: np.ndarray, *, index: np.ndarray) -> list[str]:
    """The words of these places; an empty one at NOT_RATED."""
    words = [*words, ""]
    code = place[index] if place.size else np.zeros(index.size, dtype=np.int64)
    return [words[at] for at in np.where(index == NOT_RATED, len(words) - 1, code).tolist()]


def raters_csv(report: Report) -> Iterator[str]:
    """One line per rater in the listing's order: the given columns, then the results.

    No line where nobody knows who rated: codebook.csv and provenance.json say so.
    """
    if not report.study.raters_known:
        return raw_lines((), header=[column.name for column in _rater_columns(report)])
    results = [[cell_text(column.of(screen)) for screen in report.screens] for column in RATER_RESULTS]
    results += [[cell_text(value) for value in column] for column in _rater_models(report)]
    given = [column.cells for column in report.study.raters.columns]
    header = [column.name for column in _rater_columns(report)]
    return column_lines([*given, *results], header=header)


def _rater_columns(report: Report) -> tuple[Any, ...]:
    """The columns of raters.csv."""
    return (*report.study.raters.columns, *RATER_RESULTS, *RATER_MODELS)


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
    return [*(array.tolist() for array in arrays), list(found.reasons), *model, *_verdicts(report)]


def _verdicts(report: Report) -> list[list[Any]]:
    """What the published rules say of each rater; None for those who are left out already."""
    counted, screen = report.counted_raters, report.bt500
    rejected = set(screen.rejected)
    far = np.bincount(report.counted_of_answer[report.z_filter.outlier], minlength=counted.size)
    found: list[list[Any]] = [[None] * report.study.table.n_raters for _ in range(4)]
    for place, rater in enumerate(counted.tolist()):
        told = report.study.table.rater_ids[rater] in rejected
        values = (int(screen.high[place]), int(screen.low[place]), told, int(far[place]))
        for column, value in zip(found, values, strict=True):
            column[rater] = value
    return found


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
        "raters.csv": _rater_columns(report),
        "groups.csv": group_columns(report.study.options),
        "comparisons.csv": COMPARISONS,
        "system_comparisons.csv": SYSTEMS,
        "agreement.csv": AGREEMENT,
        "rater_rules.csv": RULES,
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
    known = report.study.raters_known
    found = [
        GroupLine(
            grouping=section.grouping.name,
            opinion=group,
            responses=responses.get(group.group),
            raters_known=known,
        )
        for section in report.sections
        for responses in [{shares.group: shares for shares in section.responses}]
        for group in section.groups
    ]
    everything = GroupLine(
        grouping=ALL_ITEMS, opinion=report.overall, responses=report.responses, raters_known=known
    )
    return [*found, everything]
