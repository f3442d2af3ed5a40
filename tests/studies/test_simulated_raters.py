"""Simulated raters behave as described, and the same from the same seed."""

import random

from annotation.choices import OPTION_BY_CODE, OptOut
from studies.simulated_raters import choose_option, draw_raters

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
