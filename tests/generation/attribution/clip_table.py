"""CLIP's published table of token pieces, as a tokenizer and as a second implementation of what it does.

The table comes with the package open_clip_torch and is read as a file: nothing of the package is run.
"""

from __future__ import annotations

import gzip
import importlib.util
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from unicodedata import category, combining, normalize

import pytest
from transformers import CLIPTokenizer

SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
MERGES = 48_894
ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
LAST = "</w>"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token of a text: its number, and the characters [start, end) of the text as it was written."""

    number: int
    start: int
    end: int


@cache
def merges() -> tuple[tuple[str, str], ...]:
    """The table's pairs, the most frequent first. Skips the test where the package is not installed."""
    found = importlib.util.find_spec("open_clip")
    if found is None or not found.submodule_search_locations:
        pytest.skip("NO CLIP TABLE: pip install --no-deps -r requirements-peer.txt")
    path = Path(found.submodule_search_locations[0]) / "bpe_simple_vocab_16e6.txt.gz"
    content = path.read_bytes()
    assert sha256(content).hexdigest() == SHA256
    lines = gzip.decompress(content).decode().split("\n")[1 : 1 + MERGES]
    return tuple((left, right) for left, right in (line.split() for line in lines))


@cache
def letters() -> tuple[str, ...]:
    """For each byte, the character that stands for it: itself where it can be seen."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in seen]
    names = {byte: chr(byte) for byte in seen} | {byte: chr(256 + place) for place, byte in enumerate(hidden)}
    return tuple(names[byte] for byte in range(256))


@cache
def numbers() -> dict[str, int]:
    """The number of each piece: bytes that can be seen, the others, both again as ends of words, merges."""
    in_order = sorted(letters(), key=lambda letter: (ord(letter) > 0xFF, ord(letter)))
    pieces = [*in_order, *(letter + LAST for letter in in_order), *(a + b for a, b in merges())]
    return {piece: number for number, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}


@cache
def tokenizer() -> CLIPTokenizer:
    """The fast tokenizer of Stable Diffusion 1 and 2, as its model folders define it."""
    return CLIPTokenizer(vocab=dict(numbers()), merges=list(merges()), model_max_length=77)


def tokens_of(text: str) -> list[Token]:
    """The text's tokens by the letter of Radford et al. 2021, one piece and one merge after the other."""
    return [token for piece in _pieces(_characters(text)) for token in _spelled(piece)]


@dataclass(frozen=True, kw_only=True)
class _Character:
    """One character as CLIP reads it (composed, in lower case), and where it came from."""

    text: str
    start: int
    end: int


def _characters(text: str) -> list[_Character]:
    found = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and combining(text[end]):
            end += 1
        composed = normalize("NFC", text[start:end]).lower()
        found += [_Character(text=letter, start=start, end=end) for letter in composed]
        start = end
    return found


def _pieces(characters: list[_Character]) -> Iterator[list[_Character]]:
    """Endings behind an apostrophe, runs of letters, single digits, runs of all else but space."""
    place = 0
    while place < len(characters):
        ahead = "".join(each.text for each in characters[place : place + 3])
        ending = next((one for one in ENDINGS if ahead.startswith(one)), "")
        kind = _kind(characters[place].text)
        end = place + max(1, len(ending))
        if not ending and kind in ("letter", "sign"):
            while end < len(characters) and _kind(characters[end].text) == kind:
                end += 1
        if ending or kind != "space":
            yield characters[place:end]
        place = end


def _kind(letter: str) -> str:
    if letter.isspace():
        return "space"
    return {"L": "letter", "N": "digit"}.get(category(letter)[0], "sign")


def _spelled(piece: list[_Character]) -> list[Token]:
    """The piece's bytes, merged by the table: each time the pair that stands highest in it, everywhere."""
    ranks = _ranks()
    parts = [(letters()[byte], each.start, each.end) for each in piece for byte in each.text.encode("utf-8")]
    parts[-1] = (parts[-1][0] + LAST, *parts[-1][1:])
    while len(parts) > 1:
        pairs = [(one[0], other[0]) for one, other in itertools.pairwise(parts)]
        best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        merged = []
        while parts:
            if len(parts) > 1 and (parts[0][0], parts[1][0]) == best:
                merged.append((parts[0][0] + parts[1][0], parts[0][1], parts[1][2]))
                parts = parts[2:]
            else:
                merged.append(parts[0])
                parts = parts[1:]
        parts = merged
    return [Token(number=numbers()[text], start=start, end=end) for text, start, end in parts]


@cache
def _ranks() -> dict[tuple[str, str], int]:
    return {pair: rank for rank, pair in enumerate(merges())}
