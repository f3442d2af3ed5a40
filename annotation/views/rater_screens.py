"""What the rating page shows: one frozen value that the template and the answer's JSON are both made from."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

from annotation.choices import ANSWER_OPTIONS, AnswerOption

SCORE_OPTIONS: Final[tuple[AnswerOption, ...]] = tuple(o for o in ANSWER_OPTIONS if o.score is not None)
OPT_OUT_OPTIONS: Final[tuple[AnswerOption, ...]] = tuple(o for o in ANSWER_OPTIONS if o.opt_out is not None)


@dataclass(frozen=True, kw_only=True)
class TaskScreen:
    """One task as a page shows it. Nothing in it tells an attention check from any other task.

    before, word, after: the prompt, cut at the word's character offsets.  width, height: pixels, so that the
    page keeps room for the images before they arrive.
    """

    slot_id: int
    idempotency_key: str
    before: str
    word: str
    after: str
    image_url: str
    map_url: str
    width: int
    height: int
    place: int
    places_total: int
    time_left: str
    can_undo: bool

    def as_json(self) -> dict[str, Any]:
        """The same fields for the page's script."""
        return asdict(self)


def option_context() -> dict[str, Any]:
    """The answers by the names the template uses."""
    return {"score_options": SCORE_OPTIONS, "opt_out_options": OPT_OUT_OPTIONS}


def cut_prompt(prompt: str, *, start: int, end: int) -> tuple[str, str, str]:
    """The prompt's text before, in and after [start, end), in characters."""
    return prompt[:start], prompt[start:end], prompt[end:]


def time_left(seconds: float) -> str:
    """A rater's remaining time in words: rounded up, since nobody minds to be done early."""
    if seconds < 60:
        return "less than a minute left"
    return f"about {math.ceil(seconds / 60)} min left"


def time_estimate(seconds: float) -> str:
    """A whole session's time in words, for the consent page."""
    minutes = math.ceil(seconds / 60)
    return "about 1 minute" if minutes <= 1 else f"about {minutes} minutes"
