"""What a task's page shows: one frozen value that the template and the answer's JSON are both made from."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _


@dataclass(frozen=True, kw_only=True)
class TaskScreen:
    """One task as a page shows it. Nothing in it tells an attention check from any other task.

    slot: the task's random name.  before, word, after: the prompt, cut at the word's character offsets; all
    before where there is no word.  pictures: addresses by name.  width, height: pixels, so that the page
    keeps room for the pictures before they arrive.  ahead: addresses of the next task's pictures, so that
    they are there when it comes; empty where it is not settled.  draft_url: of the drawing so far; empty
    where there is none.  draft_number: of its last stroke.  round_name: of training or qualification; empty
    for a question that counts.
    """

    slot: str
    idempotency_key: str
    question: str
    before: str
    word: str
    after: str
    pictures: Mapping[str, str]
    width: int
    height: int
    place: int
    places_total: int
    time_left: str
    can_undo: bool
    draft_url: str = ""
    draft_number: int = 0
    ahead: tuple[str, ...] = ()
    round_name: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same fields for the page's script."""
        return asdict(self) | {"place_text": self.place_text}

    @property
    def left_map(self) -> str:
        """Address of the left map of a pair; empty where there is none."""
        return self.pictures.get("left-map", "")

    @property
    def right_map(self) -> str:
        """Address of the right map of a pair; empty where there is none."""
        return self.pictures.get("right-map", "")

    @property
    def place_text(self) -> str:
        """How far the rater is, in words."""
        text = _("%(place)s of %(total)s") % {"place": self.place, "total": self.places_total}
        return f"{self.round_name} · {text}" if self.round_name else text


def cut_prompt(prompt: str, *, word: tuple[int, int] | None) -> tuple[str, str, str]:
    """The prompt's text before, in and after the word's [start, end), in characters."""
    start, end = word or (len(prompt), len(prompt))
    return prompt[:start], prompt[start:end], prompt[end:]


def time_left(seconds: float) -> str:
    """A rater's remaining time in words: rounded up, since nobody minds to be done early."""
    if seconds < 60:
        return _("less than a minute left")
    return _("about %(minutes)s min left") % {"minutes": math.ceil(seconds / 60)}


def time_estimate(seconds: float) -> str:
    """A whole session's time in words, for the consent page."""
    minutes = math.ceil(seconds / 60)
    if minutes <= 1:
        return _("about 1 minute")
    return _("about %(minutes)s minutes") % {"minutes": minutes}
