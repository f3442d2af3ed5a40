"""What an answer says, as the columns of its row."""

from typing import Any

from annotation.contents import AnswerContent
from annotation.models import Mask


def columns_of(content: AnswerContent) -> dict[str, Any]:
    """What an answer's row says; a mask gets a row of its own first."""
    drawn = content.mask
    return {
        "score": content.score,
        "opt_out": content.opt_out,
        "words": None if content.words is None else list(content.words),
        "choice": content.choice,
        "mask": Mask.objects.create(**vars(drawn)) if drawn else None,
    }
