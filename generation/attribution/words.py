"""From words in a prompt to the token positions the model reads them at.

A word is a span of characters, [start, end). Looking words up by characters instead of by the text of tokens
is what keeps "dog" out of "hot dog" and "skate" out of "skateboarder", and what makes plurals, emoji and a
word that stands twice in a prompt unambiguous. Standard library only: the tokenizer is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from unicodedata import category, normalize

from generation.attribution.arguments import check_texts

Occurrence = int | Literal["all"]
Special = Literal["start", "end", "padding"]


def _marks() -> str:
    """Marks that stand on, under or beside a letter (accents written apart, vowel signs), as ranges.

    The last 240 characters looked at choose a letter's shape.
    """
    ranges: list[list[int]] = []
    for letter in (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)):
        if not category(chr(letter)).startswith("M"):
            continue
        if ranges and ranges[-1][1] == letter - 1:
            ranges[-1][1] = letter
        else:
            ranges.append([letter, letter])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


_MARKS = _marks()
_LETTERS = rf"\w+(?:[{_MARKS}]+\w*)*"
# An apostrophe inside a word belongs to it ("dog's"), as do the joiners of Persian and Hindi; a run of signs
# is one word, as it is one CLIP token group, with the marks and joiners of its emoji.
_WORD = re.compile(rf"{_LETTERS}(?:['’\u200c\u200d]{_LETTERS})*|[^\w\s]+")

# A character with the marks on it, which may be one character or several.
_LETTER = re.compile(rf"[^{_MARKS}][{_MARKS}]*|[{_MARKS}]+", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class WordSpan:
    """One word of a prompt: its place among the prompt's words and its characters [start, end)."""

    position: int
    text: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"word {self.text!r}: characters {self.start} to {self.end} are not a span")


@dataclass(frozen=True, kw_only=True)
class TokenSelection:
    """Where the model reads a word.

    positions: the word's token positions among the keys that the model reads (CLIP's start token is 0),
    ascending.
    lost: how many of the word's tokens lie past the context window.
    """

    positions: tuple[int, ...]
    lost: int = 0

    @property
    def is_seen(self) -> bool:
        """Whether the model reads the whole word: a word cut in two is another word."""
        return bool(self.positions) and self.lost == 0


