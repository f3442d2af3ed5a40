"""Verdicts are pure: the same answers always give the same verdict, in every kind of task."""

import numpy as np
import pytest
from pycocotools import mask as coco

from annotation import coco_rle
from annotation.choices import ANSWER_OPTIONS, OptOut, TaskKind
from annotation.contents import option_content
from annotation.verdicts import Expected, Given, Repeatability, is_right, mask_iou, overlap, repeats

SCORES, WORDS, MASKS, PAIRS = (
    TaskKind.OPINION_SCORE, TaskKind.OBJECT_PRESENCE, TaskKind.MASK, TaskKind.PAIRWISE,
)  # fmt: skip


def given(code: str) -> Given:
    """What a button of the opinion score says."""
    content = option_content(code)
    return Given(score=content.score, opt_out=content.opt_out)


def box(left: int, right: int) -> str:
    """The counts of a band of columns of an image of 20 by 40 pixels."""
    mask = np.zeros((20, 40), dtype=bool)
    mask[:, left:right] = True
    return coco_rle.encode(mask)


def test_either_opt_out_is_right_for_a_punctuation_mark_and_no_score_is() -> None:
    expected = Expected(accepted=tuple(OptOut.values))
    passing = {
        option.code for option in ANSWER_OPTIONS if is_right(given(option.code), expected, task_kind=SCORES)
    }
    assert passing == {"word_too_abstract", "image_too_poor"}


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (("dog",), True),
        (("cat", "dog"), True),
        (("dog", "car"), False),
        (("cat",), False),
        ((), False),
    ],
)
def test_a_checklist_is_right_with_what_must_be_there_and_without_what_must_not(
    words: tuple[str, ...], *, right: bool
) -> None:
    """Control: leave one of the two conditions out of `_right_words`."""
    expected = Expected(must_have=("dog",), must_not_have=("car",))
    assert is_right(Given(words=words), expected, task_kind=WORDS) is right


@pytest.mark.parametrize(("right_edge", "right"), [(20, True), (15, True), (14, False), (28, False)])
def test_a_mask_is_right_from_the_threshold_on(right_edge: int, *, right: bool) -> None:
    """IoU of columns 0 to 20 with 0 to n. Control: > for >= in `_right_mask`, or a share of one mask."""
    expected = Expected(reference=box(0, 20), least_iou=0.75)
    assert is_right(Given(rle=box(0, right_edge)), expected, task_kind=MASKS) is right


def test_where_nothing_is_to_be_drawn_every_mask_is_wrong_and_the_other_way_round() -> None:
    absent, drawn = Given(choice="not_in_image"), Given(rle=box(0, 20))
    nothing = Expected(accepted=("not_in_image",))
    there = Expected(reference=box(0, 20), least_iou=0.5)
    verdicts = [is_right(one, of, task_kind=MASKS) for of in (nothing, there) for one in (absent, drawn)]
    assert verdicts == [True, False, False, True]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_known_pair_is_judged_by_the_thing_and_an_instructed_one_by_the_side(*, swapped: bool) -> None:
    """Control: leave `swapped` out of `winner`."""
    side = "right" if swapped else "left"
    chosen = Given(choice=side, swapped=swapped)
    assert is_right(chosen, Expected(accepted=("first",)), task_kind=PAIRS)
    assert not is_right(chosen, Expected(accepted=("second", "tie")), task_kind=PAIRS)
    assert is_right(chosen, Expected(accepted=(side,)), task_kind=PAIRS)


@pytest.mark.parametrize(
    ("first", "again", "tolerance", "right"),
    [
        ("4", "4", 0, True),
        ("4", "5", 0, False),
        ("4", "5", 1, True),
        ("4", "2", 1, False),
        ("4", "2", 2, True),
        ("word_too_abstract", "word_too_abstract", 0, True),
        ("word_too_abstract", "image_too_poor", 4, False),
        ("word_too_abstract", "3", 4, False),
        ("3", "image_too_poor", 4, False),
    ],
)
def test_a_score_repeats_within_the_tolerance_or_as_the_same_opt_out(
    first: str, again: str, tolerance: int, *, right: bool
) -> None:
    rule = Repeatability(points=tolerance, least_overlap=1.0)
    assert repeats(given(again), given(first), task_kind=SCORES, rule=rule) is right


@pytest.mark.parametrize(
    ("kind", "first", "again", "right"),
    [
        (WORDS, Given(words=("a", "b")), Given(words=("b", "a")), True),
        (WORDS, Given(words=("a", "b")), Given(words=("b",)), True),
        (WORDS, Given(words=("a", "b")), Given(words=("b", "c")), False),
        (WORDS, Given(words=()), Given(words=()), True),
        (WORDS, Given(words=("a",)), Given(words=()), False),
        (MASKS, Given(rle=box(0, 20)), Given(rle=box(5, 20)), True),
        (MASKS, Given(rle=box(0, 20)), Given(rle=box(12, 28)), False),
        (MASKS, Given(choice="not_in_image"), Given(choice="not_in_image"), True),
        (MASKS, Given(rle=box(0, 20)), Given(choice="not_in_image"), False),
        (PAIRS, Given(choice="left"), Given(choice="right", swapped=True), True),
        (PAIRS, Given(choice="left"), Given(choice="left", swapped=True), False),
        (PAIRS, Given(choice="tie"), Given(choice="tie", swapped=True), True),
        (PAIRS, Given(choice="tie"), Given(choice="left"), False),
    ],
)
def test_a_repeat_of_the_other_kinds_overlaps_by_half_or_names_the_same_thing(
    kind: TaskKind, first: Given, again: Given, *, right: bool
) -> None:
    """Control: compare sides as shown, or the overlap with > for >=."""
    rule = Repeatability(points=0, least_overlap=0.5)
    assert repeats(again, first, task_kind=kind, rule=rule) is right
    assert overlap(again, first, task_kind=kind) == overlap(first, again, task_kind=kind)


def test_the_overlap_of_masks_is_what_coco_says() -> None:
    generator = np.random.default_rng(5)
    for _ in range(20):
        masks = [generator.random((20, 30)) < share for share in generator.random(2)]
        one, other = (coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks)
        truth = float(coco.iou([one], [other], [0])[0][0])
        assert mask_iou(coco_rle.encode(masks[0]), coco_rle.encode(masks[1])) == pytest.approx(truth)


def test_masks_of_unequal_size_have_no_overlap() -> None:
    with pytest.raises(ValueError, match="pixels"):
        mask_iou(coco_rle.encode(np.ones((2, 3), bool)), coco_rle.encode(np.ones((2, 2), bool)))
