"""What each kind of task takes as an answer, read strictly from a form's fields.

One reader for each kind, in one table. A reader returns the content or adds to the faults.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from annotation.choices import PAIR_CHOICES, Choice, ScoreOf, TaskKind, options_for
from annotation.contents import AnswerContent, option_content
from annotation.forms.rating import (
    BODY_LIMIT,
    CANONICAL_UUID,
    LARGEST_MILLISECONDS,
    UnreadableRequest,
    unknown_fields,
    whole_number,
)
from annotation.mask_files import MaskRefused, one_bit_png, read_mask, read_pixels

VIEW: Final = re.compile(r"both|image|map|overlay(-(100|[1-9]?[0-9]))?")
CHECKED: Final = "checked"
NONE_OF_THESE: Final = "none"
DRAWN: Final = "drawn"
MASK_BODY_LIMIT: Final = 2 * 1024 * 1024
MOST_VOCABULARY_WORDS: Final = 200

_WORD_FIELD: Final = re.compile(r"word\.(0|[1-9][0-9]{0,2})")
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]*")
_SLOT_RULE: Final = "slot must be a UUID in lower case with hyphens, as the page has it."
_COMMON: Final = ("slot", "option", "idempotency_key", "client_milliseconds", "view")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the answer is an answer to. image_hw: pixels; only a mask needs it."""

    task_kind: str
    vocabulary: tuple[str, ...] = ()
    score_of: str = ScoreOf.WORD_MAPS.value
    image_hw: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class AnswerInput:
    """One submitted answer. `client_milliseconds` is None where the page ran without scripts."""

    slot: UUID
    content: AnswerContent
    idempotency_key: UUID
    client_milliseconds: int | None
    view: str


@dataclass(frozen=True, kw_only=True)
class DraftInput:
    """A drawing under way. number: of the stroke, from 1.  png: 1-bit."""

    slot: UUID
    number: int
    png: bytes


def body_limit(task_kind: str) -> int:
    """Most bytes of an answer's form."""
    return MASK_BODY_LIMIT if task_kind == TaskKind.MASK else BODY_LIMIT


def slot_of(fields: Mapping[str, str]) -> UUID:
    """The public id of the slot that a form is about. Raises UnreadableRequest."""
    slot = fields.get("slot", "")
    if not CANONICAL_UUID.fullmatch(slot):
        raise UnreadableRequest(_SLOT_RULE)
    return UUID(slot)


def read_answer(fields: Mapping[str, str], asked: Asked) -> AnswerInput:
    """The answer in a form's fields. Raises UnreadableRequest with every fault at once."""
    faults: list[str] = []
    slot = fields.get("slot", "")
    if not CANONICAL_UUID.fullmatch(slot):
        faults.append(_SLOT_RULE)
    content = read_content(fields, asked, faults)
    key = fields.get("idempotency_key", "")
    if not CANONICAL_UUID.fullmatch(key):
        faults.append("idempotency_key must be a UUID in lower case with hyphens.")
    milliseconds_text = fields.get("client_milliseconds", "")
    milliseconds = whole_number(milliseconds_text, largest=LARGEST_MILLISECONDS)
    if milliseconds_text and milliseconds is None:
        faults.append(f"client_milliseconds must be empty or a number from 0 to {LARGEST_MILLISECONDS}.")
    view = fields.get("view", "")
    if view and not VIEW.fullmatch(view):
        faults.append("view must be empty, both, image, map, or overlay with its opacity, like overlay-60.")
    if faults or content is None:
        raise UnreadableRequest(*faults)
    return AnswerInput(
        slot=UUID(slot),
        content=content,
        idempotency_key=UUID(key),
        client_milliseconds=milliseconds,
        view=view,
    )


def read_content(fields: Mapping[str, str], asked: Asked, faults: list[str]) -> AnswerContent | None:
    """What a form says, without whose task it is; what is wrong with it is added to `faults`."""
    return _READERS[TaskKind(asked.task_kind)](fields, asked, faults)


