"""presence.csv, pairs.csv, masks.jsonl and masks.zip: the answers of the kinds beside the opinion score.

Each is written from one snapshot, in order of submission, with the columns of ratings.csv that say who
answered when; the file, the codebook and docs/exports.md follow from the lists here.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import IO, Any, Final

from django.db.models import F
from django.db.models.functions import Coalesce

from annotation import check_rows, standings
from annotation.choices import Choice
from annotation.exports import RATINGS, ROWS_AT_ONCE, Row, snapshot
from annotation.models import Answer, Campaign, Mask
from annotation.shown import system_case
from common.csv_stream import Cell, Column, cell_text, in_chunks, lines
from generation.models import Run

_SHARED: Final = frozenset((
    "answer_id", "answer_key", "campaign", "campaign_version", "wording_sha256", "consent_sha256", "item",
    "item_kind", "rater", "platform", "simulated", "place", "is_attention_check", "attention_check_kind",
    "attention_check_passed", "rater_failed_checks", "rater_excluded", "in_analysis", "shown_at",
    "answered_at", "seconds_shown", "client_milliseconds", "view",
))  # fmt: skip
SHARED: Final = tuple(column for column in RATINGS if column.name in _SHARED)
_SYSTEM: Final = ("model_id", "model_revision", "scheduler", "steps", "guidance", "negative_prompt")
# The oldest time that a zip archive can say: equal masks give equal archives.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class _Stored(Column[Row]):
    """A column read straight from the database, by its path from the answer."""

    path: str


def _stored(name: str, path: str, meaning: str) -> _Stored:
    return _Stored(name, meaning, itemgetter(path), path)


def _system(side: str, run: str) -> tuple[Column[Row], ...]:
    """Which system made one side of a pair."""

    def reading(name: str) -> Callable[[Row], Cell]:
        def of(row: Row) -> Cell:
            value: Cell = getattr(row[run], name)
            return value

        return of

    return tuple(Column(f"{side}_{name}", f"{name} of the {side} system.", reading(name)) for name in _SYSTEM)


_ITEM: Final = "slot__item__"
_IMAGE: Final[tuple[Column[Row], ...]] = (
    _stored("prompt_row", f"{_ITEM}image__prompt__row_number", "Line of the prompt in the imported file."),
    _stored("prompt", f"{_ITEM}image__prompt__text", "The prompt."),
    _stored("seed", f"{_ITEM}image__seed", "Seed of the image's noise."),
    _stored("image_sha256", f"{_ITEM}image__file_sha256", "SHA-256 of the image file."),
    *_system("image", "run"),
)
_WORD: Final[tuple[Column[Row], ...]] = (
    _stored("word", f"{_ITEM}word__text", "The word in question, as it stands in the prompt."),
    _stored("word_position", f"{_ITEM}word__position", "Place of the word in the prompt; 0 is the first."),
    _stored("part_of_speech", f"{_ITEM}word__part_of_speech", "Universal part-of-speech tag."),
    _stored("lemma", f"{_ITEM}word__lemma", "Dictionary form of the word."),
)

PRESENCE: Final[tuple[Column[Row], ...]] = (
    *SHARED,
    *_IMAGE,
    Column("n_words", "Words that this answer checked; 0 for none of these.", lambda row: len(row["words"])),
    Column(
        "order", "Place of the word in the order of checking, from 1; 0 without a word.", itemgetter("order")
    ),
    Column("checked_word", "A checked word; empty for none of these.", itemgetter("checked_word")),
)
PAIRS: Final[tuple[Column[Row], ...]] = (
    *SHARED,
    _stored("prompt_row", "prompt_row", "Line of the prompt in the imported file."),
    _stored("prompt", "prompt", "The prompt."),
    _stored("word", f"{_ITEM}word_map__word__text", "The word whose maps are compared; empty for images."),
    _stored("choice", "choice", "left, right or tie, as the rater saw the sides."),
    _stored("swapped", "slot__swapped", "1 where the second system lay left."),
    Column("winner", "first or second: the preferred system; empty for a tie.", lambda row: winner(row)),
    _stored("first_system", "first_system", "Name of the first system: its run's, or its map method's."),
    _stored("first_method", f"{_ITEM}method", "Method of the first map; empty for the stored one."),
    *_system("first", "first_run"),
    _stored("first_seed", "first_seed", "Seed of the first system's image."),
    _stored("first_image_sha256", "first_sha256", "SHA-256 of the first system's image."),
    _stored("second_system", "second_system", "Name of the second system."),
    _stored("second_method", f"{_ITEM}other_method", "Method of the second map; empty for the stored one."),
    *_system("second", "second_run"),
    _stored("second_seed", "second_seed", "Seed of the second system's image."),
    _stored("second_image_sha256", "second_sha256", "SHA-256 of the second system's image."),
)
MASKS: Final[tuple[Column[Row], ...]] = (
    *SHARED,
    *_IMAGE,
    *_WORD,
    Column(
        "not_in_image", "1 where the rater said so; there is no mask then.",
        lambda row: row["choice"] == Choice.NOT_IN_IMAGE,
    ),
    _stored("area", "mask__area", "Pixels inside the mask; empty without one."),
    Column(
        "segmentation", "COCO run-length encoding: size is [height, width], counts are compressed.",
        lambda row: _segmentation(row),
    ),
    Column("file", "Name of the mask's PNG in masks.zip; empty without one.", lambda row: _file(row)),
)  # fmt: skip
# Names of systems, worked out from the campaign's.
_SYSTEMS: Final = {"first_system": "", "second_system": "other_"}
_PAIR_SIDES: Final = {
    "first_run_id": ("image__run_id", "word_map__image__run_id"),
    "second_run_id": ("other_image__run_id", "other_word_map__image__run_id"),
    "prompt_row": ("image__prompt__row_number", "word_map__image__prompt__row_number"),
    "prompt": ("image__prompt__text", "word_map__image__prompt__text"),
    "first_seed": ("image__seed", "word_map__image__seed"),
    "first_sha256": ("image__file_sha256", "word_map__image__file_sha256"),
    "second_seed": ("other_image__seed", "other_word_map__image__seed"),
    "second_sha256": ("other_image__file_sha256", "other_word_map__image__file_sha256"),
}


def presence_csv(campaign: Campaign) -> Iterator[bytes]:
    """One line per checked word in the order of checking; one for an answer without words."""
    with snapshot():
        yield from presence_csv_in_snapshot(campaign)


def presence_csv_in_snapshot(campaign: Campaign) -> Iterator[bytes]:
    """As presence_csv, inside a snapshot that the caller holds."""
    answers = _rows(campaign, PRESENCE, words__isnull=False)
    yield from in_chunks(lines(_by_word(answers), columns=PRESENCE))


def pairs_csv(campaign: Campaign) -> Iterator[bytes]:
    """One line per comparison."""
    with snapshot():
        yield from pairs_csv_in_snapshot(campaign)


def pairs_csv_in_snapshot(campaign: Campaign) -> Iterator[bytes]:
    """As pairs_csv, inside a snapshot that the caller holds."""
    answers = _rows(campaign, PAIRS, choice__in=[Choice.LEFT, Choice.RIGHT, Choice.TIE])
    yield from in_chunks(lines(answers, columns=PAIRS))


def masks_jsonl(campaign: Campaign) -> Iterator[bytes]:
    """One JSON object per answer, with the mask in COCO's run-length encoding."""
    with snapshot():
        yield from masks_jsonl_in_snapshot(campaign)


