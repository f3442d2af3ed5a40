"""How much of a text a model reads: its window of tokens ends, whatever the text does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from generation.attribution.words import WordSpan, select_tokens, split_words, tokenize


@dataclass(frozen=True, kw_only=True)
class ReadText:
    """What a model reads of a text.

    text: up to the end of its last word that is read whole; all of it where it fits the window.
    unread: the words that are not read whole.
    tokens: numbers of the tokens of text, for each text encoder: texts with equal ones are the same to the
    model ("Cat" and "cat" to CLIP).
    """

    text: str
    unread: tuple[WordSpan, ...]
    tokens: tuple[tuple[int, ...], ...]


def read_part(pipeline: Any, text: str, *, words: Sequence[WordSpan] | None = None) -> ReadText:
    """The part of a text that a pipeline of Stable Diffusion 1, 2 or XL reads.

    Whoever takes a word out of a text cuts it first: otherwise the words past the window move up into it, and
    count as what the word did.  words: of the text; left out, see split_words.
    """
    found = [getattr(pipeline, name, None) for name in ("tokenizer", "tokenizer_2")]
    tokenizers = [tokenizer for tokenizer in found if tokenizer is not None]
    tokens = [tokenize(tokenizer, text) for tokenizer in tokenizers]
    words = split_words(text) if words is None else words
    seen = [
        word
        for word in words
        if any(select_tokens(each, [(word.start, word.end)]).is_seen for each in tokens)
    ]
    if any(len(each.offsets) > each.window for each in tokens):
        text = text[: max((word.end for word in seen), default=0)]
    return ReadText(
        text=text,
        unread=tuple(word for word in words if word not in seen),
        tokens=tuple(
            tuple(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
            for tokenizer in tokenizers
        ),
    )
