"""The table that the demo prints: what is defined in numbers, what is not with its reason."""

from evaluation.metrics.opinion import opinion_report
from evaluation.metrics.tables import AnswerRow, RatingTable
from studies.demo_table import mos_table

# Medians by hand: circle (3 + 4) / 2 = 3.5, square (5 + 3) / 2 = 4, so NOUN is 3.75; the verb has one item.
TABLE = RatingTable.from_rows(
    [
        AnswerRow(item="circle", rater="A", score=3, group="NOUN"),
        AnswerRow(item="circle", rater="B", score=4, group="NOUN"),
        AnswerRow(item="square", rater="A", score=5, group="NOUN"),
        AnswerRow(item="square", rater="B", score=3, group="NOUN"),
        AnswerRow(item="runs", rater="A", score=2, group="VERB"),
    ]
)


def table() -> str:
    return mos_table(opinion_report(TABLE))


def test_a_group_shows_its_items_its_ratings_and_its_score() -> None:
    noun = next(line for line in table().splitlines() if line.startswith("NOUN"))
    assert noun.split()[:5] == ["NOUN", "2", "0", "4", "3.75"]


def test_a_group_without_an_interval_says_why_beneath() -> None:
    assert any(line.startswith("VERB: no interval: ") for line in table().splitlines())


def test_no_cell_says_nan() -> None:
    assert "nan" not in table().lower()


def test_an_interval_is_cut_at_the_ends_of_the_scale_and_the_table_says_so() -> None:
    # Two items and two raters: one degree of freedom, so the computed bounds lie far off the scale.
    noun = next(group for group in opinion_report(TABLE).groups if group.group == "NOUN")
    assert noun.mos.high > 5
    assert "[1.00, 5.00]" in table()
    assert "Intervals are cut at the ends of the scale, 1 to 5." in table()