@dataclass(frozen=True, kw_only=True)
class PromptTokens:
    """The tokens of one prompt before truncation, and the keys that they become.

    offsets: characters [start, end) of each content token, in order.
    window: number of content tokens that reach the model.
    first: the key of the first content token; the start token, where there is one, stands before it.
    has_start: whether there is a start token.
    chunk: content tokens between a start and an end token; 0 where the prompt is not cut into such chunks.
    """

    offsets: tuple[tuple[int, int], ...]
    window: int
    first: int = 1
    has_start: bool = True
    chunk: int = 0

    @property
    def visible(self) -> int:
        """Number of content tokens that reach the model."""
        return min(len(self.offsets), self.window)

    @property
    def keys(self) -> range:
        """The keys of this prompt: start token, content, end token, padding."""
        first = self.first - self.has_start
        marks = 1 + self.has_start
        return range(first, first + self.window + marks * max(1, self.window // (self.chunk or self.window)))

    def key_of(self, token: int) -> int:
        """The key of a content token, counted from 0."""
        # Each chunk before it adds an end and a start token.
        return self.first + token + (2 * (token // self.chunk) if self.chunk else 0)


def split_words(prompt: str) -> tuple[WordSpan, ...]:
    """The words of a prompt in reading order; a run of punctuation is a word of its own."""
    return tuple(
        WordSpan(position=position, text=match.group(), start=match.start(), end=match.end())
        for position, match in enumerate(_WORD.finditer(prompt))
    )


def find_spans(prompt: str, text: str, *, phrases: Sequence[str] = ()) -> tuple[tuple[int, int], ...]:
    """Characters of every whole-word occurrence of a word or phrase, whatever its case.

    Accents may be one character with their letter in one of the texts and written apart in the other; the
    spans are in the characters of the prompt as it is given.
    phrases: longer expressions to be taken as one, such as "hot dog"; an occurrence inside one of them
    is left out. Plurals are words of their own: "dog" does not find "dogs".
    """
    check_texts("phrases", phrases)
    inside = [span for phrase in phrases for span in _occurrences(prompt, phrase)]
    return tuple(
        (start, end)
        for start, end in _occurrences(prompt, text)
        if not any(a <= start and end <= b and (a, b) != (start, end) for a, b in inside)
    )


def folded(text: str) -> str:
    """The same text for all writings of a word: of its case, and of its accents (apart or not)."""
    return normalize("NFD", normalize("NFD", text).casefold())


def tokenize(
    tokenizer: Any, prompt: str, *, window: int | None = None, first: int | None = None, chunks: int = 1
) -> PromptTokens:
    """The content tokens of a prompt with their characters, and how many of them the model will read.

    tokenizer: a fast transformers tokenizer. Raises TypeError for one that can't give character offsets.
    window, first: for an encoder without a start token (T5): the content tokens that fit, and the key of the
    first. Left out, the tokenizer's own length is taken and holds a start and an end token (CLIP).
    chunks: how many such windows stand behind one another, for the embeddings of long prompts.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise TypeError(f"{type(tokenizer).__name__} gives no character offsets; load the fast one instead")
    encoding = tokenizer(
        prompt, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False
    )
    offsets = tuple((int(start), int(end)) for start, end in encoding["offset_mapping"])
    if window is not None:
        return PromptTokens(offsets=offsets, window=window, first=first or 0, has_start=False)
    content = int(tokenizer.model_max_length) - 2
    return PromptTokens(offsets=offsets, window=chunks * content, chunk=content if chunks > 1 else 0)


def select_tokens(tokens: PromptTokens, spans: Sequence[tuple[int, int]]) -> TokenSelection:
    """The tokens that share at least one character with one of the spans.

    A span no token covers (a character that the tokenizer drops) gives an empty selection.
    """
    touched = [
        index
        for index, (token_start, token_end) in enumerate(tokens.offsets)
        if any(token_start < end and start < token_end for start, end in spans)
    ]
    seen = tuple(tokens.key_of(index) for index in touched if index < tokens.window)
    return TokenSelection(positions=seen, lost=len(touched) - len(seen))


def select_special(tokens: PromptTokens, kind: Special) -> TokenSelection:
    """The tokens of a prompt that stand for none of its words; of the last chunk, where there are several.

    T5 has no start token: its selection is empty. A prompt that fills the window has no padding.
    """
    end = tokens.key_of(tokens.visible) if tokens.visible < tokens.window else tokens.keys[-1]
    if kind == "start":
        return TokenSelection(positions=(tokens.keys[0],) if tokens.has_start else ())
    if kind == "end":
        return TokenSelection(positions=(end,))
    return TokenSelection(positions=tuple(range(end + 1, tokens.keys[-1] + 1)))


@dataclass(frozen=True, kw_only=True)
class _Spelled:
    """A text with every letter taken apart from its marks, in the one order that Unicode gives them.

    places: for each character of letters, the characters [start, end) of the text itself that it stands for.
    """

    letters: str
    places: tuple[tuple[int, int], ...]

    def parts(self, start: int, end: int) -> bool:
        """Whether [start, end) begins or ends within what is one character or letter of the text itself."""
        return any(
            0 < edge < len(self.letters) and self.places[edge - 1] == self.places[edge]
            for edge in (start, end)
        )


def _spelled(text: str) -> _Spelled:
    letters: list[str] = []
    places: list[tuple[int, int]] = []
    for match in _LETTER.finditer(text):
        apart = normalize("NFD", match.group())
        letters.append(apart)
        if apart == normalize("NFC", apart):  # no writing joins them: each character stands for itself
            places += [(place, place + 1) for place in range(*match.span())]
        else:
            places += [match.span()] * len(apart)
    return _Spelled(letters="".join(letters), places=tuple(places))


def _occurrences(prompt: str, text: str) -> list[tuple[int, int]]:
    # Accents may be written apart or not, in the prompt and in the word: both mean the same.
    parts = normalize("NFD", text).split()
    if not parts:
        raise ValueError("an empty word can't be looked up")
    pattern = re.compile(r"\s+".join(re.escape(part) for part in parts), re.IGNORECASE)
    # Only a letter or digit can continue a word, so "," needs no boundary.
    before, after = _continues(parts[0][0]), _continues(parts[-1][-1])
    spelled = _spelled(prompt)
    letters = spelled.letters
    found = []
    start = 0
    while match := pattern.search(letters, start):
        first, end = match.span()
        torn = before and _continues(letters[first - 1 : first])
        torn = torn or (after and _continues(letters[end : end + 1])) or spelled.parts(first, end)
        if not torn:
            found.append((spelled.places[first][0], spelled.places[end - 1][1]))
        start = first + 1 if torn else end
    return found


def _continues(letter: str) -> bool:
    """Whether a word goes on with it: a letter, a digit, or a mark on one; not so for no character."""
    return bool(letter) and (letter.isalnum() or letter == "_" or category(letter).startswith("M"))
