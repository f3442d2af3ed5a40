"""Words on CLIP's published table of 49,408 pieces, beside a second implementation of its tokenizer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.attribution.words import find_spans, select_tokens, split_words, tokenize
from generation.windows import unread_end
from tests.generation.attribution import clip_table

PROMPTS = {
    "plain": "a photo of a cat",
    "rare words in pieces": "an axolotl skateboarding past Neuschwanstein",
    "case": "A Red CAT on the BBC",
    "apostrophes": "the dog's bone, don't say 'twas y'all's; rock’n’roll",
    "digits": "3 cats in 2023, 10x zoom, 4k, B2B",
    "emoji": "a 🐈 and a dog 🐕🐕",
    "joined emoji": "a 👩‍🚀 and a 👍🏽 dog 🇩🇪 flag",
    "Chinese and Japanese": "一只红色的猫 beside 猫とカフェ dog",
    "Korean and Arabic": "빨간 고양이 قطة حمراء cat",
    "composed": "a café in Zürich, naïve Ångström",
    "decomposed": "a cafe\u0301 in Zu\u0308rich, nai\u0308ve A\u030angstro\u0308m dog",
    "marks of their own": "हिन्दी में लाल बिल्ली, ไทยแมวสีแดง, می‌خواهم cat",
    "two marks on one letter": "viê\u0323t o\u0302\u0301 dog",
    "weights": "a (red cat:1.3) and [dog] ((sky)) {tree|house}",
    "marks": "cat,dog...cat-dog/cat_dog #cat @dog!?",
    "an end of word spelled out": "a cat</w> and </w> dog",
    "spaces": "  a \t red\u00a0cat \n dog\u3000end ",
    "capitals that grow": "İstanbul STRASSE straße ǅ cat",
}


def _expected(prompt: str, start: int, end: int) -> tuple[int, ...]:
    """Keys of the tokens with a character of the span; the start token is 0."""
    tokens = clip_table.tokens_of(prompt)
    return tuple(
        place for place, token in enumerate(tokens, start=1) if token.start < end and start < token.end
    )


def test_the_tokenizer_is_clip_s() -> None:
    """Numbers as they are published with CLIP's examples. Control: a table of one's own."""
    tokenizer = clip_table.tokenizer()
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokenizer("hello world!").input_ids == [49406, 3306, 1002, 256, 49407]
    assert len(clip_table.numbers()) == 49_408


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_every_word_has_the_tokens_that_a_second_implementation_gives_it(prompt: str) -> None:
    """Controls: bytes counted as characters; offsets of the normalised text taken for those of the prompt."""
    ours = tokenize(clip_table.tokenizer(), prompt)
    theirs = clip_table.tokens_of(prompt)
    numbers = clip_table.tokenizer()(prompt, add_special_tokens=False).input_ids
    assert numbers == [token.number for token in theirs]
    assert split_words(prompt)
    for word in split_words(prompt):
        found = select_tokens(ours, [(word.start, word.end)])
        assert found.positions == _expected(prompt, word.start, word.end), word
        assert found.is_seen, word


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from([*"aZs'’3é猫🐈_:( ", "e\u0301", "u\u0308", "👍🏽", "हि", " ", "</w>", "dog's"]),
        max_size=24,
    )
)  # fmt: skip
def test_any_mixture_of_characters_is_shared_out_in_the_same_way(parts: list[str]) -> None:
    """Control: as above."""
    prompt = "".join(parts)
    ours = tokenize(clip_table.tokenizer(), prompt)
    assert len(ours.offsets) == len(clip_table.tokens_of(prompt))
    for word in split_words(prompt):
        found = select_tokens(ours, [(word.start, word.end)])
        assert found.positions == _expected(prompt, word.start, word.end), (prompt, word)


def test_pieces_that_look_alike_are_not_taken_for_a_word() -> None:
    """ "cat" is a piece of none of these. Control: tokens matched by their text."""
    prompt = "a concatenation of cats and a cat"
    assert find_spans(prompt, "cat") == ((30, 33),)
    tokens = clip_table.tokenizer().tokenize(prompt)
    (position,) = select_tokens(tokenize(clip_table.tokenizer(), prompt), [(30, 33)]).positions
    assert tokens[position - 1] == "cat</w>"


def test_a_long_prompt_of_real_words_ends_at_the_seventy_fifth_token() -> None:
    """Control: words counted instead of tokens."""
    prompt = " ".join(["axolotl"] * 30)
    each = len(clip_table.tokens_of("axolotl"))
    tokens = tokenize(clip_table.tokenizer(), prompt)
    seen = [select_tokens(tokens, [(word.start, word.end)]).is_seen for word in split_words(prompt)]
    assert each > 2
    assert seen == [True] * (75 // each) + [False] * (30 - 75 // each)


def test_accents_written_apart_cut_no_prompt() -> None:
    """Told without the tokenizer. Control: an accent counted as a piece of its own."""
    assert len(clip_table.tokens_of("e\u0301 " * 75)) == 75
    prompt = "e\u0301 " * 75
    assert unread_end(prompt, tokens=77) == ""
    assert unread_end(prompt + "e\u0301", tokens=77) == "é"
