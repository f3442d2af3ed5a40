import math

import pytest

from evaluation.metrics.responses import response_shares
from evaluation.metrics.shares import rater_shares
from evaluation.metrics.tables import AnswerRow, RatingTable


def test_shares_of_raters_by_hand() -> None:
    rows = [AnswerRow(item=str(i), rater="x", score=3) for i in range(3)]
    shares = rater_shares(RatingTable.from_rows([*rows, AnswerRow(item="0", rater="y", score=3)]))
    assert (shares.max_share, shares.busiest_rater) == (0.75, "x")
    assert shares.herfindahl == pytest.approx(0.625)
    assert shares.effective_raters == pytest.approx(1.6)


def test_nobody_shared_nothing() -> None:
    shares = rater_shares(RatingTable.from_rows([]))
    assert math.isnan(shares.max_share)
    assert shares.reason == "no answers"


def test_raters_without_answers_are_not_counted() -> None:
    table = RatingTable.from_rows(
        [AnswerRow(item="a", rater="x", score=3), AnswerRow(item="a", rater="y", score=3)]
    )
    assert rater_shares(table.without_raters(["y"], reason="test")).n_raters == 1


def test_response_shares_count_all_seven_options_before_any_filter() -> None:
    """Control: calling this after the drop rule loses both answers to "the"."""
    rows = [
        AnswerRow(item="the", rater="x", opt_out="word_too_abstract", group="DET"),
        AnswerRow(item="the", rater="y", score=2, group="DET"),
        AnswerRow(item="dog", rater="x", opt_out="image_too_poor", group="NOUN"),
    ]
    det, noun = response_shares(RatingTable.from_rows(rows))
    assert det.options == ("1", "2", "3", "4", "5", "word_too_abstract", "image_too_poor")
    assert list(det.shares) == [0, 0.5, 0, 0, 0, 0.5, 0]
    assert noun.counts == (0, 0, 0, 0, 0, 0, 1)


def test_a_group_without_answers_has_no_shares() -> None:
    rows = [
        AnswerRow(item="a", rater="x", score=3, group="NOUN"),
        AnswerRow(item="b", rater="y", score=3, group="ADJ"),
    ]
    table = RatingTable.from_rows(rows).without_raters(["y"], reason="test")
    adjective = response_shares(table)[1]
    assert adjective.n_answers == 0
    assert all(math.isnan(share) for share in adjective.shares)


def test_a_continuous_scale_is_refused() -> None:
    table = RatingTable.from_rows([AnswerRow(item="a", rater="x", score=2.5)])
    with pytest.raises(ValueError, match="whole numbers"):
        response_shares(table)
