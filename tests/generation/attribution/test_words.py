"""From characters to token positions, with a tokenizer that knows a few words and spells the others."""

from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.models import tokenizer
from generation.attribution.words import (
    TokenSelection,
    WordSpan,
    find_spans,
    folded,
    select_tokens,
    split_words,
    tokenize,
)

CLIP = tokenizer()


def pieces(prompt: str, selection: TokenSelection, own: Any = CLIP) -> list[str]:
    """The tokens that the model reads at the selected positions."""
    ids = own(prompt, truncation=True).input_ids
    found: list[str] = own.convert_ids_to_tokens([ids[position] for position in selection.positions])
    return found


def look_up(prompt: str, word: str, **how: Any) -> list[list[str]]:
    """For every occurrence of a word, its tokens."""
    tokens = tokenize(CLIP, prompt)
    return [pieces(prompt, select_tokens(tokens, [span])) for span in find_spans(prompt, word, **how)]


def test_a_known_word_is_one_token_after_the_start_token() -> None:
    prompt = "a red circle"
    selection = select_tokens(tokenize(CLIP, prompt), find_spans(prompt, "circle"))
    assert selection == TokenSelection(positions=(3,))
    assert pieces(prompt, selection) == ["circle</w>"]


def test_sub_word_pieces_belong_to_their_word() -> None:
    """Control: taking the first piece only, or every piece of the prompt that looks alike."""
    assert look_up("a skateboarder", "skateboarder") == [["skat", "e", "b", "o", "a", "r", "d", "e", "r</w>"]]


def test_a_word_is_not_found_inside_a_longer_one() -> None:
    """Control: matching tokens by their text, as the reference does."""
    assert look_up("a skateboarder with a skate", "skate") == [["skate</w>"]]
    assert look_up("a concatenation", "cat") == []


def test_a_word_is_not_found_inside_a_phrase_that_is_taken_as_one() -> None:
    assert look_up("a hot dog", "dog") == [["dog</w>"]]
    assert look_up("a hot dog", "dog", phrases=["hot dog"]) == []
    assert look_up("a hot dog and a dog", "dog", phrases=["hot dog"]) == [["dog</w>"]]
    assert look_up("a hot dog", "hot dog", phrases=["hot dog"]) == [["hot</w>", "dog</w>"]]


def test_a_plural_is_a_word_of_its_own() -> None:
    assert look_up("dogs and a dog", "dogs") == [["do", "g", "s</w>"]]
    assert find_spans("dogs and a dog", "dog") == ((11, 14),)


def test_every_occurrence_is_found_in_order() -> None:
    prompt = "a red circle and a blue circle"
    spans = find_spans(prompt, "circle")
    assert spans == ((6, 12), (24, 30))
    tokens = tokenize(CLIP, prompt)
    assert [select_tokens(tokens, [span]).positions for span in spans] == [(3,), (7,)]
    assert select_tokens(tokens, spans).positions == (3, 7)


def test_a_place_inside_a_longer_word_hides_no_later_one() -> None:
    """Control: the search goes on behind the whole of what was not a word's own place."""
    assert find_spans("ba a a", "a a") == ((3, 6),)
    assert find_spans("a ab a", "A a") == ()
    assert find_spans("cat,cat", "cat") == ((0, 3), (4, 7))


def test_case_and_spacing_do_not_matter() -> None:
    assert look_up("A Hot   DOG", "hot dog") == [["hot</w>", "dog</w>"]]
    assert look_up("CAT", "cat") == [["cat</w>"]]


def test_apostrophes_stay_with_their_word() -> None:
    prompt = "the dog's cat"
    assert [word.text for word in split_words(prompt)] == ["the", "dog's", "cat"]
    assert look_up(prompt, "dog's")[0][0] == "dog</w>"
    assert look_up(prompt, "dog") == [["dog</w>"]]


def test_punctuation_is_a_word() -> None:
    assert [word.text for word in split_words("a cat, a dog...")] == ["a", "cat", ",", "a", "dog", "..."]
    assert look_up("a cat, a dog", ",") == [[",</w>"]]


def test_an_emoji_takes_all_its_bytes_and_nobody_else_s() -> None:
    """One character, several byte pieces. Control: counting bytes as characters shifts every later word."""
    prompt = "a 🐈 and a dog"
    assert len(look_up(prompt, "🐈")[0]) == 4
    assert look_up(prompt, "dog") == [["dog</w>"]]
    tokens = tokenize(CLIP, prompt)
    assert select_tokens(tokens, find_spans(prompt, "dog")).positions == (8,)


def test_letters_outside_english_are_found_by_their_characters() -> None:
    prompt = "der Hund läuft, the dog"
    assert [word.text for word in split_words(prompt)] == ["der", "Hund", "läuft", ",", "the", "dog"]
    assert look_up(prompt, "dog") == [["dog</w>"]]
    apart = "cafe\u0301 dog"  # e and an accent written apart, which the tokenizer joins
    assert look_up(apart, "dog") == [["dog</w>"]]


def test_marks_written_apart_and_vowel_signs_belong_to_their_word() -> None:
    """Control: \\w alone, which tears "Zürich" in three and every Hindi word in pieces."""
    prompt = "Zu\u0308rich cafe\u0301's हिन्दी می\u200cخواهم ❤\ufe0f 👩\u200d🚀"
    assert [word.text for word in split_words(prompt)] == prompt.split()
    assert find_spans("a cafe\u0301", "cafe") == ()
    assert find_spans("a cafe\u0301", "cafe\u0301") == ((2, 7),)


