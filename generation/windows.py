"""How much of a prompt a model reads, counted without its tokenizer. Pure.

Text encoders read a fixed number of tokens. CLIP's tokenizer (Radford et al. 2021) first cuts a text into
pieces: runs of letters, single digits, runs of other marks. Each piece is one token or more. So a prompt with
more pieces than the window is cut for certain, and the pieces after it are certainly not read; a prompt with
fewer may still be cut where the model's vocabulary splits its words.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

# Start and end of the text, which the tokenizer adds.
OWN_MARKS: Final = 2
_PIECE: Final = re.compile(r"'(?:s|t|re|ve|m|ll|d)|[^\W\d_]+|\d|(?:[^\w\s]|_)+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class CutPrompt:
    """A prompt that a model can't read whole: its row in its file, and the end that it doesn't see."""

    row_number: int
    unread: str


def room(tokens: int) -> int:
    """Tokens of the prompt itself that a window of so many has room for."""
    return tokens - OWN_MARKS


def unread_end(text: str, *, tokens: int) -> str:
    """The end of the text that a model with this window certainly does not read; empty where none is certain.

    tokens: the window, with the model's own two marks.
    """
    # Composed, as the tokenizer reads it: an accent that is written apart is no piece of its own.
    text = normalize("NFC", text)
    pieces = list(_PIECE.finditer(text))
    read = room(tokens)
    return text[pieces[read].start() :].strip() if len(pieces) > read else ""


def cut_prompts(prompts: Iterable[tuple[int, str]], *, tokens: int) -> list[CutPrompt]:
    """Those of the prompts (row number, text) that are certainly cut, in their order."""
    ends = ((row_number, unread_end(text, tokens=tokens)) for row_number, text in prompts)
    return [CutPrompt(row_number=row_number, unread=unread) for row_number, unread in ends if unread]