def masks_jsonl_in_snapshot(campaign: Campaign) -> Iterator[bytes]:
    """As masks_jsonl, inside a snapshot that the caller holds."""
    for row in _mask_rows(campaign):
        yield (_json(row, MASKS) + "\n").encode()


def write_masks_zip(campaign: Campaign, target: IO[bytes]) -> None:
    """The masks as PNG files of one bit a pixel, and masks.jsonl, which says whose each is."""
    with snapshot(), zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        told = []
        for row in _mask_rows(campaign):
            told.append(_json(row, MASKS) + "\n")
            if row["mask_id"] is not None:
                png = Mask.objects.values_list("png", flat=True).get(pk=row["mask_id"])
                archive.writestr(zipfile.ZipInfo(str(_file(row)), _NO_TIME), bytes(png))
        archive.writestr(zipfile.ZipInfo("masks.jsonl", _NO_TIME), "".join(told))


def answer_rows(campaign: Campaign, columns: Sequence[Column[Row]]) -> Iterator[Row]:
    """Every standing answer of a campaign of these kinds, with what the columns read."""
    return _rows(campaign, columns)


def winner(row: Row) -> str:
    """first or second, whichever side it lay on; empty for a tie."""
    if row["choice"] == Choice.TIE:
        return ""
    return "second" if (row["choice"] == Choice.LEFT) == row["slot__swapped"] else "first"


