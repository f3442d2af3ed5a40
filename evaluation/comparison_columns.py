"""The columns of comparisons.csv."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from common.csv_stream import Column
from evaluation.comparisons import Comparison


def _of(path: str, name: str, meaning: str) -> Column[Any]:
    return Column(name, meaning, attrgetter(path))


COMPARISONS: Final[tuple[Column[Comparison], ...]] = (
    _of("grouping", "grouping", "How items are grouped."),
    _of("first", "first", "One group."),
    _of("second", "second", "The other group."),
    _of(
        "n_first", "n_first", "Things with a score in the first group: items, or what items of one name show."
    ),
    _of("n_second", "n_second", "The same of the second group."),
    _of("n_shared", "n_shared", "Things in both groups."),
    _of("n_left_out", "n_left_out", "Things that a paired test left out: only one of the groups has them."),
    _of("mean_first", "mean_first", "Mean score of the first group, over the things that the test used."),
    _of("mean_second", "mean_second", "The same of the second group."),
    _of(
        "test.effect.estimate",
        "difference",
        "mean_first less mean_second.",
    ),
    _of("test.effect.low", "difference_low", "Lower bound of the difference."),
    _of("test.effect.high", "difference_high", "Upper bound of the difference."),
    _of("test.effect.confidence", "confidence", "Confidence of these bounds."),
    _of(
        "test.method",
        "method",
        "paired_t where the groups share most things, welch_t_clustered where fewer, welch_t where none.",
    ),
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
