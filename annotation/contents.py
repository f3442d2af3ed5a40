"""What an answer says, as a value: the same for pages, services and exports. Pure."""

from dataclasses import dataclass
from typing import Final, Protocol

from annotation.choices import OPTION_BY_CODE, PAIR_CHOICES, Choice, ScoreOf, TaskKind, options_for

WORDS_CODE: Final = "words"
MASK_CODE: Final = "mask"


@dataclass(frozen=True, kw_only=True)
class DrawnMask:
    """A checked, re-encoded mask. png: 1-bit.  rle: counts of COCO's compressed encoding.  area: pixels."""

    png: bytes
    rle: str
    height: int
    width: int
    area: int


@dataclass(frozen=True, kw_only=True)
class AnswerContent:
    """One answer: exactly one of score, opt-out, words, choice and mask.

    words: checked words in the order in which they were checked; empty for "none of these".
    """

    score: int | None = None
    opt_out: str = ""
    words: tuple[str, ...] | None = None
    choice: str = ""
    mask: DrawnMask | None = None

    @property
    def code(self) -> str:
        """The answer in one word: the option's code where the kind has options."""
        if self.words is not None:
            return WORDS_CODE
        if self.mask is not None:
            return MASK_CODE
        return self.choice or self.opt_out or str(self.score)


class StoredAnswer(Protocol):
    """The columns of a stored answer that say something."""

    score: int | None
    opt_out: str
    words: list[str] | None
    choice: str


def option_content(code: str) -> AnswerContent:
    """The answer that one button gives: a score, an opt-out or a choice. Raises KeyError for no such code."""
    if code in Choice.values:
        return AnswerContent(choice=code)
    option = OPTION_BY_CODE[code]
    return AnswerContent(score=option.score, opt_out=option.opt_out or "")


def says_the_same(content: AnswerContent, *, stored: StoredAnswer, stored_rle: str | None) -> bool:
    """Whether a stored answer is this one. Words are compared without their order.

    stored_rle: of the stored mask; None without one.
    """
    words = None if stored.words is None else sorted(stored.words)
    return (content.score, content.opt_out, content.choice) == (
        stored.score, stored.opt_out, stored.choice,
    ) and (
        (None if content.words is None else sorted(content.words)) == words
        and (content.mask.rle if content.mask else None) == stored_rle
    )  # fmt: skip


def fits(
    content: AnswerContent,
    *,
    task_kind: str,
    vocabulary: tuple[str, ...],
    score_of: str = ScoreOf.WORD_MAPS.value,
) -> bool:
    """Whether a campaign of this kind asks for such an answer. vocabulary: of the campaign's checklist."""
    if task_kind == TaskKind.OPINION_SCORE:
        return content.code in [option.code for option in options_for(score_of)]
    if task_kind == TaskKind.OBJECT_PRESENCE:
        words = content.words
        return words is not None and set(words) <= set(vocabulary) and len(set(words)) == len(words)
    if task_kind == TaskKind.MASK:
        return content.code in (MASK_CODE, Choice.NOT_IN_IMAGE)
    return content.choice in PAIR_CHOICES