def _mask_rows(campaign: Campaign) -> Iterator[Row]:
    drawn = _rows(campaign, MASKS, slot__item__word__isnull=False)
    return (row for row in drawn if row["mask_id"] is not None or row["choice"])


def _rows(campaign: Campaign, columns: Sequence[Column[Row]], **said: Any) -> Iterator[Row]:
    """Standing answers that say so, in order of submission, with what the columns read."""
    of_rater = standings.standings(campaign)
    runs = Run.objects.in_bulk([campaign.run_id, *campaign.compared_run_ids])
    stored = [path for column in columns if (path := getattr(column, "path", ""))]
    paths = [path for path in stored if path not in _PAIR_SIDES and path not in _SYSTEMS]
    sides: dict[str, Any] = {
        name: _first_of(f"{_ITEM}{image}", f"{_ITEM}{word_map}")
        for name, (image, word_map) in _PAIR_SIDES.items()
    }
    sides |= {name: system_case(campaign, item=_ITEM, other=side) for name, side in _SYSTEMS.items()}
    answers = (
        check_rows.with_first_answers(
            Answer.objects.filter(slot__campaign=campaign, undone_at__isnull=True, **said)
        )
        .annotate(**sides)
        .order_by("pk")
        .values(
            *dict.fromkeys([*paths, *check_rows.COLUMNS]), *sides, "rater_id", "mask_id", "mask__rle",
            "mask__height", "mask__width",
        )
    )  # fmt: skip
    for row in answers.iterator(chunk_size=ROWS_AT_ONCE):
        row |= {
            "campaign": campaign,
            "standing": of_rater[row["rater_id"]],
            "run": runs[campaign.run_id],
            "first_run": runs.get(row["first_run_id"]),
            "second_run": runs.get(row["second_run_id"]),
        }
        yield row


def _first_of(*paths: str) -> Coalesce:
    return Coalesce(*(F(path) for path in paths))


def _by_word(answers: Iterable[Row]) -> Iterator[Row]:
    for row in answers:
        for order, word in enumerate(row["words"], start=1):
            yield row | {"order": order, "checked_word": word}
        if not row["words"]:
            yield row | {"order": 0, "checked_word": ""}


def _segmentation(row: Row) -> dict[str, Any] | None:
    if row["mask_id"] is None:
        return None
    return {"size": [row["mask__height"], row["mask__width"]], "counts": row["mask__rle"]}


def _file(row: Row) -> str:
    return "" if row["mask_id"] is None else f"masks/{row['pk']}.png"


def _json(row: Row, columns: Sequence[Column[Row]]) -> str:
    values = {column.name: _plain(column.of(row)) for column in columns}
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


def _plain(value: Cell) -> Any:
    """A value as JSON has it; what it has not is written as in the CSV files."""
    return value if value is None or isinstance(value, str | int | float | dict | list) else cell_text(value)
