"""Running sums against the batch report on the same answers, after any sequence of additions and removals."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics.intervals import Interval, IntervalMethod
from evaluation.metrics.item_scores import ItemScore
from evaluation.metrics.opinion import ALL_GROUPS, DropRule, GroupOpinion, Protocol, opinion_report
from evaluation.metrics.running import RunningGroup, RunningOpinion
from evaluation.metrics.tables import AnswerRow, RatingTable

ABSTRACT, POOR = "word_too_abstract", "image_too_poor"
answers = st.one_of(st.integers(1, 5), st.sampled_from([ABSTRACT, POOR, POOR]))
moves = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "add", "add", "remove", "exclude", "include"]),
        st.integers(0, 5),
        st.integers(0, 4),
        answers,
    ),
    max_size=60,
)
protocols = st.builds(
    Protocol,
    drop_rule=st.sampled_from(DropRule),
    item_score=st.sampled_from(ItemScore),
    interval=st.sampled_from([IntervalMethod.TWO_WAY, IntervalMethod.TWO_WAY_SATTERTHWAITE]),
)
Move = tuple[str, int, int, int | str]


def row(item: int, rater: int, answer: int | str) -> AnswerRow:
    return AnswerRow(
        item=f"i{item}",
        rater=f"r{rater}",
        group=f"g{item % 2}",
        score=None if isinstance(answer, str) else answer,
        opt_out=answer if isinstance(answer, str) else None,
    )


def play(
    steps: list[Move], *, protocol: Protocol, shown: int | None = None
) -> tuple[RunningOpinion, dict[tuple[int, int], AnswerRow], set[int]]:
    """The running sums, and the answers and exclusions that they stand for. shown: items i0, i1 .. show so
    many each of t0, t1 ..; None: each its own."""
    running, held, out = RunningOpinion(protocol=protocol), dict[tuple[int, int], AnswerRow](), set[int]()
    for move, item, rater, answer in steps:
        if move == "add" and (item, rater) not in held:
            held[item, rater] = new = row(item, rater, answer)
            running.add(
                item=new.item, rater=new.rater, group=new.group, score=new.score, opt_out=new.opt_out,
                thing=f"t{item // shown}" if shown else None,
            )  # fmt: skip
        elif move == "remove" and (item, rater) in held:
            del held[item, rater]
            running.remove(item=f"i{item}", rater=f"r{rater}")
        elif move == "exclude":
            out.add(rater)
            running.exclude(f"r{rater}")
        elif move == "include":
            out.discard(rater)
            running.include(f"r{rater}")
    return running, held, out


def assert_same(ours: Interval, theirs: Interval) -> None:
    assert (ours.reason, ours.flag, ours.method) == (theirs.reason, theirs.flag, theirs.method)
    for name in ("estimate", "low", "high"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert (math.isnan(a) and math.isnan(b)) or a == pytest.approx(b, abs=1e-9)


def assert_group(ours: RunningGroup, theirs: GroupOpinion) -> None:
    assert (ours.n_items, ours.n_dropped, ours.n_raters, ours.n_ratings) == (
        theirs.n_items,
        theirs.n_dropped,
        theirs.n_raters,
        theirs.n_ratings,
    )
    assert_same(ours.mos, theirs.mos)
    assert_same(ours.fair_share, theirs.fair_share)


@settings(max_examples=150)
@given(steps=moves, protocol=protocols, shown=st.sampled_from([None, 2, 4]))
def test_after_any_answers_undos_and_exclusions_the_sums_are_the_batch_report(
    steps: list[Move], protocol: Protocol, shown: int | None
) -> None:
    """Control: an item's old share left in the sums, or a rater's lone items taken at their first mean; the
    items of one thing counted as things of their own."""
    running, held, out = play(steps, protocol=protocol, shown=shown)
    table = RatingTable.from_rows(answer for (_, rater), answer in held.items() if rater not in out)
    same_thing = np.array([int(item[1:]) // (shown or 1) for item in table.item_ids], dtype=np.int64)
    report = opinion_report(table, protocol=protocol, same_thing=same_thing)
    assert_group(running.group(), report.overall)
    for group in report.groups:
        assert_group(running.group(group.group), group)


@settings(max_examples=30)
@given(steps=moves, protocol=protocols)
def test_taking_everything_back_leaves_nothing(steps: list[Move], protocol: Protocol) -> None:
    running, held, _ = play(steps, protocol=protocol)
    for item, rater in list(held):
        running.remove(item=f"i{item}", rater=f"r{rater}")
    left = running.group()
    assert (left.n_items, left.n_dropped, left.n_without_score, left.n_raters) == (0, 0, 0, 0)
    assert left.mos.reason == "no item"


def test_a_table_can_be_gone_on_from() -> None:
    rows = [row(item, rater, 1 + (item * rater) % 5) for item in range(8) for rater in range(4)]
    running = RunningOpinion.from_table(RatingTable.from_rows(rows[:-3]))
    for last in rows[-3:]:
        running.add(item=last.item, rater=last.rater, group=last.group, score=last.score)
    report = opinion_report(RatingTable.from_rows(rows))
    assert_group(running.group(), report.overall)
    assert [group.group for group in running.groups()] == ["g0", "g1"]


def test_a_long_campaign_does_not_drift() -> None:
    """Item means are no whole numbers: additions and removals in turn leave rounding, which must stay
    small.
    """
    protocol = Protocol(item_score=ItemScore.MEAN)
    running = RunningOpinion(protocol=protocol)
    rows = [row(item, rater, 1 + (item * 7 + rater * item) % 5) for item in range(60) for rater in range(6)]
    for _ in range(10):
        for new in rows:
            running.add(item=new.item, rater=new.rater, group=new.group, score=new.score)
        for new in rows[::3]:
            running.remove(item=new.item, rater=new.rater)
        for new in rows[::3]:
            running.add(item=new.item, rater=new.rater, group=new.group, score=new.score)
        before = running.group()
        for new in rows:
            running.remove(item=new.item, rater=new.rater)
    report = opinion_report(RatingTable.from_rows(rows), protocol=protocol)
    assert_group(before, report.overall)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": None}, "never neither"),
        ({"opt_out": POOR}, "never both"),
        ({"score": 6.0}, "not on the scale 1 to 5"),
        ({"score": math.nan}, "not on the scale"),
        ({"score": None, "opt_out": "tired"}, "unknown opt-out 'tired'"),
        ({"rater": "a"}, "remove that answer first"),
        ({"group": "ADJ"}, "is in group 'NOUN'"),
        ({"item": "new", "group": ALL_GROUPS}, "all groups together"),
    ],
)
def test_an_answer_that_can_not_be_is_refused_and_changes_nothing(
    change: dict[str, object], message: str
) -> None:
    """Control: a check after the item's share was taken out loses the item."""
    running = RunningOpinion()
    running.add(item="dog", rater="a", group="NOUN", score=4.0)
    running.add(item="cat", rater="a", group="NOUN", score=2.0)
    before = running.group()
    answer = {"item": "dog", "rater": "b", "group": "NOUN", "score": 3.0} | change
    with pytest.raises(ValueError, match=message):
        running.add(**answer)  # type: ignore[arg-type]
    assert replace(running.group(), mos=before.mos) == before
    assert running.group().mos.estimate == 3.0


def test_an_answer_nobody_gave_can_not_be_taken_back() -> None:
    with pytest.raises(KeyError, match="no answer"):
        RunningOpinion().remove(item="dog", rater="a")


def test_a_method_that_needs_all_ratings_is_refused() -> None:
    with pytest.raises(ValueError, match="two-way interval"):
        RunningOpinion(protocol=Protocol(interval=IntervalMethod.BOOTSTRAP_TWO_WAY))
