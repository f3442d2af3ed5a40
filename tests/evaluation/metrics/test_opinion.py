import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.opinion import DropRule, ItemStatus, OpinionReport, Protocol, opinion_report
from evaluation.metrics.tables import AnswerRow, RatingTable

ABSTRACT, POOR = "word_too_abstract", "image_too_poor"


def table_of(items: dict[str, tuple[str, list[float | str]]]) -> RatingTable:
    """{item: (group, answers of raters r0, r1, ...)}; a word is an opt-out."""
    return RatingTable.from_rows(
        AnswerRow(
            item=item,
            rater=f"r{r}",
            group=group,
            score=None if isinstance(answer, str) else answer,
            opt_out=answer if isinstance(answer, str) else None,
        )
        for item, (group, answers) in items.items()
        for r, answer in enumerate(answers)
    )


STUDY: dict[str, tuple[str, list[float | str]]] = {
    "dog": ("NOUN", [5, 4, 4]),
    "cat": ("NOUN", [2, POOR, 5]),
    "the": ("DET", [ABSTRACT, ABSTRACT, 3]),
    "a": ("DET", [ABSTRACT, 2, 2]),
    "blur": ("NOUN", [POOR, POOR, POOR]),
}


def by_item(report: OpinionReport) -> dict[str, tuple[ItemStatus, float, float]]:
    return {row.item: (row.status, row.median, row.mean) for row in report.items.rows()}


def test_the_founding_protocol_on_a_study_done_by_hand() -> None:
    report = opinion_report(table_of(STUDY))
    rows = by_item(report)
    assert rows["dog"][:2] == (ItemStatus.KEPT, 4.0)
    assert rows["dog"][2] == pytest.approx(13 / 3)
    assert rows["cat"] == (ItemStatus.KEPT, 3.5, 3.5)
    for word in ("the", "a"):
        assert rows[word][0] == ItemStatus.TOO_ABSTRACT
        assert math.isnan(rows[word][1])
    assert rows["blur"][0] == ItemStatus.NO_SCORE
    noun, det = report.groups
    assert (noun.group, noun.mos.estimate, noun.n_items, noun.n_without_score) == ("NOUN", 3.75, 2, 1)
    assert noun.mos_of_means == pytest.approx((13 / 3 + 3.5) / 2)
    assert (noun.fair_share.estimate, noun.n_ratings) == (4 / 5, 5)
    assert (det.n_items, det.n_dropped) == (0, 2)


def test_one_too_abstract_vote_drops_the_item_unless_the_majority_rule_is_chosen() -> None:
    """Control: counting the vote only among the opt-outs, or > instead of >=, keeps "a" under any_rater."""
    report = opinion_report(table_of(STUDY), protocol=Protocol(drop_rule=DropRule.MAJORITY))
    assert by_item(report)["a"][0] == ItemStatus.KEPT
    assert by_item(report)["the"][0] == ItemStatus.TOO_ABSTRACT
    assert report.kept_by_rule == {DropRule.ANY_RATER: 2, DropRule.MAJORITY: 3, DropRule.NEVER: 4}


def test_half_the_votes_are_not_a_majority() -> None:
    report = opinion_report(
        table_of({"x": ("", [ABSTRACT, 4])}), protocol=Protocol(drop_rule=DropRule.MAJORITY)
    )
    assert by_item(report)["x"] == (ItemStatus.KEPT, 4.0, 4.0)


def test_raters_are_excluded_before_the_drop_rule() -> None:
    """Control: dropping items first would lose "a", whose only opt-out came from the excluded rater."""
    report = opinion_report(table_of(STUDY).without_raters(["r0"], reason="failed attention"))
    assert by_item(report)["a"][0] == ItemStatus.KEPT
    assert [step.name for step in report.flow] == ["exclude raters", "drop rule", "keep scores"]


def test_the_flow_counts_items_raters_and_answers() -> None:
    drop, scores = opinion_report(table_of(STUDY)).flow
    assert (drop.items_before, drop.items_after, drop.answers_before, drop.answers_after) == (5, 3, 15, 9)
    assert (scores.items_before, scores.items_after, scores.answers_after) == (3, 2, 5)


def test_item_means_can_be_chosen_and_are_named() -> None:
    report = opinion_report(table_of(STUDY), protocol=Protocol(item_score=ItemScore.MEAN))
    assert report.groups[0].mos.estimate == pytest.approx((13 / 3 + 3.5) / 2)
    assert report.protocol.item_score == "mean"


def test_an_empty_group_has_reasons_instead_of_numbers() -> None:
    """Control: a default of 0 for an empty group would print a mean opinion score of 0."""
    det = opinion_report(table_of(STUDY)).groups[1]
    for interval in (det.mos, det.ci_t_items, det.z196, det.fair_share):
        assert math.isnan(interval.estimate)
        assert interval.reason
    assert math.isnan(det.mos_of_means)


def test_small_groups_are_flagged_not_hidden() -> None:
    report = opinion_report(table_of(STUDY), protocol=Protocol(min_items=2))
    assert [g.below_min_items for g in report.groups] == [False, True]


def test_overall_takes_every_kept_item_once() -> None:
    report = opinion_report(table_of(STUDY))
    assert (report.overall.n_items, report.overall.mos.estimate) == (2, 3.75)


def test_an_empty_table_gives_an_empty_report() -> None:
    report = opinion_report(RatingTable.from_rows([]))
    assert report.groups == ()
    assert report.overall.mos.reason == "no item"


answers = st.one_of(st.integers(1, 5), st.sampled_from([ABSTRACT, POOR]))
studies = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.tuples(st.sampled_from(["NOUN", "ADJ", ""]), st.lists(answers, min_size=1, max_size=6)),
    max_size=12,
)


@settings(max_examples=150)
@given(items=studies, rule=st.sampled_from(DropRule), score=st.sampled_from(ItemScore))
def test_no_table_crashes_and_no_number_is_silent(
    items: dict[str, tuple[str, list[float | str]]], rule: DropRule, score: ItemScore
) -> None:
    protocol = Protocol(drop_rule=rule, item_score=score)
    report = opinion_report(table_of(items), protocol=protocol)
    for group in (*report.groups, report.overall):
        for interval in (group.mos, group.ci_t_items, group.z196, group.fair_share):
            if interval.reason:
                assert math.isnan(interval.low)
                assert math.isnan(interval.high)
            else:
                assert interval.low < interval.high
                assert interval.low <= interval.estimate <= interval.high
        if group.n_items:
            assert 1 <= group.mos.estimate <= 5
            # The two-way interval never has a smaller standard error than the one over items.
            if group.mos.is_defined and group.mos.method == protocol.interval:
                assert group.mos.standard_error >= group.ci_t_items.standard_error * (1 - 1e-12)


@given(items=studies, seed=st.integers(0, 1000))
def test_the_order_of_the_answers_changes_nothing(
    items: dict[str, tuple[str, list[float | str]]], seed: int
) -> None:
    table = table_of(items)
    order = np.random.default_rng(seed).permutation(table.n_answers)
    columns = ("item_index", "rater_index", "score", "opt_out", "seconds")
    shuffled = replace(table, **{name: getattr(table, name)[order] for name in columns})
    for before, after in zip(opinion_report(table).groups, opinion_report(shuffled).groups, strict=True):
        np.testing.assert_allclose(
            [before.mos.estimate, before.mos.low, before.fair_share.high],
            [after.mos.estimate, after.mos.low, after.fair_share.high],
            atol=1e-12,
        )
