"""items.csv, raters.csv, groups.csv, codebook.csv and provenance.json: the report as files.

Every column is declared here or in `annotation.exports`, with its meaning; the codebook and docs/exports.md
are made from the same lists.
"""

import json
import platform
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from annotation.choices import ANSWER_OPTIONS
from annotation.exports import RATINGS
from common.csv_stream import Cell, Column, lines
from evaluation.metrics.intervals import Interval
from evaluation.metrics.opinion import GroupOpinion
from evaluation.metrics.responses import ResponseShares
from evaluation.reports import ItemLine, RaterLine, Report

LIBRARIES: Final = ("django", "numpy", "scipy")


@dataclass(frozen=True, kw_only=True)
class GroupLine:
    """One part of speech, or all together, with its shares of responses."""

    opinion: GroupOpinion
    responses: ResponseShares | None


@dataclass(frozen=True, kw_only=True)
class CodebookLine:
    """One column of one file."""

    file: str
    column: str
    meaning: str


def _result(line: ItemLine, name: str) -> Cell:
    value: Cell = getattr(line.result, name) if line.result else None
    return value


def _screen(line: RaterLine, name: str) -> Cell:
    value: Cell = getattr(line.screen, name) if line.screen else None
    return value


ITEMS: Final[tuple[Column[ItemLine], ...]] = (
    Column("item", "Number of the item.", attrgetter("item.item")),
    Column("item_kind", "rating, or attention for an attention check.", attrgetter("item.kind")),
    Column("position", "Place in the campaign's seeded order, from 0.", attrgetter("item.position")),
    Column("prompt_row", "Line of the prompt in the imported file.", attrgetter("item.prompt_row")),
    Column("prompt", "The prompt.", attrgetter("item.prompt")),
    Column("word", "The word in question.", attrgetter("item.word")),
    Column(
        "word_position",
        "Place of the word in the prompt; 0 is the first.",
        attrgetter("item.word_position"),
    ),
    Column("part_of_speech", "Universal part-of-speech tag.", attrgetter("item.part_of_speech")),
    Column("lemma", "Dictionary form of the word.", attrgetter("item.lemma")),
    Column("seed", "Seed of the image's noise.", attrgetter("item.seed")),
    Column("image_sha256", "SHA-256 of the image file.", lambda line: line.item.image_sha256),
    Column(
        "safety_verdict",
        "passed, or unchecked where the model has no filter.",
        attrgetter("item.safety_verdict"),
    ),
    Column("map_peak", "Largest raw value of the word's map.", attrgetter("item.map_peak")),
    Column(
        "status",
        "kept, or why the item has no score; empty for attention checks.",
        lambda line: line.result.status.value if line.result else None,
    ),
    Column("n_scores", "Numeric answers of the raters who count.", lambda line: _result(line, "n_scores")),
    Column("n_too_abstract", "Answers 'word too abstract'.", lambda line: _result(line, "n_too_abstract")),
    Column("n_too_poor", "Answers 'image itself is poor'.", lambda line: _result(line, "n_too_poor")),
    Column(
        "median",
        "Median of the scores: the item's score. Empty unless kept.",
        lambda line: _result(line, "median"),
    ),
    Column("mean", "Mean of the scores. Empty unless kept.", lambda line: _result(line, "mean")),
)

