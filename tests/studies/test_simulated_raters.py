"""Simulated raters behave as described, and the same from the same seed."""

import base64
import random

from annotation.choices import OPTION_BY_CODE, OptOut
from annotation.mask_files import read_mask
from studies.simulated_raters import choose_option, choose_side, choose_ticks, draw_mask, draw_raters

PROMPT = "a red circle , on white ."


def answers(careless: bool, word: str, count: int = 200) -> list[str]:
    [rater] = draw_raters(careful=0 if careless else 1, careless=int(careless), generator=random.Random(3))
    generator = random.Random(4)
    return [choose_option(rater, prompt=PROMPT, word=word, generator=generator) for _ in range(count)]


def test_the_crowd_has_as_many_of_each_kind_as_asked_and_no_name_twice() -> None:
    crowd = draw_raters(careful=9, careless=3, generator=random.Random(1))
    assert sum(rater.careless for rater in crowd) == 3
    assert len({rater.name for rater in crowd}) == 12


def test_a_careful_rater_opts_out_of_punctuation_always() -> None:
    assert set(answers(False, ".")) == {OptOut.WORD_TOO_ABSTRACT.value}


def test_a_careless_rater_scores_punctuation_always() -> None:
    assert all(OPTION_BY_CODE[code].score is not None for code in answers(True, "."))


def test_careful_scores_of_one_word_agree_more_than_careless_ones() -> None:
    def spread(codes: list[str]) -> float:
        scores = [score for code in codes if (score := OPTION_BY_CODE[code].score) is not None]
        mean = sum(scores) / len(scores)
        return sum((score - mean) ** 2 for score in scores) / len(scores)

    assert spread(answers(False, "circle")) < spread(answers(True, "circle"))


def test_the_same_seed_gives_the_same_answers() -> None:
    assert answers(False, "circle") == answers(False, "circle")


def test_a_pair_gets_a_side_or_a_tie_and_the_left_a_little_more_often() -> None:
    [rater] = draw_raters(careful=1, careless=0, generator=random.Random(3))
    generator = random.Random(4)
    sides = [choose_side(rater, ("left", "tie", "right"), generator=generator) for _ in range(400)]
    assert set(sides) == {"left", "tie", "right"}
    assert sides.count("left") > sides.count("right") > sides.count("tie")


def test_a_drawing_is_a_mask_of_the_image_and_sometimes_it_is_not_there() -> None:
    raters = draw_raters(careful=1, careless=1, generator=random.Random(3))
    generator = random.Random(4)
    drawn = [
        draw_mask(rater, word="ball", size_hw=(32, 48), generator=generator)
        for rater in raters
        for _ in range(30)
    ]
    assert None in drawn
    for text in filter(None, drawn):
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert read_mask(content, height=32, width=48).area > 0


def test_ticks_are_words_of_the_list_in_its_order() -> None:
    [rater] = draw_raters(careful=1, careless=0, generator=random.Random(3))
    words = [(f"word.{number}", "1") for number in range(50)]
    ticked = choose_ticks(rater, words, generator=random.Random(4))
    assert ticked == [word for word in words if word in ticked]
    assert 5 < len(ticked) < 30