def read_draft(fields: Mapping[str, str], *, image_hw: tuple[int, int]) -> DraftInput:
    """The draft in a form's fields, its picture checked. Raises UnreadableRequest."""
    faults = unknown_fields(fields, known=("slot", "number", "mask"))
    number = whole_number(fields.get("number", ""), largest=LARGEST_MILLISECONDS)
    if not number:
        faults.append(f"number must be a whole number from 1 to {LARGEST_MILLISECONDS}.")
    content = _file(fields.get("mask", ""), faults)
    if faults or not number:
        raise UnreadableRequest(*faults)
    try:
        inside = read_pixels(content, height=image_hw[0], width=image_hw[1])
    except MaskRefused as refused:
        raise UnreadableRequest(f"mask: {refused}") from None
    return DraftInput(slot=slot_of(fields), number=number, png=one_bit_png(inside))


def _score(fields: Mapping[str, str], asked: Asked, faults: list[str]) -> AnswerContent | None:
    faults += unknown_fields(fields, known=_COMMON)
    return _one_of(tuple(option.code for option in options_for(asked.score_of)), fields, faults)


def _pair(fields: Mapping[str, str], _asked: Asked, faults: list[str]) -> AnswerContent | None:
    faults += unknown_fields(fields, known=_COMMON)
    return _one_of(tuple(choice.value for choice in PAIR_CHOICES), fields, faults)


def _presence(fields: Mapping[str, str], asked: Asked, faults: list[str]) -> AnswerContent | None:
    """Fields word.N name the checked words by their place in the vocabulary, in the order of checking."""
    places = [match for name in fields if (match := _WORD_FIELD.fullmatch(name))]
    known = {*_COMMON, *(place[0] for place in places)}
    faults += unknown_fields(fields, known=known)
    numbers = [int(place[1]) for place in places]
    if any(number >= len(asked.vocabulary) for number in numbers):
        faults.append(f"word.N must name one of the {len(asked.vocabulary)} words, from word.0 on.")
        return None
    option = fields.get("option", "")
    if option not in (CHECKED, NONE_OF_THESE):
        faults.append(f"option must be {CHECKED} or {NONE_OF_THESE}.")
    elif option == NONE_OF_THESE and numbers:
        faults.append("Words are ticked, and “None of these” was pressed. Choose one of the two.")
    elif option == CHECKED and not numbers:
        faults.append("No word is ticked. Tick what you see, or press “None of these”.")
    return AnswerContent(words=tuple(asked.vocabulary[number] for number in numbers))


def _mask(fields: Mapping[str, str], asked: Asked, faults: list[str]) -> AnswerContent | None:
    faults += unknown_fields(fields, known=(*_COMMON, "mask"))
    option = fields.get("option", "")
    if option == Choice.NOT_IN_IMAGE:
        return AnswerContent(choice=option)
    if option != DRAWN:
        faults.append(f"option must be {DRAWN} or {Choice.NOT_IN_IMAGE}.")
        return None
    content = _file(fields.get("mask", ""), faults)
    if asked.image_hw is None or faults:
        return None
    try:
        return AnswerContent(mask=read_mask(content, height=asked.image_hw[0], width=asked.image_hw[1]))
    except MaskRefused as refused:
        faults.append(f"mask: {refused}")
        return None


def _one_of(codes: tuple[str, ...], fields: Mapping[str, str], faults: list[str]) -> AnswerContent | None:
    code = fields.get("option", "")
    if code in codes:
        return option_content(code)
    faults.append(f"option must be one of {', '.join(codes)}.")
    return None


def _file(text: str, faults: list[str]) -> bytes:
    """The bytes of unpadded base64 for addresses (RFC 4648, section 5)."""
    try:
        if not _BASE64.fullmatch(text):
            raise binascii.Error
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        faults.append("mask must be a PNG in base64 for addresses, without padding.")
        return b""


Reader = Callable[[Mapping[str, str], Asked, list[str]], AnswerContent | None]
_READERS: Final[Mapping[TaskKind, Reader]] = {
    TaskKind.OPINION_SCORE: _score,
    TaskKind.OBJECT_PRESENCE: _presence,
    TaskKind.MASK: _mask,
    TaskKind.PAIRWISE: _pair,
}