RATERS: Final[tuple[Column[RaterLine], ...]] = (
    Column("rater", "Pseudonym of the rater in this campaign.", attrgetter("rater.rater")),
    Column("platform", "Where the rater came from.", attrgetter("rater.platform")),
    Column("simulated", "1 for a simulated rater of a dry run.", attrgetter("rater.simulated")),
    Column(
        "outcome",
        "completed, stopped, declined; empty for a visit that never ended.",
        attrgetter("rater.outcome"),
    ),
    Column("entered_at", "First visit, by the server's clock (UTC).", attrgetter("rater.entered_at")),
    Column("ended_at", "End of the visit; may be empty.", attrgetter("rater.ended_at")),
    Column("verdict", "kept, failed checks, or excluded (by a researcher).", attrgetter("verdict")),
    Column(
        "exclusion_reason", "The researcher's reason; else empty.", lambda line: line.rater.exclusion_reason
    ),
    Column("checks_answered", "Attention checks answered.", attrgetter("rater.standing.checks.served")),
    Column("checks_wrong", "Of them wrong.", attrgetter("rater.standing.checks.wrong")),
    Column("n_answers", "Answers to rating items.", lambda line: _screen(line, "n_answers")),
    Column("n_scores", "Of them scores.", lambda line: _screen(line, "n_scores")),
    Column(
        "share_of_answers",
        "Share of all raters' answers to rating items.",
        lambda line: _screen(line, "share_of_answers"),
    ),
    Column("mean_score", "Mean of the rater's scores.", lambda line: _screen(line, "mean_score")),
    Column(
        "leave_one_out_correlation",
        "Pearson correlation with the mean score of the others on the same items; empty below three of them.",
        lambda line: _screen(line, "leave_one_out_correlation"),
    ),
    Column("n_compared", "Items that this correlation rests on.", lambda line: _screen(line, "n_compared")),
    Column("longest_run", "Most equal answers in a row.", lambda line: _screen(line, "longest_run")),
    Column(
        "median_seconds",
        "Median time per answer, by the server's clock.",
        lambda line: _screen(line, "median_seconds"),
    ),
    Column("fastest_seconds", "Shortest time of an answer.", lambda line: _screen(line, "fastest_seconds")),
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


def _response_columns() -> tuple[Column[GroupLine], ...]:
    def count(line: GroupLine, option: str) -> int | None:
        if line.responses is None:
            return None
        return dict(zip(line.responses.options, line.responses.counts, strict=True))[option]

    return tuple(
        Column(
            f"n_answers_{option.code}",
            f"Answers '{option.label}' of the raters who count, before the drop rule.",
            partial(count, option=option.code),
        )
        for option in ANSWER_OPTIONS
    )


GROUPS: Final[tuple[Column[GroupLine], ...]] = (
    Column(
        "part_of_speech", "Universal part-of-speech tag; (all) for all together.", attrgetter("opinion.group")
    ),
    Column("n_items", "Items kept.", attrgetter("opinion.n_items")),
    Column("n_dropped", "Items dropped: a rater chose 'word too abstract'.", attrgetter("opinion.n_dropped")),
    Column("n_without_score", "Items without a numeric answer.", attrgetter("opinion.n_without_score")),
    Column("n_ratings", "Numeric answers to the kept items.", attrgetter("opinion.n_ratings")),
    Column("n_raters", "Raters who gave them.", attrgetter("opinion.n_raters")),
    Column(
        "mos",
        "Mean opinion score: mean of the items' medians. Empty without items.",
        attrgetter("opinion.mos.estimate"),
    ),
    *_interval_columns("mos", of="mos", words="two-way cluster-robust over items and raters."),
    Column(
        "mos_standard_error", "Standard error of that interval.", attrgetter("opinion.mos.standard_error")
    ),
    *_interval_columns(
        "mos_t_items", of="ci_t_items", words="Student t over items alone; too narrow once raters differ."
    ),
    *_interval_columns("mos_z196", of="z196", words="1.96 standard errors over items, as in published code."),
    Column(
        "mos_of_means", "Mean of the items' means instead of medians.", attrgetter("opinion.mos_of_means")
    ),
    Column("standard_deviation", "Of the items' medians (n - 1).", attrgetter("opinion.standard_deviation")),
    Column(
        "fair_share", "Share of these answers that are 3 or more.", attrgetter("opinion.fair_share.estimate")
    ),
    *_interval_columns("fair_share", of="fair_share", words="Wilson."),
    Column(
        "below_min_items", "1 for a group of fewer than 30 kept items.", attrgetter("opinion.below_min_items")
    ),
    *_response_columns(),
)

CODEBOOK: Final[tuple[Column[CodebookLine], ...]] = (
    Column("file", "File that has the column.", attrgetter("file")),
    Column("column", "Name of the column.", attrgetter("column")),
    Column("meaning", "What it holds.", attrgetter("meaning")),
)

FILES: Final[Mapping[str, Sequence[Column[Any]]]] = {
    "ratings.csv": RATINGS,
    "items.csv": ITEMS,
    "raters.csv": RATERS,
    "groups.csv": GROUPS,
    "codebook.csv": CODEBOOK,
}


def items_csv(report: Report) -> Iterator[str]:
    """One line per item, attention checks too, in the campaign's order."""
    return lines(report.items, columns=ITEMS)


def raters_csv(report: Report) -> Iterator[str]:
    """One line per rater, in order of arrival."""
    return lines(report.raters, columns=RATERS)


def groups_csv(report: Report) -> Iterator[str]:
    """One line per part of speech in the order of the tag set, then one for all together."""
    return lines(group_lines(report), columns=GROUPS)


def codebook_csv() -> Iterator[str]:
    """One line per column of every file."""
    entries = (
        CodebookLine(file=file, column=column.name, meaning=column.meaning)
        for file, columns in FILES.items()
        for column in columns
    )
    return lines(entries, columns=CODEBOOK)


def group_lines(report: Report) -> list[GroupLine]:
    """The groups with their response shares, and all together."""
    responses = {shares.group: shares for shares in report.responses}
    groups = [GroupLine(opinion=group, responses=responses[group.group]) for group in report.opinion.groups]
    return [*groups, GroupLine(opinion=report.opinion.overall, responses=report.responses_overall)]


def provenance_json(report: Report, *, ratings_sha256: str) -> str:
    """How the numbers came about, as JSON text; the same data give the same bytes."""
    protocol = report.protocol
    facts = {
        "campaign": asdict(report.campaign),
        "filters_in_order": [asdict(step) for step in report.flow],
        "items": asdict(report.item_counts),
        "items_kept_by_drop_rule": {rule.value: n for rule, n in report.opinion.kept_by_rule.items()},
        "raters": {
            "all": len(report.raters),
            "failed_checks": report.raters_failed,
            "excluded_by_a_researcher": report.raters_excluded,
            "simulated": report.raters_simulated,
        },
        "settings": {
            "drop_rule": protocol.drop_rule.value,
            "item_score": protocol.item_score.value,
            "interval": protocol.interval.value,
            "confidence": protocol.confidence,
            "fair_from": protocol.fair_from,
            "min_items": protocol.min_items,
        },
        "files": {"ratings.csv": {"sha256": ratings_sha256}},
        "software": {"percept": _percept_version(), "python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
    }
    return json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _percept_version() -> str:
    """The version in pyproject.toml: Percept runs from its checkout, so no package manager knows it."""
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    return str(tomllib.loads(project.read_text())["project"]["version"])
