"""ratings.csv: every standing answer with everything it takes to know what was rated, by whom and how.

The columns are written here once; the file, the codebook and docs/exports.md follow from them.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from django.db import connection, transaction

from annotation import standings, verdicts
from annotation.choices import ItemKind
from annotation.models import Answer, Campaign
from annotation.standings import Standing
from common.csv_stream import Cell, Column, in_chunks, lines

Row = dict[str, Any]
ROWS_AT_ONCE: Final = 2_000


def _is_check(row: Row) -> bool:
    return bool(row["slot__item__kind"] == ItemKind.ATTENTION)


def _check_passed(row: Row) -> bool | None:
    if not _is_check(row):
        return None
    return verdicts.passed(row, campaign=row["campaign"])


def _seconds_shown(row: Row) -> float:
    return float((row["answered_at"] - row["shown_at"]).total_seconds())


def _standing(row: Row) -> Standing:
    standing: Standing = row["standing"]
    return standing


@dataclass(frozen=True)
class _Stored(Column[Row]):
    """A column read straight from the database, by its path from the answer."""

    path: str


def _stored(name: str, path: str, meaning: str) -> _Stored:
    return _Stored(name, meaning, itemgetter(path), path)


def _of_run(name: str, meaning: str, *, attribute: str = "") -> Column[Row]:
    def of(row: Row) -> Cell:
        value: Cell = getattr(row["campaign"].run, attribute or name)
        return value

    return Column(name, meaning, of)


def _worked_out(name: str, meaning: str, of: Callable[[Row], Cell]) -> Column[Row]:
    return Column(name, meaning, of)


_MAP = "slot__item__word_map__"
_IMAGE = _MAP + "image__"
_WORD = _MAP + "word__"

RATINGS: Final[tuple[Column[Row], ...]] = (
    _stored(
        "answer_id", "pk", "Number of the answer; rows are in this order, which is the order of submission."
    ),
    _stored("answer_key", "idempotency_key", "UUID that the rater's page gave the answer; unique."),
    _worked_out("campaign", "Public id of the campaign.", lambda row: row["campaign"].public_id),
    _stored("campaign_version", "version__number", "Number of the frozen version that the rater saw."),
    _stored("wording_sha256", "version__wording_sha256", "SHA-256 of that version's wording."),
    _stored(
        "consent_sha256", "consent__text_sha256", "SHA-256 of the consent text that the rater agreed to."
    ),
    _stored("item", "slot__item_id", "Number of the item; joins items.csv."),
    _stored("item_kind", "slot__item__kind", "rating, or attention for an attention check."),
    _stored("prompt_row", _IMAGE + "prompt__row_number", "Line of the prompt in the imported file."),
    _stored("prompt", _IMAGE + "prompt__text", "The prompt."),
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
    _stored("image_sha256", _IMAGE + "file_sha256", "SHA-256 of the image file."),
    _stored("maps_sha256", _IMAGE + "maps_sha256", "SHA-256 of the file with the raw word maps."),
    _stored("map_peak", _MAP + "peak", "Largest raw value of the word's map."),
    _of_run("model_id", "The text-to-image model."),
    _of_run("model_revision", "Its pinned revision, or the hash of its files."),
    _of_run("scheduler", "Sampler of the diffusion process."),
    _of_run("steps", "Denoising steps."),
    _of_run("guidance", "Classifier-free guidance scale."),
    _of_run("height", "Image height in pixels."),
    _of_run("width", "Image width in pixels."),
    _of_run("negative_prompt", "Negative prompt; empty for none."),
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
    _worked_out("is_attention_check", "1 for an answer to an attention check.", _is_check),
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
    ),
    _worked_out(
        "rater_excluded",
        "1 when a researcher excluded the rater.",
        lambda row: _standing(row).excluded_by_hand,
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

_PATHS: Final = (
    "rater_id",
    "slot__item__accepted_answers",
    "first_answer",
    *(column.path for column in RATINGS if isinstance(column, _Stored)),
)


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read inside sees the database at one moment, however long it takes, and writes nothing.

    Raises RuntimeError inside another transaction: there the moment would be somebody else's.
    """
    if connection.in_atomic_block:
        raise RuntimeError("A snapshot needs a transaction of its own, and one is open already.")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def ratings_csv(campaign: Campaign) -> Iterator[bytes]:
    """The file, in pieces, from one snapshot and a server-side cursor: the memory stays small."""
    with snapshot():
        yield from ratings_csv_in_snapshot(campaign)


def ratings_csv_in_snapshot(campaign: Campaign) -> Iterator[bytes]:
    """As ratings_csv, inside a snapshot that the caller holds."""
    yield from in_chunks(lines(rating_rows(campaign), columns=RATINGS))


def ratings_sha256(campaign: Campaign) -> str:
    """SHA-256 of ratings.csv, inside a snapshot that the caller holds."""
    digest = hashlib.sha256()
    for piece in ratings_csv_in_snapshot(campaign):
        digest.update(piece)
    return digest.hexdigest()


def rating_rows(campaign: Campaign) -> Iterator[Row]:
    """Every standing answer of the campaign, in order of submission."""
    of_rater = standings.standings(campaign)
    # Scores and opt-outs; what the other kinds of task say is in files of their own (kind_exports).
    answers = (
        verdicts.with_first_answers(
            Answer.objects.filter(
                slot__campaign=campaign, undone_at__isnull=True, words=None, choice="", mask=None
            )
        )
        .order_by("pk")
        .values(*_PATHS)
    )
    for row in answers.iterator(chunk_size=ROWS_AT_ONCE):
        row["campaign"] = campaign
        row["standing"] = of_rater[row["rater_id"]]
        yield row
