"""The vocabulary: one word is one token, a few are split on purpose, anything else still runs."""

import itertools
from pathlib import Path

import pytest
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from training.demo_model import tokenizer
from training.demo_model.latents import token_numbers
from training.demo_model.scenes import scenes


@pytest.fixture(scope="module")
def words() -> CLIPTokenizer:
    return tokenizer.build()


def test_every_listed_word_is_one_token(words: CLIPTokenizer) -> None:
    """Control: ranking new merges above old ones in _join splits words and turns this red."""
    split = {word: got for word in tokenizer.WORDS if (got := tokenizer.pieces(words, word)) != (word,)}
    assert split == {}


def test_punctuation_marks_are_one_token_each(words: CLIPTokenizer) -> None:
    assert all(len(tokenizer.pieces(words, mark)) == 1 for mark in tokenizer.PUNCTUATION)


def test_some_words_are_split_on_purpose(words: CLIPTokenizer) -> None:
    assert tokenizer.pieces(words, "a triangle") == ("a", "tri", "angle")
    assert tokenizer.pieces(words, "backgrounds") != ("backgrounds",)


@pytest.mark.parametrize("text", ["", "zebra", "Überraschung", "日本語 🦓", "x" * 500, "a\n\tred  circle!?"])
def test_any_text_gives_a_full_window_of_known_tokens(words: CLIPTokenizer, text: str) -> None:
    numbers = token_numbers(words, [text])
    assert numbers.shape == (1, tokenizer.MAX_LENGTH)
    assert 0 <= int(numbers.min()) <= int(numbers.max()) < len(words)


def test_training_captions_are_read_whole(words: CLIPTokenizer) -> None:
    captions = [scene.caption for scene in itertools.islice(scenes(3), 500)]
    assert max(len(words(caption).input_ids) for caption in captions) <= tokenizer.MAX_LENGTH


def test_different_words_have_different_tokens(words: CLIPTokenizer) -> None:
    numbers = [words(word).input_ids[1] for word in tokenizer.WORDS]
    assert len(set(numbers)) == len(numbers)


def test_a_saved_tokenizer_reads_as_before(words: CLIPTokenizer, tmp_path: Path) -> None:
    words.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path)
    text = "two red triangles above a zebra."
    assert again(text).input_ids == words(text).input_ids
    assert again.model_max_length == tokenizer.MAX_LENGTH


def test_the_bytes_are_those_of_byte_level_bpe() -> None:
    """Outside truth: the alphabet of the tokenizers package."""
    vocabulary, _ = tokenizer.vocabulary_and_merges()
    assert set(ByteLevel.alphabet()) <= set(vocabulary)
