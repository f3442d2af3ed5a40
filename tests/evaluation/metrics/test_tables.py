import math

import numpy as np
import pytest

from evaluation.metrics.tables import AnswerRow, OptOut, RatingTable, TableError


def small_table() -> RatingTable:
    return RatingTable.from_rows(
        [
            AnswerRow(item="a", rater="x", score=4, group="NOUN", seconds=2.0),
            AnswerRow(item="a", rater="y", opt_out="image_too_poor", group="NOUN"),
            AnswerRow(item="b", rater="x", opt_out="word_too_abstract", group="DET"),
            AnswerRow(item="b", rater="z", score=1, group="DET"),
        ]
    )


def test_rows_become_columns_in_their_order() -> None:
    table = small_table()
    assert table.item_ids == ("a", "b")
    assert table.rater_ids == ("x", "y", "z")
    assert [table.groups[g] for g in table.group_index] == ["NOUN", "DET"]
    assert table.opt_out.tolist() == [0, OptOut.IMAGE_TOO_POOR, OptOut.WORD_TOO_ABSTRACT, 0]
    np.testing.assert_array_equal(table.score, [4, math.nan, math.nan, 1])


def test_dense_tells_not_asked_from_opted_out() -> None:
    scores, opt_outs = small_table().dense()
    np.testing.assert_array_equal(scores, [[4, math.nan, math.nan], [math.nan, math.nan, 1]])
    np.testing.assert_array_equal(opt_outs, [[0, 2, 0], [1, 0, 0]])


def test_every_bad_row_is_named_at_once() -> None:
    """Control: reporting only the first problem, or skipping the duplicate check, turns this red."""
    with pytest.raises(TableError) as raised:
        RatingTable.from_rows(
            [
                AnswerRow(item="a", rater="x", score=4, opt_out="image_too_poor"),
                AnswerRow(item="a", rater="x", score=4, group="NOUN"),
                AnswerRow(item="b", rater="x"),
                AnswerRow(item="c", rater="x", score=6),
                AnswerRow(item="d", rater="x", score=math.inf),
            ]
        )
    text = "\n".join(raised.value.problems)
    assert len(raised.value.problems) == 6
    for part in (
        "row 0: a score and an opt-out",
        "row 2: neither",
        "row 3: score 6",
        "row 4: score inf",
        "rater 'x' answered item 'a' more than once",
        "item 'a' is in more than one group",
    ):
        assert part in text


def test_an_unknown_opt_out_is_named() -> None:
    with pytest.raises(TableError, match="row 0: unknown opt-out 'too_pretty'"):
        RatingTable.from_rows([AnswerRow(item="a", rater="x", opt_out="too_pretty")])


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(TableError, match="raters has 1 rows, items has 2"):
        RatingTable.from_columns(items=["a", "b"], raters=["x"], scores=[1, 2])


def test_excluding_a_rater_takes_the_answers_and_writes_the_flow() -> None:
    table = small_table().without_raters(["x"], reason="failed an attention check")
    assert table.rater_ids == ("y", "z")
    assert [table.rater_ids[r] for r in table.rater_index] == ["y", "z"]
    step = table.flow[-1]
    assert (step.raters_before, step.raters_after) == (3, 2)
    assert (step.items_before, step.items_after) == (2, 2)
    assert (step.answers_before, step.answers_after) == (4, 2)
    assert step.detail == "failed an attention check"


def test_an_item_that_lost_its_last_rater_stays_known() -> None:
    table = small_table().without_raters(["x", "z"], reason="test")
    assert table.item_ids == ("a", "b")
    assert table.items_with_answers() == 1


def test_excluding_a_misspelt_rater_is_an_error() -> None:
    """Control: set difference without the check would leave the rater in, silently."""
    with pytest.raises(TableError, match="no rater 'X'"):
        small_table().without_raters(["X"], reason="test")


def test_an_empty_study_is_a_table() -> None:
    table = RatingTable.from_rows([])
    assert (table.n_items, table.n_raters, table.n_answers) == (0, 0, 0)
    assert table.dense()[0].shape == (0, 0)


def test_a_huge_dense_array_is_refused_in_words() -> None:
    rows = [AnswerRow(item=f"i{n}", rater=f"r{n}", score=3) for n in range(8000)]
    with pytest.raises(MemoryError, match="long form"):
        RatingTable.from_rows(rows).dense()
