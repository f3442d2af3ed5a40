import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics.presence import (
    OverlapGroup,
    PresenceOutcome,
    Submission,
    accuracy_by_relation,
    compare_relations,
    is_correct,
    overlap_group,
    top_two_labels,
)


def submissions(*words: tuple[str, ...]) -> list[Submission]:
    return [Submission(rater=f"r{i}", words=chosen) for i, chosen in enumerate(words)]


def test_the_two_words_with_most_votes_win() -> None:
    label = top_two_labels(submissions(("zebra",), ("zebra", "giraffe"), ("giraffe", "bus")))
    assert (label.words, label.votes, label.tied) == (("zebra", "giraffe"), (2, 2), False)


def test_ties_go_to_the_earlier_submission_then_the_earlier_position() -> None:
    """Control: ties broken by the alphabet give ("bus", "cake")."""
    label = top_two_labels(submissions(("zebra", "giraffe"), ("cake",), ("bus",)))
    assert label.words == ("zebra", "giraffe")
    assert label.tied
    assert top_two_labels(submissions(("cake",), ("bus",), ("apple",))).words == ("cake", "bus")


def test_a_rater_has_one_vote_per_word() -> None:
    label = top_two_labels(submissions(("cake", "cake", "cake"), ("bus",), ("bus",)))
    assert label.votes == (2, 1)


def test_no_votes_give_an_empty_label_that_is_not_correct() -> None:
    label = top_two_labels(submissions((), ()))
    assert label.words == ()
    assert not is_correct(label, prompt_words=("cake", "bus"))


def test_both_words_of_the_prompt_must_be_seen() -> None:
    label = top_two_labels(submissions(("cake", "bus")))
    assert is_correct(label, prompt_words=("bus", "cake"))
    assert not is_correct(label, prompt_words=("bus", "zebra"))


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=4).map(tuple), max_size=6))
def test_the_label_is_at_most_two_voted_words(words: list[tuple[str, ...]]) -> None:
    label = top_two_labels(submissions(*words))
    assert len(set(label.words)) == len(label.words) <= 2
    assert set(label.words) <= {w for chosen in words for w in chosen}


def test_the_founding_difference_is_significant_at_one_percent() -> None:
    """Tang et al. 2023, sec. 5.1: 61 % of 500 against 52 % of 500, significant at the 99 % level. p:
    scipy."""
    outcomes = [
        PresenceOutcome(image=f"{relation}{i}", relation=relation, correct=i < hits)
        for relation, hits in (("other", 305), ("cohyponym", 260))
        for i in range(500)
    ]
    other, cohyponym = accuracy_by_relation(outcomes)
    assert (other.accuracy.estimate, cohyponym.accuracy.estimate) == (0.61, 0.52)
    result = compare_relations(other, cohyponym)
    assert result.method == "fisher"
    assert result.p_value == pytest.approx(0.004979694739354037, abs=1e-12)


def test_a_difference_of_relations_is_wider_at_a_higher_confidence() -> None:
    """Control: forget to pass the confidence on: all levels have the bounds of 95 %."""
    first, second = accuracy_by_relation(
        PresenceOutcome(image=f"{relation}{i}", relation=relation, correct=i < hits)
        for relation, hits in (("other", 30), ("cohyponym", 26))
        for i in range(50)
    )
    effects = [compare_relations(first, second, confidence=level).effect for level in (0.9, 0.95, 0.99)]
    assert [effect.confidence for effect in effects] == [0.9, 0.95, 0.99]
    widths = [effect.high - effect.low for effect in effects]
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize(
    ("iou", "group"),
    [(0.0, OverlapGroup.LOW), (0.4, OverlapGroup.LOW), (0.41, OverlapGroup.MID), (0.6, OverlapGroup.HIGH)],
)
def test_the_overlap_groups_have_the_founding_borders(iou: float, group: OverlapGroup) -> None:
    assert overlap_group(iou) == group


def test_an_undefined_overlap_has_no_group() -> None:
    assert overlap_group(math.nan) is None
