"""The concepts whose heads are looked for, and the words that stand for each. Standard library only."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.attribution.words import tokenize

DEFAULT_LIST = Path(__file__).with_name("concepts.toml")


@dataclass(frozen=True, kw_only=True)
class ConceptList:
    """Concepts in order, each with its words."""

    words: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        problems = []
        if len(self.words) < 2:
            problems.append("at least two concepts are needed: relevance is a comparison")
        problems += [f"concept {name!r} has no words" for name, words in self.words.items() if not words]
        counted = Counter(" ".join(word.split()).lower() for words in self.words.values() for word in words)
        problems += [
            f"{word!r} stands more than once" for word, count in counted.items() if word and count > 1
        ]
        if "" in counted:
            problems.append("an empty word stands in the list")
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def names(self) -> tuple[str, ...]:
        """The concepts, in order."""
        return tuple(self.words)

    @property
    def sha256(self) -> str:
        """Of the list itself, whatever its file looks like."""
        return hashlib.sha256(json.dumps([*self.words.items()]).encode()).hexdigest()


def load_concepts(path: Path = DEFAULT_LIST) -> ConceptList:
    """The list in a TOML file of `"concept" = ["word", ...]` lines.

    Raises ValueError, naming every problem.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no TOML file: {error}") from error
    wrong = [name for name, words in content.items() if not _is_word_list(words)]
    if wrong:
        raise ValueError(f'{path.name}: {wrong[0]!r} is not a list of words, such as ["red", "blue"]')
    try:
        return ConceptList(words={name: tuple(words) for name, words in content.items()})
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def unread_words(concepts: ConceptList, tokenizer: Any) -> list[str]:
    """Words that the model would not read whole: no token, or more tokens than its window."""
    found = []
    for word in (word for words in concepts.words.values() for word in words):
        tokens = tokenize(tokenizer, word)
        if not tokens.offsets or tokens.visible < len(tokens.offsets):
            found.append(word)
    return found


def _is_word_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
