"""The table of `python -m benchmarks.statistics`: when a row passes, and that each has something to miss."""

import math
from dataclasses import replace

import pytest

from benchmarks.statistics import Coverage
from benchmarks.statistics_rows import Row, full_report

MET = Row(
    task="t", peer="p", ours_ms=10.0, theirs_ms=100.0, ratio=10.0, difference=0.0, allowed_difference=1e-9,
    target_ratio=10.0, target_ms=20.0, megabytes=5.0, target_megabytes=6.0,
)  # fmt: skip


@pytest.mark.parametrize(
    "missed",
    [
        replace(MET, ratio=9.9),
        replace(MET, ours_ms=20.1),
        replace(MET, difference=1e-8),
        replace(MET, megabytes=6.1),
        replace(MET, ratio=math.nan),
        replace(MET, difference=math.nan),
    ],
    ids=["ratio", "time", "difference", "memory", "no library", "no result to compare"],
)
def test_a_row_fails_where_any_target_is_missed_or_not_measured(missed: Row) -> None:
    """Control: a comparison with NaN the other way round lets an absent library pass."""
    assert MET.passed
    assert not missed.passed


def test_rows_without_a_peer_still_have_a_target() -> None:
    row = full_report(1)
    assert row.target_ms == 2_000
    assert not replace(row, ours_ms=2_001).passed


def test_coverage_outside_its_band_fails() -> None:
    line = Coverage(
        world="w", item_score="median", two_way=95.0, satterthwaite=95.0, items_only=80.0,
        bootstrap=90.0,
        bootstrap_bca=90.0, mean_width=0.5,
        most_coverage=97.0, n_studies=100,
    )  # fmt: skip
    assert line.passed
    assert not replace(line, two_way=92.9).passed
    assert not replace(line, two_way=97.1).passed
