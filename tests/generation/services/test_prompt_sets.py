"""An import is whole or nothing, and words are what stands in the prompt."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.db import DataError

from generation.choices import PartOfSpeech
from generation.models import Prompt, PromptSet, PromptWord
from generation.parsing import Parse, ParsedWord
from generation.prompts import PromptRow
from generation.services.prompt_sets import SourceFile, correct_word, import_prompts
from tests import factories

CAT = ParsedWord(text="cat", start=2, end=5, part_of_speech="NOUN", lemma="cat", dependency="ROOT", head=1)
A = ParsedWord(text="a", start=0, end=1, part_of_speech="DET", lemma="a", dependency="det", head=1)


def imported(owner: User, text: str, *words: ParsedWord) -> PromptSet:
    return import_prompts(
        owner,
        name="Cats",
        source=SourceFile(name="cats.csv", sha256="0" * 64),
        rows=[PromptRow(line=2, text=text, extra={"note": "x"})],
        parse=Parse(parser="parser 1", prompts=(words,)),
    )


def test_every_word_is_stored_with_its_grammar(owner: User) -> None:
    imported(owner, "a cat", A, CAT)
    word = PromptWord.objects.get(position=1)
    assert (word.text, word.start, word.end, word.lemma) == ("cat", 2, 5, "cat")
    assert (word.part_of_speech, word.part_of_speech_parsed) == ("NOUN", "NOUN")
    assert (word.dependency, word.head_position) == ("ROOT", 1)
    assert word.prompt.extra == {"note": "x"}


def test_words_of_any_signs_are_stored_as_they_are(owner: User) -> None:
    """Control: values joined by hand into COPY's text format break at tabs, backslashes and \\N."""
    texts = ["\\N", "\\t", 'quo"te', "🦊", "a\\"]
    prompt = " ".join(texts)
    starts = [sum(len(text) + 1 for text in texts[:place]) for place in range(len(texts))]
    words = [
        ParsedWord(
            text=text,
            start=start,
            end=start + len(text),
            part_of_speech="X",
            lemma=text,
            dependency="",
            head=0,
        )
        for text, start in zip(texts, starts, strict=True)
    ]
    imported(owner, prompt, *words)
    assert list(PromptWord.objects.values_list("text", flat=True)) == texts
    assert list(PromptWord.objects.values_list("lemma", flat=True)) == texts


def test_a_part_of_speech_that_nobody_knows_becomes_other(owner: User) -> None:
    imported(owner, "a cat", A, replace(CAT, part_of_speech="SPACE"))
    assert PromptWord.objects.get(position=1).part_of_speech == PartOfSpeech.X


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((A, replace(CAT, text="dog")), ValueError),
        ((A, replace(CAT, start=3)), ValueError),
        ((A, replace(CAT, head=99_999)), DataError),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_word_that_can_t_be_stored_leaves_nothing_of_the_import(
    owner: User, words: tuple[ParsedWord, ...], error: type[Exception]
) -> None:
    """Control: an import without its transaction leaves the prompt set and its prompts."""
    with pytest.raises(error):
        imported(owner, "a cat", *words)
    assert not PromptSet.objects.exists()
    assert not Prompt.objects.exists()


def test_prompts_and_words_that_don_t_belong_together_are_refused(owner: User) -> None:
    with pytest.raises(ValueError, match="1 prompts, but the words of 2"):
        import_prompts(
            owner,
            name="Cats",
            source=SourceFile(name="cats.csv", sha256="0" * 64),
            rows=[PromptRow(line=1, text="a cat")],
            parse=Parse(parser="parser 1", prompts=((A, CAT), (A, CAT))),
        )


def test_a_correction_keeps_what_the_parser_said(owner: User) -> None:
    factories.make_prompt_set(["a cat"], owner=owner)
    word = correct_word(PromptWord.objects.get(position=1), part_of_speech=PartOfSpeech.VERB)
    word.refresh_from_db()
    assert (word.part_of_speech, word.part_of_speech_parsed) == ("VERB", "NOUN")
