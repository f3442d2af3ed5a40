"""Evidence of care in every kind of task: straight-lining as the kind has it, agreement with the others."""

import numpy as np
import pytest

from annotation import coco_rle
from annotation.choices import TaskKind
from annotation.evidence import agreement, label, pattern
from annotation.verdicts import Given


def box(width: int) -> str:
    """The counts of so many columns of an image of 10 by 10 pixels."""
    mask = np.zeros((10, 10), dtype=bool)
    mask[:, :width] = True
    return coco_rle.encode(mask)


def labels(*given: Given, share: float | None = None) -> list[str]:
    """What straight-lining sees."""
    return [label(one, mask_share=share, mask_id=number) for number, one in enumerate(given)]


@pytest.mark.parametrize(
    ("seen", "commonest", "share", "longest"),
    [
        (
            labels(Given(choice="left"), Given(choice="left", swapped=True), Given(choice="tie")),
            "left", 2 / 3, 2,
        ),
        (labels(Given(words=()), Given(words=("a",)), Given(words=())), "none of these", 2 / 3, 1),
        (labels(Given(words=("a", "b")), Given(words=("b", "a"))), "a, b", 1.0, 2),
        (labels(*[Given(rle="x")] * 3, share=0.001), "next to nothing drawn", 1.0, 3),
        (labels(*[Given(rle="x")] * 3, share=0.2), "mask 0", 1 / 3, 1),
        ([], "", 0.0, 0),
    ],
)  # fmt: skip
def test_straight_lining_is_seen_in_the_form_of_each_kind(
    seen: list[str], commonest: str, share: float, longest: int
) -> None:
    """Control: take a pair's winner for its side: who always presses left is then not seen."""
    found = pattern(seen)
    assert (found.commonest, found.longest_run) == (commonest, longest)
    assert found.share == pytest.approx(share)


def test_scores_agree_by_pearson_s_r_with_the_mean_of_the_others() -> None:
    """Against numpy. Control: the mean of all, hers among them."""
    mine = {item: Given(score=score) for item, score in enumerate([1, 2, 4, 5])}
    rest = [[2, 3], [1], [4, 5], [3, 3]]
    others = {item: [Given(score=score) for score in scores] for item, scores in enumerate(rest)}
    truth = np.corrcoef([1, 2, 4, 5], [np.mean(scores) for scores in rest])[0, 1]
    found = agreement(mine, others, task_kind=TaskKind.OPINION_SCORE)
    assert found.items == 4
    assert found.value == pytest.approx(truth)
    flat = {item: Given(score=3) for item in mine}
    assert agreement(flat, others, task_kind=TaskKind.OPINION_SCORE).value is None


@pytest.mark.parametrize(
    ("kind", "mine", "others", "value"),
    [
        (TaskKind.OBJECT_PRESENCE, Given(words=("a",)), [Given(words=("a",)), Given(words=("a", "b"))], 0.75),
        (TaskKind.MASK, Given(rle=box(4)), [Given(rle=box(8)), Given(choice="not_in_image")], 0.25),
        (
            TaskKind.PAIRWISE, Given(choice="left"),
            [Given(choice="right", swapped=True), Given(choice="left", swapped=True)], 0.5,
        ),
    ],
)  # fmt: skip
def test_the_other_kinds_agree_by_the_mean_overlap_over_items(
    kind: TaskKind, mine: Given, others: list[Given], value: float
) -> None:
    found = agreement(dict.fromkeys(range(3), mine), dict.fromkeys(range(3), others), task_kind=kind)
    assert found.items == 3
    assert found.value == pytest.approx(value)
    few = agreement(dict.fromkeys(range(2), mine), dict.fromkeys(range(3), others), task_kind=kind)
    assert (few.value, few.items) == (None, 2)
