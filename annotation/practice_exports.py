"""practice.csv: every answer of training and qualification. None of them is a rating, so they have a file."""

from collections.abc import Iterator
from typing import Any, Final

from annotation import verdicts
from annotation.check_rows import expected_of, given_in_practice
from annotation.exports import ROWS_AT_ONCE, snapshot
from annotation.models import Campaign, Item, PracticeAnswer
from annotation.services.practice import SHOWN
from common.csv_stream import Column, in_chunks, lines


def _said(answer: PracticeAnswer) -> dict[str, Any] | None:
    mask = answer.mask
    return {"size": [mask.height, mask.width], "counts": mask.rle} if mask else None


def _expected(answer: PracticeAnswer) -> dict[str, Any]:
    """What is right, without what says nothing."""
    return {
        name: value for name, value in vars(expected_of(answer.item)).items() if value not in ((), "", None)
    }


def _right(answer: PracticeAnswer) -> bool:
    kind = answer.item.campaign.task_kind
    return verdicts.is_right(given_in_practice(answer), expected_of(answer.item), task_kind=kind)


def _prompt(item: Item) -> str:
    image = item.image or (item.word_map.image if item.word_map else None)
    return image.prompt.text if image else ""


def _word(item: Item) -> str:
    word = item.word_map.word if item.word_map else item.word
    return word.text if word else ""


PRACTICE: Final[tuple[Column[PracticeAnswer], ...]] = (
    Column(
        "rater", "Pseudonym of the rater in this campaign; joins raters.csv.", lambda one: one.rater.pseudonym
    ),
    Column("platform", "Where the rater came from.", lambda one: one.rater.platform),
    Column("simulated", "1 for a simulated rater of a dry run.", lambda one: one.rater.simulated),
    Column(
        "rater_outcome",
        "completed, stopped, screened_out for who did not qualify; empty while the visit goes on.",
        lambda one: one.rater.outcome,
    ),
    Column("item", "Number of the item.", lambda one: one.item_id),
    Column("item_kind", "training or qualification.", lambda one: one.item.kind),
    Column("prompt", "The prompt.", lambda one: _prompt(one.item)),
    Column(
        "word", "The word in question; empty where the task is about the image.", lambda one: _word(one.item)
    ),
    Column("attempt", "1 for the rater's first answer to the item.", lambda one: one.attempt),
    Column("score", "Opinion score, 1 to 5; empty for other answers.", lambda one: one.score),
    Column(
        "opt_out", "word_too_abstract or image_too_poor; empty for other answers.", lambda one: one.opt_out
    ),
    Column(
        "words",
        "Checked words in the order of checking, as JSON; empty for other kinds.",
        lambda one: one.words,
    ),
    Column("choice", "left, right, tie or not_in_image; empty for other answers.", lambda one: one.choice),
    Column("swapped", "1 where the second of a pair lay left.", lambda one: one.swapped),
    Column(
        "winner", "first, second or tie; empty for other kinds.", lambda one: given_in_practice(one).winner
    ),
    Column(
        "segmentation", "The drawn mask in COCO's run-length encoding, as JSON; empty without one.", _said
    ),
    Column("expected", "What is right, as JSON.", _expected),
    Column("right", "1 where the answer is right.", _right),
    Column(
        "answered_at", "When the answer was stored, by the server's clock (UTC).", lambda one: one.answered_at
    ),
    Column(
        "answer_key", "UUID that the rater's page gave the answer; unique.", lambda one: one.idempotency_key
    ),
)


def practice_csv(campaign: Campaign) -> Iterator[bytes]:
    """One line per answer in order of submission, from one snapshot."""
    with snapshot():
        answers = (
            PracticeAnswer.objects.filter(rater__campaign=campaign)
            .select_related("rater", "mask", "item__campaign", *(f"item__{path}" for path in SHOWN))
            .select_related("item__word_map__image__prompt")
            .order_by("pk")
        )
        yield from in_chunks(lines(answers.iterator(chunk_size=ROWS_AT_ONCE), columns=PRACTICE))
