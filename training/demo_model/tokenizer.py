"""A small CLIP vocabulary: each word below is exactly one token, a few are split on purpose.

The byte-pair merges are written, not learned from text: merging blindly splits words by accident, and then a
word's heat map is the sum of pieces that mean nothing.  A word that is not listed falls back to bytes, as in
every CLIP tokenizer, so that any prompt runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from transformers import CLIPTokenizer

from training.demo_model.scenes import NUMERALS, plural
from training.demo_model.shapes import BACKGROUNDS, COLOURS, SHAPES

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"
MAX_LENGTH = 32

# Words of several tokens, so that every path that sums a word's pieces is really used.
SPLIT_ON_PURPOSE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "triangle": ("tri", "angle"),
        "triangles": ("tri", "angles"),
        "background": ("back", "ground"),
        "rectangle": ("rect", "angle"),
        "rectangles": ("rect", "angles"),
    }
)
_SHAPE_WORDS = tuple(
    word for shape in SHAPES for word in (shape, plural(shape)) if word not in SPLIT_ON_PURPOSE
)
_OTHER_WORDS = """
    a an the one two three four five and or with of in on at to is are no not without left right
    above below under over inside outside between beside behind near next touching covering
    surrounding top bottom side small large big tiny huge little striped dotted plain bright
    dark light brown grey cyan shape shapes figure figures object objects thing things dot dots
    stripe stripes line lines picture image photo drawing painting scene sign symbol dog cat
    person man woman child tree house car flower sun moon sky grass water
"""
PUNCTUATION = (".", ",", "!", "?", ";", ":", "'", '"', "-", "(", ")")
WORDS: tuple[str, ...] = tuple(
    dict.fromkeys([*_SHAPE_WORDS, *COLOURS, *BACKGROUNDS, *NUMERALS, *_OTHER_WORDS.split()])
)


def build(*, max_length: int = MAX_LENGTH) -> CLIPTokenizer:
    """The tokenizer, ready to save. Raises ValueError where a word came out in other pieces than meant."""
    vocabulary, merges = vocabulary_and_merges()
    tokenizer = CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        bos_token=START,
        eos_token=END,
        unk_token=END,
        pad_token=END,
        model_max_length=max_length,
    )
    wrong = {word: got for word in WORDS if (got := pieces(tokenizer, word)) != (word,)}
    wrong |= {
        word: got for word, meant in SPLIT_ON_PURPOSE.items() if (got := pieces(tokenizer, word)) != meant
    }
    if wrong:
        raise ValueError(f"These words came out in other pieces than meant: {wrong}")
    return tokenizer


def pieces(tokenizer: CLIPTokenizer, text: str) -> tuple[str, ...]:
    """The tokens of a text without start, end and the mark at the end of a word."""
    return tuple(token.removesuffix(WORD_END) for token in tokenizer.tokenize(text))


def vocabulary_and_merges() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token numbers and merges, best first.

    Bytes come first, then bytes that end a word, then one token for each merge, then start and end, which is
    CLIP's order.
    """
    letters = list(_byte_letters())
    merges: list[tuple[str, str]] = []
    whole = [*WORDS]
    for parts in SPLIT_ON_PURPOSE.values():
        _join([*"".join(parts[:-1])], merges=merges)
        whole.append(parts[-1])
    for word in whole:
        _join([*word[:-1], word[-1] + WORD_END], merges=merges)
    joined = list(dict.fromkeys("".join(pair) for pair in merges))
    tokens = [*letters, *(letter + WORD_END for letter in letters), *joined, START, END]
    return {token: number for number, token in enumerate(tokens)}, merges


def _join(symbols: list[str], *, merges: list[tuple[str, str]]) -> None:
    """Add the merges that are still missing for these symbols to become one token.

    New merges rank below all earlier ones, so a word that was one token before stays one.
    """
    symbols = _merged(symbols, merges=merges)
    while len(symbols) > 1:
        merges.append((symbols[0], symbols[1]))
        symbols = _merged(symbols, merges=merges)


def _merged(symbols: list[str], *, merges: Sequence[tuple[str, str]]) -> list[str]:
    rank = {pair: number for number, pair in enumerate(merges)}
    while True:
        pairs = [pair for pair in itertools.pairwise(symbols) if pair in rank]
        if not pairs:
            return symbols
        best = min(pairs, key=rank.__getitem__)
        out: list[str] = []
        for symbol in symbols:
            if out and (out[-1], symbol) == best:
                out[-1] += symbol
            else:
                out.append(symbol)
        symbols = out


def _byte_letters() -> tuple[str, ...]:
    """One printable letter for each of the 256 bytes, in the order that byte-level BPE gives them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [byte for byte in range(256) if byte not in printable]
    return tuple(chr(code) for code in [*printable, *range(256, 256 + len(other))])
