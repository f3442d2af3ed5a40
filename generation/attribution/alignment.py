"""Which tokens of one prompt stand for which tokens of another. Standard library only.

Words are matched first (the same words in the same order; a run of words exchanged for as many others, one
for one), then their tokens. Source: Hertz et al. 2022, "Prompt-to-Prompt Image Editing with Cross Attention
Control", sections 3.2 (word swap, adding a phrase).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from generation.attribution.words import WordSpan, folded, select_tokens, split_words, tokenize


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """Where each key position of the target takes its attention from.

    sources: for each target position the source positions with their weights; empty for a token that has no
    counterpart and keeps its own attention.  keys: number of positions, the same in both prompts.
    """

    sources: tuple[tuple[tuple[int, float], ...], ...]

    @property
    def keys(self) -> int:
        """Number of key positions, start, end and padding included."""
        return len(self.sources)

    @property
    def own(self) -> tuple[int, ...]:
        """Target positions that keep their own attention."""
        return tuple(place for place, sources in enumerate(self.sources) if not sources)


def align(source: str, target: str, *, tokenizer: Any) -> Alignment:
    """The alignment of two prompts as the model reads them.

    Two words of unequally many tokens share the attention: every target token gets all source tokens' divided
    by the number of target tokens, so that the words' sums are the same. The start token stands for the start
    token, the end token and what follows for the same, in order.
    """
    tokens = tokenize(tokenizer, source), tokenize(tokenizer, target)
    keys = tokens[0].window + 2
    found: list[list[tuple[int, float]]] = [[] for _ in range(keys)]
    found[0] = [(0, 1.0)]
    for first, second in _word_pairs(split_words(source), split_words(target)):
        of_source = select_tokens(tokens[0], [(first.start, first.end)]).positions
        of_target = select_tokens(tokens[1], [(second.start, second.end)]).positions
        if len(of_source) == len(of_target):
            for place, origin in zip(of_target, of_source, strict=True):
                found[place] = [(origin, 1.0)]
        else:
            for place in of_target:
                found[place] = [(origin, 1.0 / len(of_target)) for origin in of_source]
    ends = tokens[0].visible + 1, tokens[1].visible + 1
    for origin in range(ends[0], keys):
        # Where the target's tail is shorter, its last position takes the rest.
        found[min(ends[1] + origin - ends[0], keys - 1)].append((origin, 1.0))
    return Alignment(sources=tuple(tuple(each) for each in found))


def _word_pairs(
    source: tuple[WordSpan, ...], target: tuple[WordSpan, ...]
) -> Iterator[tuple[WordSpan, WordSpan]]:
    texts = [[folded(word.text) for word in words] for words in (source, target)]
    for kind, a, b, c, d in SequenceMatcher(a=texts[0], b=texts[1], autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and b - a == d - c):
            yield from zip(source[a:b], target[c:d], strict=True)
