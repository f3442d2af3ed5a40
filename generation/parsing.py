"""Words of prompts, with parts of speech, from spaCy in a process of its own.

spaCy imports torch where it finds it, and torch must never enter the web process; so the parser is a program
(`generation.parser_program`) that reads texts from a folder and leaves the words there, whole or not at all.
A page can start it, go on, and look again. Standard library only.
"""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common import whole_files

TEXTS: Final = "texts.json"
WORDS: Final = "words.json"
FAILURE: Final = "failure.txt"
LOCK: Final = "parser.lock"
PROJECT: Final = Path(__file__).resolve().parent.parent


class ParserUnavailable(RuntimeError):  # noqa: N818 (a state of the installation)
    """The words can't be found on this machine; the message says what to install."""


@dataclass(frozen=True, kw_only=True)
class ParsedWord:
    """One word or punctuation mark: characters [start, end) of its prompt, and its grammar.

    part_of_speech: a universal tag (NOUN, VERB, PUNCT, ...). head: position of its head; its own for the
    root.
    """

    text: str
    start: int
    end: int
    part_of_speech: str
    lemma: str
    dependency: str
    head: int


@dataclass(frozen=True, kw_only=True)
class Parse:
    """The words of each text, in the order of the texts. parser: the language model and its version."""

    parser: str
    prompts: tuple[tuple[ParsedWord, ...], ...]


def parse(texts: Sequence[str]) -> Parse:
    """The words of each text; waits for the parser. Raises ParserUnavailable."""
    with tempfile.TemporaryDirectory(prefix="percept-parse-") as name:
        folder = Path(name)
        start(folder, texts).wait()
        found = read(folder)
    if found is None:
        raise ParserUnavailable("The parser ended without a result. See the log.")
    return found


def start(folder: Path, texts: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Begins to parse; the words appear in the folder when they are complete. Waits for nothing.

    Goes on when the process that started it ends.
    """
    whole_files.write(folder / TEXTS, json.dumps(list(texts)).encode())
    return resume(folder)


def resume(folder: Path) -> "subprocess.Popen[bytes]":
    """Begins again with the texts in the folder; changes nothing where a parser is at work already."""
    (folder / FAILURE).unlink(missing_ok=True)
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "generation.parser_program", str(folder.resolve())],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
    )


def read(folder: Path) -> Parse | None:
    """What the parser found, or None while it has not finished. Raises ParserUnavailable."""
    try:
        content = json.loads((folder / WORDS).read_bytes())
    except FileNotFoundError:
        failure = folder / FAILURE
        if failure.exists():
            raise ParserUnavailable(failure.read_text()) from None
        return None
    return Parse(
        parser=content["parser"],
        prompts=tuple(tuple(_word(values) for values in words) for words in content["prompts"]),
    )


def is_running(folder: Path) -> bool:
    """Whether a parser is at work in the folder: it holds the lock as long as it lives, however it ends."""
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _word(values: list[str | int]) -> ParsedWord:
    text, start, end, part_of_speech, lemma, dependency, head = values
    return ParsedWord(
        text=str(text),
        start=int(start),
        end=int(end),
        part_of_speech=str(part_of_speech),
        lemma=str(lemma),
        dependency=str(dependency),
        head=int(head),
    )
