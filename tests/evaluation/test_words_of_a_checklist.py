"""Which words of a checklist a prompt names."""

import re

import pytest

from evaluation.kinds.presence_loading import asked_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Ball on a box", ["ball", "box"]),
        ("two boxes, one ball", ["box", "ball"]),
        ("a football", []),
        ("a traffic light behind a ball", ["traffic light", "ball"]),
    ],
)
def test_a_prompt_names_words_of_the_checklist_in_order(text: str, expected: list[str]) -> None:
    """Control: look for the entry anywhere in the text."""
    lemmas = {"boxes": "box"}
    tokens = [(word, lemmas.get(word, word)) for word in re.findall(r"\w+", text)]
    assert asked_words(text, tokens, vocabulary=("ball", "box", "traffic light")) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one hot dog", ["hot dog"]),
        ("a dog with a hot dog", ["dog", "hot dog"]),
        ("a hot dog and a dog", ["hot dog", "dog"]),
        ("a dog", ["dog"]),
        ("a hot dog stand", ["hot dog stand"]),
    ],
)
def test_a_word_of_a_longer_entry_is_not_named_by_it(text: str, expected: list[str]) -> None:
    """Control: take the first place where an entry stands, whatever stands around it."""
    tokens = [(word, word) for word in re.findall(r"\w+", text)]
    assert asked_words(text, tokens, vocabulary=("dog", "hot dog", "hot dog stand")) == expected
