"""adjudications.csv: every decision about an item that raters disagree on, those taken back too."""

from collections.abc import Iterator
from typing import Any, Final

from annotation.exports import ROWS_AT_ONCE, snapshot
from annotation.models import Adjudication, Campaign
from annotation.shown import SHOWN, with_shown
from common.csv_stream import Column, in_chunks, lines

_PLACES: Final = {"left": "first", "right": "second", "tie": "tie"}


def _said(one: Adjudication) -> dict[str, Any] | None:
    mask = one.mask
    return {"size": [mask.height, mask.width], "counts": mask.rle} if mask else None


def _word(one: Adjudication) -> str:
    word = one.item.word_map.word if one.item.word_map else one.item.word
    return word.text if word else ""


def _shown(one: Adjudication, name: str) -> Any:
    return getattr(one, f"item__{SHOWN}{name}")


ADJUDICATIONS: Final[tuple[Column[Adjudication], ...]] = (
    Column("item", "Number of the item; joins the files of answers.", lambda one: one.item_id),
    Column("system", "System of the item; of a pair the first.", lambda one: _shown(one, "system")),
    Column("prompt_row", "Line of the prompt in the imported file.", lambda one: _shown(one, "prompt_row")),
    Column("prompt", "The prompt.", lambda one: _shown(one, "prompt")),
    Column("word", "The word in question; empty where the task is about the image.", _word),
    Column("seed", "Seed of the image's noise.", lambda one: _shown(one, "seed")),
    Column("score", "The reviewer's score, 1 to 5; empty for other answers.", lambda one: one.score),
    Column(
        "opt_out", "word_too_abstract or image_too_poor; empty for other answers.", lambda one: one.opt_out
    ),
    Column(
        "words", "Words that are right, as JSON; [] for none of these; empty for other kinds.",
        lambda one: one.words,
    ),
    Column("winner", "first, second or tie; empty for other kinds.", lambda one: _PLACES.get(one.choice, "")),
    Column(
        "not_in_image", "1 where the reviewer said so; there is no mask then.",
        lambda one: one.choice == "not_in_image",
    ),
    Column("segmentation", "The mask in COCO's run-length encoding, as JSON; empty without one.", _said),
    Column("note", "Why, in the reviewer's words.", lambda one: one.note),
    Column("actor", "Who decided.", lambda one: one.actor.get_username()),
    Column("at", "When, by the database's clock (UTC).", lambda one: one.at),
    Column("undone_at", "When it was taken back; empty where it stands.", lambda one: one.undone_at),
    Column(
        "undone_by", "Who took it back.",
        lambda one: one.undone_by.get_username() if one.undone_by else "",
    ),
)  # fmt: skip


def adjudications_csv(campaign: Campaign) -> Iterator[bytes]:
    """One line per decision in order of time, from one snapshot."""
    with snapshot():
        made = (
            with_shown(Adjudication.objects.filter(item__campaign=campaign), campaign=campaign, item="item__")
            .select_related("actor", "undone_by", "mask", "item__word_map__word", "item__word")
            .order_by("pk")
        )
        yield from in_chunks(lines(made.iterator(chunk_size=ROWS_AT_ONCE), columns=ADJUDICATIONS))
