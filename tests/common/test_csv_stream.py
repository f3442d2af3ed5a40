"""Streamed CSV: what a spreadsheet sees, and what a reader gets back."""

import csv
import io
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.csv_stream import Column, cell_text, column_lines, guard, in_chunks, lines, raw_lines, unguard

DANGEROUS = "=+-@＝＋－＠"
# Few characters, so that the search meets the bad beginnings often.
TEXTS = st.one_of(st.text(), st.text(alphabet=DANGEROUS + "' \t\r\n\u00a0a1,\"", max_size=4))


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+49", "-2", "@SUM(A1)", "\t=1", "\r=1", "  =HYPERLINK(1)", "＝cmd", "\u00a0=1", "\n-1"],
)
def test_formula_prone_text_starts_with_an_apostrophe(text: str) -> None:
    """Control: let `guard` return its argument."""
    assert guard(text) == "'" + text


@given(TEXTS)
def test_no_text_starts_as_a_formula(text: str) -> None:
    """Control: take a sign out of FORMULA_STARTS."""
    assert not cell_text(text).lstrip().startswith(tuple(DANGEROUS))


@given(TEXTS)
def test_a_guarded_text_comes_back_exactly(text: str) -> None:
    """Control: leave the apostrophe out for texts that already start with one."""
    assert unguard(guard(text)) == text


@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False)), max_size=5))
def test_a_file_reads_back_as_the_rows_it_was_written_from(rows: list[tuple[str, float]]) -> None:
    columns: list[Column[tuple[str, float]]] = [
        Column("text", "Any text.", lambda row: row[0]),
        Column("number", "Any number.", lambda row: row[1]),
    ]
    text = b"".join(in_chunks(lines(rows, columns=columns), size=10)).decode()
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[0] == ["text", "number"]
    assert [(unguard(cell), float(number)) for cell, number in read[1:]] == rows


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["", 'a "word"', "a, b", "plain"])), max_size=5))
def test_columns_give_the_text_that_rows_give(rows: list[tuple[str, str]]) -> None:
    """Outside truth: the standard library's writer. Control: take a sign out of SPECIAL."""
    columns = [[row[place] for row in rows] for place in range(2)]
    header = ["first", "second, of two"]
    assert "".join(column_lines(columns, header=header)) == "".join(raw_lines(rows, header=header))


def test_columns_of_unequal_length_are_refused() -> None:
    """Control: leave the check of the lengths out of `column_lines`."""
    with pytest.raises(ValueError, match="of equal length"):
        list(column_lines([["a"], []], header=["one", "two"]))


def test_a_moment_is_written_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert cell_text(datetime(2026, 3, 29, 1, 30, tzinfo=east)) == "2026-03-28T23:30:00.000000Z"


def test_undefined_is_an_empty_cell() -> None:
    assert cell_text(None) == ""
    assert cell_text(float("nan")) == ""


def test_yes_and_no_are_one_and_zero() -> None:
    assert (cell_text(True), cell_text(False)) == ("1", "0")


def test_a_mapping_is_the_same_text_in_any_order() -> None:
    assert cell_text({"b": 1, "a": 2}) == cell_text({"a": 2, "b": 1}) == '{"a":2,"b":1}'
