"""Ratings collected elsewhere: every row of a file is used, or named with what is wrong with it."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from evaluation.importing.assembling import Imported, import_file
from evaluation.importing.mapping import Duplicates, Empty, ImportRefused, Mapping, values_of
from evaluation.reports import build


def read(text: str, *, name: str = "ratings.csv", **choices: Any) -> Imported:
    mapping = Mapping(**({"item": "item", "rater": "rater", "score": "score"} | choices))
    return import_file(lambda: io.BytesIO(text.encode()), name=name, mapping=mapping)


def faults(imported: Imported) -> list[tuple[int, str, str]]:
    return [(fault.row, fault.kind.value, fault.value) for fault in imported.faults.in_order()]


def scores(imported: Imported) -> dict[str, float]:
    items = build(imported.study).opinion.items
    return dict(zip(items.item_ids, items.median.tolist(), strict=True))


def test_every_row_is_used_or_named_with_its_row_number() -> None:
    """Control: skip rows of another length in `reading._csv_rows`: row 4 vanishes in silence."""
    imported = read(
        "item,rater,score\n"
        "a,ann,5\n"  # row 2
        "a,bob,4,extra\n"
        "a,,3\n"
        ",cleo,3\n"
        "a,dora,\n"
        "a,emil,good\n"
        "a,finn,9\n"
        "\n"
        "a,gus,2\n"  # row 10
    )
    assert faults(imported) == [
        (3, "wrong number of cells", "4 cells, the header has 3"),
        (4, "no rater id", ""),
        (5, "no item", ""),
        (6, "no score", ""),
        (7, "unknown value", "good"),
        (8, "off the scale", "9"),
    ]
    facts = imported.study.facts["import"]
    assert (facts["rows"], facts["rows_used"]) == (8, 2)
    assert facts["rows"] == facts["rows_used"] + imported.faults.rows_left_out
    assert scores(imported) == {"a": 3.5}


def test_words_become_scores_only_where_they_are_told_to() -> None:
    text = "item,rater,score\na,ann,yes\na,bob,no\na,cleo,Yes\na,dora,skip\n"
    imported = read(text, scale=(0, 1), values=values_of(["yes=1", "no=0", "skip=image_too_poor"]))
    assert faults(imported) == [(4, "unknown value", "Yes")]
    assert imported.study.table.score[:2].tolist() == [1, 0]
    assert imported.study.table.opt_out.tolist() == [0, 0, 2]


def test_digits_of_another_script_are_no_score() -> None:
    """Full-width and Arabic digits. Control: float() alone reads both."""
    imported = read("item,rater,score\na,ann,\uff13\na,bob,\u0664\na,cleo,3\n")
    assert faults(imported) == [(2, "unknown value", "\uff13"), (3, "unknown value", "\u0664")]
    assert scores(imported) == {"a": 3.0}


def test_contradicting_answers_are_left_out_unless_the_mapping_says_which_counts() -> None:
    """Control: let `gathering._chosen` return the first where answers differ."""
    text = "item,rater,score\na,ann,5\na,ann,1\na,bob,3\na,bob,3\n"
    imported = read(text)
    assert faults(imported) == [
        (2, "contradicting answers", "5"),
        (3, "contradicting answers", "1"),
        (5, "repeated answer", "3"),
    ]
    assert scores(imported) == {"a": 3}
    assert scores(read(text, duplicates=Duplicates.FIRST)) == {"a": 4}
    assert scores(read(text, duplicates=Duplicates.LAST)) == {"a": 2}


def test_an_empty_score_can_mean_that_nobody_was_asked() -> None:
    imported = read("item,rater,score\na,ann,5\na,bob,\n", empty=Empty.NOT_ASKED)
    assert faults(imported) == []
    assert imported.study.facts["import"]["rows_not_asked"] == 1


def test_json_lines_are_read_like_csv() -> None:
    imported = read(
        '{"item": "a", "rater": 7, "score": 5}\n[1]\n{"item": "a", "rater": 8, "score": null}\n',
        name="ratings.jsonl",
    )
    assert faults(imported) == [(2, "not a JSON object", "[1]"), (3, "no score", "")]
    assert scores(imported) == {"a": 5}


@pytest.mark.parametrize(
    "line",
    ['{"item": "\\ud800", "rater": 7, "score": 3}', '{"item": "b", "rater": 7, "score": 3, "score": 4}'],
    ids=["half a character", "a name twice"],
)
def test_a_line_that_json_only_guesses_at_is_a_fault(line: str) -> None:
    """Control: plain json.loads takes the last of two; half a character stops the writing of every file."""
    imported = read(f'{{"item": "a", "rater": 7, "score": 5}}\n{line}\n', name="ratings.jsonl")
    assert faults(imported) == [(2, "not a JSON object", line)]
    assert scores(imported) == {"a": 5}


@pytest.mark.parametrize(("separator", "start"), [(";", ""), ("\t", ""), (",", "\ufeff")])
def test_separators_and_a_byte_order_mark_are_recognised(separator: str, start: str) -> None:
    rows = ("item", "rater", "score"), ("a", "ann", "4"), ('"b"', "ann", "2")
    assert scores(read(start + "\n".join(separator.join(row) for row in rows))) == {"a": 4, "b": 2}


def test_a_misspelt_column_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(ImportRefused, match=r"no column 'rater'\. Did you mean 'raters'"):
        read("item,raters,score\na,ann,5\n")


def test_a_file_without_a_usable_row_says_what_stands_in_it() -> None:
    with pytest.raises(ImportRefused, match=r"Most frequent: 'yes' \(2\), 'no' \(1\)"):
        read("item,rater,score\na,ann,yes\nb,ann,yes\nc,ann,no\n")


def test_a_quotation_mark_that_is_never_closed_is_refused_and_changes_nothing_for_other_readers() -> None:
    """Control: raise csv's limit of a cell, which is one for the whole process."""
    before = csv.field_size_limit()
    with pytest.raises(ImportRefused, match="never closed"):
        read('item,rater,score\na,x,"3\n' + "b,y,4\n" * 30_000)
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ('a,x,3\nb,x,"4\nc,x,5\nd,x,1\n', "in row 3 is never closed: 3 lines from there on"),
        ('a,x,3\nb,x,"4', "in row 3 is never closed: 1 line from there on"),
        ('a,x,3\nb,x,"' + "4\n" * 100_000, "Row 3 can't be read: field larger"),
    ],
)
def test_an_open_quotation_mark_swallows_no_row_in_silence(rows: str, told: str) -> None:
    """Control: plain csv.reader: rows 4 and 5 are in the cell of row 3, and nobody hears of them."""
    with pytest.raises(ImportRefused, match=told):
        read("item,rater,score\n" + rows)


