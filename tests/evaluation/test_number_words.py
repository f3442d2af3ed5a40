"""Scores in words: as many decimals as their scale and their interval need, and no more."""

from pathlib import Path

import pytest

import evaluation
from evaluation.importing.faults import Faults, Kind
from evaluation.metrics.intervals import Interval
from evaluation.number_words import counted, digits_of, end_of_scale, shown

EVALUATION = Path(evaluation.__file__).parent


def interval(low: float, high: float) -> Interval:
    return Interval(estimate=(low + high) / 2, low=low, high=high, method="two_way", confidence=0.95)


@pytest.mark.parametrize(
    ("scale", "value", "text"),
    [
        ((1, 5), 3.456, "3.46"),
        ((1, 3), 2.5, "2.50"),
        ((0, 1), 0.48321, "0.483"),
        ((0, 100), 73.25, "73.2"),
        ((0, 1000), 473.6, "474"),
        ((0, 5000), 2500, "2,500"),
        ((0, 100_000), 47_321.4, "47,321"),
        ((0, 1e12), 4.7321e11, "4.73 × 10¹¹"),
        ((0, 1e-9), 4.7321e-10, "4.73 × 10⁻¹⁰"),
        ((0, 1e-170), 4.7321e-171, "4.73 × 10⁻¹⁷¹"),
        ((1e13, 1e13 + 9), 1e13 + 4.25, "10,000,000,000,004.25"),
        ((-10, 10), -0.001, "0.0"),
        ((-10, 10), -1.5, "−1.5"),
    ],
)
def test_decimals_follow_the_scale(scale: tuple[float, float], value: float, text: str) -> None:
    """Control: two decimals for all: 0.00 for every score on 0 to 1e-9."""
    assert shown(value, digits=digits_of(scale)) == text


def test_bounds_that_differ_are_never_printed_alike() -> None:
    """Control: the scale's decimals alone: 3.60 to 3.60."""
    narrow = interval(3.5996, 3.6011)
    digits = digits_of((1, 5), narrow)
    assert [shown(v, digits=digits) for v in (narrow.low, narrow.high)] == ["3.600", "3.601"]


def test_counts_and_ends_of_scales_are_written_in_full() -> None:
    assert [counted(n, "item") for n in (0, 1, 12_000)] == ["0 items", "1 item", "12,000 items"]
    assert [end_of_scale(v) for v in (1.0, -2.5, 1e13 + 9, 1e-170, 1e16, 1e13 + 4.5, 0.75e-170)] == [
        "1", "−2.5", "10,000,000,000,009", "1 × 10⁻¹⁷⁰", "1 × 10¹⁶", "10,000,000,000,004.5",
        "7.5 × 10⁻¹⁷¹",
    ]  # fmt: skip
    assert shown(0.25, digits=2, signed=True) == "+0.25"


def test_one_thousands_separator_in_every_sentence_of_an_import() -> None:
    """Control: a bare {n:,} beside counted()."""
    faults = Faults()
    for row in range(2, 2002):
        faults.add(Kind.UNKNOWN_VALUE, row=row, column="score", value="good")
    (line,) = faults.summary()
    assert line.startswith("2,000 rows: unknown value")
    assert "'good' (2,000)" in line
    bare = [path.name for path in EVALUATION.rglob("*.py") if ":,}" in path.read_text(encoding="utf-8")]
    assert bare == ["number_words.py"]
