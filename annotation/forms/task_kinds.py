"""What the campaign form asks for each kind of task, and what it starts with."""

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from annotation.choices import TaskKind
from annotation.forms import comparing
from annotation.forms.answers import MOST_VOCABULARY_WORDS
from annotation.models.campaigns import LONGEST_VOCABULARY_WORD
from generation.choices import PartOfSpeech

FEWEST_WORDS: Final = 2
_OF_PAIRS: Final = frozenset(("pair_of", "pairing", "pairs_per_prompt"))
_COMPARING: Final = frozenset(comparing.NAMES)

# Where a punctuation mark is no task of its own: no image shows one, and no pair is about one.
_OF_MARKS: Final = frozenset(("checks_per_rater",))
_OF_SCORES: Final = frozenset(("repeat_tolerance",))
_OF_AREAS: Final = frozenset(("repeat_overlap_percent",))

# The fields of the form that a kind has no use for.
LEFT_OUT: Final[Mapping[TaskKind, frozenset[str]]] = {
    TaskKind.OPINION_SCORE: _OF_PAIRS | _OF_AREAS | {"vocabulary"},
    TaskKind.OBJECT_PRESENCE: _COMPARING | _OF_MARKS | _OF_SCORES | {"parts_of_speech"},
    TaskKind.MASK: _COMPARING | _OF_SCORES | {"vocabulary"},
    TaskKind.PAIRWISE: _OF_MARKS | _OF_SCORES | _OF_AREAS | {"vocabulary", "score_of"},
}
SECONDS: Final[Mapping[TaskKind, int]] = {
    TaskKind.OPINION_SCORE: 8,
    TaskKind.OBJECT_PRESENCE: 15,
    TaskKind.MASK: 45,
    TaskKind.PAIRWISE: 10,
}


class VocabularyField(forms.CharField):
    """The words of a checklist, one a line; cleaned to a tuple without repetitions."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Words of the checklist",
            widget=forms.Textarea(attrs={"rows": 8}),
            help_text=(
                "One a line. Each rater sees them in an order of her own. Use the words of your prompts as "
                "well as others that could be there."
            ),
            **kwargs,
        )

    def clean(self, value: Any) -> tuple[str, ...]:
        """The words. Raises ValidationError for too few, too many or too long ones."""
        lines = [unicodedata.normalize("NFC", line.strip()) for line in str(value or "").splitlines()]
        words = tuple(dict.fromkeys(line for line in lines if line))
        if not FEWEST_WORDS <= len(words) <= MOST_VOCABULARY_WORDS:
            raise forms.ValidationError(
                f"Write {FEWEST_WORDS} to {MOST_VOCABULARY_WORDS} different words, one a line; "
                f"these are {len(words)}."
            )
        if too_long := [word for word in words if len(word) > LONGEST_VOCABULARY_WORD]:
            raise forms.ValidationError(
                f"“{too_long[0][:30]}…” is longer than {LONGEST_VOCABULARY_WORD} characters. Shorten it."
            )
        if any("\0" in word for word in words):
            raise forms.ValidationError("The list holds a NUL character. Remove it.")
        return words


def parts_to_start_with(kind: TaskKind, *, word_counts: Mapping[str, int]) -> list[str]:
    """Parts of speech ticked at first: things where something is drawn, else all but punctuation."""
    things = {PartOfSpeech.NOUN.value, PartOfSpeech.PROPN.value}
    all_parts = [part for part in word_counts if part != PartOfSpeech.PUNCT.value]
    if kind == TaskKind.MASK:
        return [part for part in all_parts if part in things] or all_parts
    return all_parts
