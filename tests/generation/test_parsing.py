"""Words and parts of speech from the installed language model, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generation import parsing
from generation.choices import PartOfSpeech
from generation.parsing import ParserUnavailable

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def parse() -> parsing.Parse:
    return parsing.parse(["The dog's  big ball, it rolls away!", "two red circles above a 🦊."])


def test_words_stand_where_their_offsets_say(parse: parsing.Parse) -> None:
    text = "The dog's  big ball, it rolls away!"
    words = parse.prompts[0]
    assert [word.text for word in words] == [
        "The",
        "dog",
        "'s",
        "big",
        "ball",
        ",",
        "it",
        "rolls",
        "away",
        "!",
    ]
    assert all(text[word.start : word.end] == word.text for word in words)


def test_words_have_their_parts_of_speech_lemmas_and_heads(parse: parsing.Parse) -> None:
    the, _, _, big, ball, comma, _, rolls, *_ = parse.prompts[0]
    assert [the.part_of_speech, big.part_of_speech, ball.part_of_speech] == ["DET", "ADJ", "NOUN"]
    assert [comma.part_of_speech, rolls.part_of_speech, rolls.lemma] == ["PUNCT", "VERB", "roll"]
    assert (rolls.dependency, rolls.head) == ("ROOT", 7)
    assert big.head == 4


def test_every_part_of_speech_is_a_known_one(parse: parsing.Parse) -> None:
    assert {word.part_of_speech for words in parse.prompts for word in words} <= set(PartOfSpeech.values)


def test_the_parser_is_named_with_its_version(parse: parsing.Parse) -> None:
    assert parse.parser.startswith("en_")
    assert parse.parser.split()[1][0].isdigit()


def test_torch_stays_out_of_the_process_that_asks_and_of_the_parser_s(tmp_path: Path) -> None:
    """Control: importing spaCy in the asking process, or without the block in the parser's, loads torch.

    thinc, under spaCy, imports torch wherever it is installed.
    """
    asking = (
        "import sys; from generation.parsing import parse; parse(['a cat']);"
        "assert 'torch' not in sys.modules and 'spacy' not in sys.modules"
    )
    parsing_itself = (
        "import sys; from generation.parser_program import words_of; words_of(['a cat']);"
        "assert 'spacy' in sys.modules and not any(name.startswith('torch.') for name in sys.modules)"
    )
    for program in (asking, parsing_itself):
        subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)


def test_an_installation_without_spacy_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / parsing.TEXTS).write_text('["a cat"]')
    # -S leaves out site-packages: this is what a web-only installation looks like to the parser.
    subprocess.run(
        [sys.executable, "-S", "-m", "generation.parser_program", str(tmp_path)],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    with pytest.raises(ParserUnavailable, match="pip install spacy"):
        parsing.read(tmp_path)


def test_nothing_is_read_before_the_parser_has_finished(tmp_path: Path) -> None:
    assert parsing.read(tmp_path) is None
    started = parsing.start(tmp_path, ["a cat"])
    started.wait()
    found = parsing.read(tmp_path)
    assert found is not None
    assert [word.text for word in found.prompts[0]] == ["a", "cat"]
    assert not parsing.is_running(tmp_path)


def test_a_parser_that_was_killed_can_be_started_again(tmp_path: Path) -> None:
    """Control: a lock kept by a file's existence would make the folder busy for ever."""
    started = parsing.start(tmp_path, ["a cat"])
    started.kill()
    started.wait()
    assert not parsing.is_running(tmp_path)
    parsing.resume(tmp_path).wait()
    assert parsing.read(tmp_path) is not None


def test_words_that_cannot_be_stored_are_told_to_whoever_waits(tmp_path: Path) -> None:
    """A folder lies where the words belong.

    Control: the words written outside of `try`, and a page that waits starts one parser after the other.
    """
    (tmp_path / parsing.WORDS).mkdir()
    process = parsing.start(tmp_path, ["a cat"])
    assert process.wait(timeout=120) == 1
    assert (tmp_path / parsing.FAILURE).read_text()