@pytest.mark.parametrize(
    ("prompt", "word", "found"),
    [
        ("a café, a cafe", "cafe\u0301", ["café"]),
        ("a cafe\u0301 and a Café", "café", ["cafe\u0301", "Café"]),
        ("Zu\u0308rich, the dog", "dog", ["dog"]),
        (
            "ệ e\u0323\u0302 e\u0302\u0323 ẹ\u0302",
            "e\u0302\u0323",
            ["ệ", "e\u0323\u0302", "e\u0302\u0323", "ẹ\u0302"],
        ),
        ("각 가 \u1100\u1161", "가", ["가", "\u1100\u1161"]),
        ("a ≠ b = c", "=", ["="]),
        ("a ≠ b =\u0338 c", "≠", ["≠", "=\u0338"]),
        ("the café’s", "cafe\u0301", ["café"]),
        ("a hót dóg", "ho\u0301t do\u0301g", ["hót dóg"]),
        ("\u212b Å A\u030a", "å", ["\u212b", "Å", "A\u030a"]),
    ],
)
def test_accents_apart_or_not_are_the_same_word_and_spans_are_the_prompt_s_own(
    prompt: str, word: str, found: list[str]
) -> None:
    """Controls: the word searched for as it is written; spans counted in the text taken apart; a place that
    ends within a character ("=" in "≠").
    """
    spans = find_spans(prompt, word)
    assert [prompt[start:end] for start, end in spans] == found
    assert all(select_tokens(tokenize(CLIP, prompt), [span]).is_seen for span in spans)


@given(st.text(alphabet="ae\u0301\u0323é =≠\u0338ệ가\u1161한", max_size=12))
def test_every_writing_of_a_text_has_the_same_words_at_the_same_places(text: str) -> None:
    """Truth: the texts cut out of one writing are the other's, brought to one form."""
    writings = [normalize(form, text) for form in ("NFC", "NFD")]
    for word in text.split():
        of_each = [[w[a:b] for a, b in find_spans(w, word)] for w in writings]
        assert [normalize("NFD", each) for each in of_each[0]] == of_each[1]
        assert all(folded(each) == folded(word) for each in of_each[1])


def test_the_syntax_of_weighted_prompts_is_left_alone() -> None:
    prompt = "a (red cat:1.3) and [dog]"
    assert look_up(prompt, "cat") == [["cat</w>"]]
    assert look_up(prompt, "dog") == [["dog</w>"]]
    assert len(look_up(prompt, "1.3")) == 1


def test_a_word_past_the_window_is_lost_and_a_cut_one_is_not_seen() -> None:
    """A window of ten tokens: start, eight of the prompt, end. Control: positions past the end token."""
    short = tokenizer(window=10)
    prompt = "a red circle and a xyzuv dog"
    tokens = tokenize(short, prompt)
    assert (tokens.window, tokens.visible, len(tokens.offsets)) == (8, 8, 11)
    cut = select_tokens(tokens, find_spans(prompt, "xyzuv"))
    assert pieces(prompt, cut, short) == ["x", "y", "z"]
    assert (cut.lost, cut.is_seen) == (2, False)
    lost = select_tokens(tokens, find_spans(prompt, "dog"))
    assert (lost.positions, lost.lost, lost.is_seen) == ((), 1, False)


def test_the_last_word_that_fits_is_seen() -> None:
    short = tokenizer(window=5)
    prompt = "a red circle"
    found = select_tokens(tokenize(short, prompt), find_spans(prompt, "circle"))
    assert found.is_seen
    assert pieces(prompt, found, short) == ["circle</w>"]


def test_a_character_that_the_tokenizer_drops_selects_nothing() -> None:
    selection = select_tokens(tokenize(CLIP, "a \u2003 cat"), [(2, 3)])
    assert selection == TokenSelection(positions=())
    assert not selection.is_seen


def test_an_empty_word_can_t_be_looked_up() -> None:
    with pytest.raises(ValueError, match="empty"):
        find_spans("a cat", " ")


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(ValueError, match="'cat'"):
        WordSpan(position=0, text="cat", start=3, end=3)


def test_a_tokenizer_without_offsets_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(TypeError, match="Slow"):
        tokenize(Slow(), "a cat")


@given(st.text(max_size=40))
def test_words_stand_where_they_say_and_every_visible_character_is_in_one(prompt: str) -> None:
    words = split_words(prompt)
    assert all(prompt[word.start : word.end] == word.text for word in words)
    assert [word.position for word in words] == list(range(len(words)))
    assert "".join(word.text for word in words) == "".join(prompt.split())


@given(
    st.lists(
        st.sampled_from(["cat", "dogs", "skateboarder", "🐈", "hot dog", ",", "it's", "Ärger"]), max_size=6
    )
)
def test_words_share_the_tokens_of_a_prompt_out_among_them(texts: list[str]) -> None:
    """Every content token belongs to exactly one word."""
    prompt = " ".join(texts)
    tokens = tokenize(CLIP, prompt)
    taken = [
        p for word in split_words(prompt) for p in select_tokens(tokens, [(word.start, word.end)]).positions
    ]
    assert sorted(taken) == list(range(1, len(tokens.offsets) + 1))
