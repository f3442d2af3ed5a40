"""A reference mask that a researcher drew: the raters' form with what the mask is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from annotation.choices import Choice, TaskKind
from annotation.forms.answers import Asked, read_content
from annotation.forms.rating import UnreadableRequest
from annotation.known_answers import EXPLANATION, LEAST_IOU, SEGMENTATION, USE

UNMARK: Final = "unmark"
_OWN: Final = (USE, LEAST_IOU, EXPLANATION)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a thing is to be marked with, as a line of a specification; empty to take the mark away."""

    line: Mapping[str, Any]


def read_reference(fields: Mapping[str, str], *, image_hw: tuple[int, int]) -> Reference:
    """The reference in a form's fields. Raises UnreadableRequest; `known_answers` judges the rest."""
    if fields.get("option") == UNMARK:
        return Reference(line={})
    given = {
        name: value for name, value in fields.items() if name not in (*_OWN, "csrfmiddlewaretoken", "tool")
    }
    faults: list[str] = []
    content = read_content(given, Asked(task_kind=TaskKind.MASK, image_hw=image_hw), faults)
    if faults or content is None:
        raise UnreadableRequest(*faults)
    own = {name: fields[name].strip() for name in (USE, EXPLANATION) if fields.get(name, "").strip()}
    if content.choice == Choice.NOT_IN_IMAGE:
        return Reference(line={"accepted": [content.choice], **own})
    height, width = image_hw
    counts = content.mask.rle if content.mask else ""
    least = {LEAST_IOU: fields[LEAST_IOU].strip()} if fields.get(LEAST_IOU, "").strip() else {}
    mask = {"size": [height, width], "counts": counts}
    return Reference(line={SEGMENTATION: mask, **least, **own})