def test_a_quotation_mark_closed_too_late_is_named_with_its_lines() -> None:
    """Control: csv.reader without strict: the item is called "b,x,4 c,x,5 de", and row 4 is nowhere."""
    imported = read('item,rater,score\na,x,3\n"b,x,4\nc,x,5\nd"e,x,1\nf,x,2\n"g\nh",x\n')
    assert faults(imported) == [
        (3, "quotation marks that don't enclose a cell", "text beside a quotation mark, on 3 lines"),
        (5, "wrong number of cells",
         "2 cells, the header has 3, on 2 lines: a quotation mark may be open"),
    ]  # fmt: skip
    assert scores(imported) == {"a": 3, "f": 2}


def test_a_list_or_an_object_is_no_name(tmp_path: Path) -> None:
    """Controls: `json.dumps` in `reading._cell`; catch ValueError alone: a deep nest ends in a traceback."""
    imported = read(
        '{"item": {"id": 1}, "rater": "x", "score": 5}\n{"item": "a", "rater": "x", "score": [4]}\n'
        '{"item": "a", "rater": "y", "score": 4, "more": {"not": "read"}}\n'
        + '{"item": ' + "[" * 100_000 + "]" * 100_000 + ', "rater": "z", "score": 3}\n',
        name="r.jsonl",
    )  # fmt: skip
    kind = "a list or an object where a value belongs"
    assert faults(imported)[:2] == [(1, kind, '{"id": 1}'), (2, kind, "[4]")]
    assert [row for row, _, _ in faults(imported)] == [1, 2, 4]
    assert scores(imported) == {"a": 4}


@pytest.mark.parametrize("scale", [(0, 1e300), (0, 5e-324)])
def test_a_scale_that_nobody_can_calculate_with_is_refused(scale: tuple[float, float]) -> None:
    """Control: let it pass: a figure's axis is divided by nothing."""
    with pytest.raises(ImportRefused, match="too long or too short to calculate with"):
        read("item,rater,score\na,x,0\n", scale=scale)


def test_a_header_with_an_open_quotation_mark_is_refused() -> None:
    with pytest.raises(ImportRefused, match="header can't be read"):
        read('item,rater,"score\na,x,3\n')


def test_a_file_in_another_encoding_is_refused_with_the_byte() -> None:
    mapping = Mapping(item="item", rater="rater", score="score")
    with pytest.raises(ImportRefused, match="not UTF-8: byte 0xe4"):
        import_file(
            lambda: io.BytesIO("item,rater,score\nä,b,1".encode("latin-1")), name="r.csv", mapping=mapping
        )
