"""The columns of ratings.csv with their meanings: file, codebook and docs/exports.md follow from them.

A column's level says what decides its cell. Whatever many answers share is worked out once for all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from operator import itemgetter
from typing import Any, Final

from annotation import check_rows
from annotation.choices import ItemKind
from annotation.standings import Standing
from common.csv_stream import Cell, Column

Row = dict[str, Any]


class Level(Enum):
    """What decides a cell: the one answer, or something that many answers share. The value is its path."""

    ANSWER = ""
    ITEM = "slot__item__"
    RATER = "rater__"
    VERSION = "version__"
    CONSENT = "consent__"
    CAMPAIGN = "campaign__"


def _is_check(row: Row) -> bool:
    return bool(row["slot__item__kind"] == ItemKind.ATTENTION)


def _check_passed(row: Row) -> bool | None:
    if not _is_check(row):
        return None
    return check_rows.passed(row, campaign=row["campaign"])


def _seconds_shown(row: Row) -> float:
    return float((row["answered_at"] - row["shown_at"]).total_seconds())


def _standing(row: Row) -> Standing:
    standing: Standing = row["standing"]
    return standing


@dataclass(frozen=True)
class RatingColumn(Column[Row]):
    """A column of ratings.csv. path: from the answer, where the database has the cell; else empty."""

    level: Level
    path: str = ""


def _stored(name: str, path: str, meaning: str) -> RatingColumn:
    shared = (level for level in Level if level.value and path.startswith(level.value))
    return RatingColumn(name, meaning, itemgetter(path), next(shared, Level.ANSWER), path)


def _worked_out(
    name: str, meaning: str, of: Callable[[Row], Cell], *, level: Level = Level.ANSWER
) -> RatingColumn:
    return RatingColumn(name, meaning, of, level)


_MAP = "slot__item__word_map__"
# Added by annotation.shown: of the image, or of the map's.
_IMAGE = "slot__item__shown_"
_WORD = _MAP + "word__"

RATINGS: Final[tuple[RatingColumn, ...]] = (
    _stored(
        "answer_id", "pk", "Number of the answer; rows are in this order, which is the order of submission."
    ),
    _stored("answer_key", "idempotency_key", "UUID that the rater's page gave the answer; unique."),
    _worked_out(
        "campaign",
        "Public id of the campaign.",
        lambda row: row["campaign"].public_id,
        level=Level.CAMPAIGN,
    ),
    _stored("campaign_version", "version__number", "Number of the frozen version that the rater saw."),
    _stored("wording_sha256", "version__wording_sha256", "SHA-256 of that version's wording."),
    _stored(
        "consent_sha256", "consent__text_sha256", "SHA-256 of the consent text that the rater agreed to."
    ),
    _stored("item", "slot__item_id", "Number of the item; joins items.csv."),
    _stored("item_kind", "slot__item__kind", "rating, or attention for an attention check."),
    _stored("prompt_row", _IMAGE + "prompt_row", "Line of the prompt in the imported file."),
    _stored("prompt", _IMAGE + "prompt", "The prompt."),
    _stored("word", _WORD + "text", "The word in question, as it stands in the prompt."),
    _stored("word_position", _WORD + "position", "Place of the word in the prompt; 0 is the first."),
    _stored("word_start", _WORD + "start", "First character of the word in the prompt, from 0."),
    _stored("word_end", _WORD + "end", "Character after the word."),
    _stored(
        "part_of_speech",
        _WORD + "part_of_speech",
        "Universal part-of-speech tag, corrected where a person did.",
    ),
    _stored("part_of_speech_parsed", _WORD + "part_of_speech_parsed", "The tag that the parser gave."),
    _stored("lemma", _WORD + "lemma", "Dictionary form of the word."),
    _stored("dependency", _WORD + "dependency", "Relation of the word to its head in the parse."),
    _stored("seed", _IMAGE + "seed", "Seed of the image's noise."),
    _stored("image_sha256", _IMAGE + "image_sha256", "SHA-256 of the image file."),
    _stored("maps_sha256", _IMAGE + "maps_sha256", "SHA-256 of the file with the raw word maps."),
    _stored("map_peak", _MAP + "peak", "Largest raw value of the word's map."),
    _stored(
        "system",
        _IMAGE + "system",
        "System under comparison: the run's name, or the map method's of several.",
    ),
    _stored("map_method", "slot__item__method", "Method of the word's map; empty for the stored one."),
    _stored("model_id", _IMAGE + "model_id", "The text-to-image model."),
    _stored("model_revision", _IMAGE + "model_revision", "Its pinned revision, or the hash of its files."),
    _stored("scheduler", _IMAGE + "scheduler", "Sampler of the diffusion process."),
    _stored("steps", _IMAGE + "steps", "Denoising steps."),
    _stored("guidance", _IMAGE + "guidance", "Classifier-free guidance scale."),
    _stored("height", _IMAGE + "height", "Image height in pixels."),
    _stored("width", _IMAGE + "width", "Image width in pixels."),
    _stored("negative_prompt", _IMAGE + "negative_prompt", "Negative prompt; empty for none."),
    _stored(
        "safety_verdict", _IMAGE + "safety_verdict", "passed, or unchecked where the model has no filter."
    ),
    _stored(
        "library_versions", _IMAGE + "versions", "Versions of the libraries that made the image, as JSON."
    ),
    _stored("rater", "rater__pseudonym", "Pseudonym of the rater in this campaign; joins raters.csv."),
    _stored("platform", "rater__platform", "Where the rater came from."),
    _stored("simulated", "rater__simulated", "1 for a simulated rater of a dry run."),
    _stored("place", "place", "Place in the rater's session: 1 for the first answer."),
    _stored("score", "score", "1 bad, 2 poor, 3 fair, 4 good, 5 excellent; empty for an opt-out."),
    _stored("opt_out", "opt_out", "word_too_abstract or image_too_poor; empty for a score."),
    _worked_out("is_attention_check", "1 for an answer to an attention check.", _is_check, level=Level.ITEM),
    _stored(
        "attention_check_kind",
        "slot__item__check_kind",
        "abstract, known, instructed or repeat; empty for other items.",
    ),
    _worked_out("attention_check_passed", "1 passed, 0 failed; empty for other items.", _check_passed),
    _worked_out(
        "rater_failed_checks",
        "1 when the rater got more attention checks wrong than the campaign allows.",
        lambda row: _standing(row).failed_checks,
        level=Level.RATER,
    ),
    _worked_out(
        "rater_excluded",
        "1 when a researcher excluded the rater.",
        lambda row: _standing(row).excluded_by_hand,
        level=Level.RATER,
    ),
    _worked_out(
        "in_analysis",
        "1 when the answer is analysed: no attention check, of a rater who is neither excluded nor failed.",
        lambda row: _standing(row).counts and not _is_check(row),
    ),
    _stored("shown_at", "shown_at", "When the task was handed out, by the server's clock (UTC)."),
    _stored("answered_at", "answered_at", "When the answer was stored, by the server's clock (UTC)."),
    _worked_out("seconds_shown", "answered_at less shown_at, in seconds.", _seconds_shown),
    _stored(
        "client_milliseconds",
        "client_milliseconds",
        "Display to answer as the browser timed it; may be empty.",
    ),
    _stored("view", "view", "How the map was last shown to the rater."),
)
