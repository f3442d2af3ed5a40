"""Checked words as columns, from presence.csv or the database, and what they say of each image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.kinds.columns import AnswerColumns, ColumnBuilder, is_check, place_of
from evaluation.kinds.report import Line
from evaluation.metrics.tables import BoolArray, IndexArray

NO_WORD = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class PresenceAnswers:
    """answer, word: (checks,), which answer checked which word of the checklist, in order of checking.

    A word that an answer checked twice is one check.
    """

    answers: AnswerColumns
    vocabulary: tuple[str, ...]
    answer: IndexArray
    word: IndexArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """What the answers that count say of each image; arrays are (images,) unless told.

    n_raters: answers.  n_none: of them without a word.  word: (images, 2), the words with most votes, NO_WORD
    without one; ties go to the word submitted first.  votes: (images, 2), 0 without one.  tied: whether the
    order of submission decided about the second.
    item, of_word, n_votes: one entry per image and word that anybody checked.
    """

    n_raters: IndexArray
    n_none: IndexArray
    word: IndexArray
    votes: IndexArray
    tied: BoolArray
    item: IndexArray
    of_word: IndexArray
    n_votes: IndexArray


def presence_from_lines(lines: Iterable[Line], *, vocabulary: Sequence[str]) -> PresenceAnswers:
    """The answers of presence.csv. Raises ValueError for a word that is not in the checklist."""
    builder = ColumnBuilder()
    code = {word: place for place, word in enumerate(vocabulary)}
    answers: list[int] = []
    words: list[int] = []
    for line in lines:
        if is_check(line):
            continue
        number, _ = builder.add(line)
        if word := line["checked_word"]:
            if word not in code:
                raise ValueError(f"presence.csv has the word {word!r}, which is not in the checklist")
            answers.append(number)
            words.append(code[word])
    return presence_of(
        builder.columns(),
        vocabulary=vocabulary,
        answer=np.array(answers, dtype=np.int64),
        word=np.array(words, dtype=np.int64),
    )


def presence_of(
    answers: AnswerColumns, *, vocabulary: Sequence[str], answer: IndexArray, word: IndexArray
) -> PresenceAnswers:
    """With each word once per answer, where it stands first. answer: ascending."""
    key = answer * max(len(vocabulary), 1) + word
    _, first = np.unique(key, return_index=True)
    first.sort()
    return PresenceAnswers(
        answers=answers, vocabulary=tuple(vocabulary), answer=answer[first], word=word[first]
    )


def label(found: PresenceAnswers, *, items: Sequence[str]) -> Labels:
    """The labels of these images, in their order. Raises KeyError for an answer to none of them."""
    counts, n, n_words = found.answers.counts, len(items), max(len(found.vocabulary), 1)
    image = place_of(found.answers, items=items)
    checked = np.bincount(found.answer, minlength=found.answers.n) > 0
    kept = counts[found.answer] if found.answer.size else np.zeros(0, dtype=bool)
    key = image[found.answer[kept]] * n_words + found.word[kept]
    # Checks stand in order of submission: the first of a word in an image is its earliest.
    keys, first, votes = np.unique(key, return_index=True, return_counts=True)
    item, word = keys // n_words, keys % n_words
    order = np.lexsort((first, -votes, item))
    item, word, votes = item[order], word[order], votes[order]
    size = np.bincount(item, minlength=n)
    start = np.cumsum(size) - size
    rank = np.arange(item.size) - start[item]
    top, top_votes = np.full((n, 2), NO_WORD), np.zeros((n, 2), dtype=np.int64)
    third = np.zeros(n, dtype=np.int64)
    for wanted in (0, 1):
        at = rank == wanted
        top[item[at], wanted], top_votes[item[at], wanted] = word[at], votes[at]
    third[item[rank == 2]] = votes[rank == 2]
    return Labels(
        n_raters=np.bincount(image[counts], minlength=n),
        n_none=np.bincount(image[counts & ~checked], minlength=n),
        word=top,
        votes=top_votes,
        tied=(third > 0) & (third == top_votes[:, 1]),
        item=item,
        of_word=word,
        n_votes=votes,
    )
