"""Stored answers to attention checks as `verdicts` judges them: one query's columns for all who ask."""

from typing import Any, Final

from django.db.models import Case, JSONField, OuterRef, QuerySet, Subquery, TextField, Value, When
from django.db.models.functions import JSONObject

from annotation import verdicts
from annotation.choices import CheckKind, ItemKind
from annotation.models import Answer, Campaign, Item, Mask, PracticeAnswer
from annotation.verdicts import Expected, Given, Repeatability

_ITEM: Final = "slot__item__"
# The columns that `passed` reads; `with_first_answers` adds the last two.
COLUMNS: Final = (
    "score", "opt_out", "words", "choice", "slot__swapped", f"{_ITEM}check_kind", f"{_ITEM}accepted_answers",
    f"{_ITEM}must_have", f"{_ITEM}must_not_have", f"{_ITEM}reference_rle", f"{_ITEM}least_iou", "checked_rle",
    "first_answer",
)  # fmt: skip


def with_first_answers(answers: QuerySet[Answer]) -> QuerySet[Any]:
    """The answers with `first_answer`, of a repeat what the same rater said first, and `checked_rle`, of a
    check that was drawn its mask.
    """
    first = Answer.objects.filter(
        rater=OuterRef("rater"), slot__item=OuterRef(f"{_ITEM}repeats"), undone_at__isnull=True
    )
    said = JSONObject(
        score="score", opt_out="opt_out", words="words", choice="choice", rle="mask__rle",
        swapped="slot__swapped",
    )  # fmt: skip
    # No look-up for the many answers that repeat nothing, and no mask of those that check nothing.
    return answers.annotate(
        first_answer=Case(
            When(**{f"{_ITEM}repeats": None}, then=Value(None, JSONField())),
            default=Subquery(first.annotate(it=said).values("it")[:1], output_field=JSONField()),
            output_field=JSONField(),
        ),
        checked_rle=Case(
            When(
                **{f"{_ITEM}kind": ItemKind.ATTENTION},
                then=Subquery(Mask.objects.filter(pk=OuterRef("mask")).values("rle")[:1]),
            ),
            default=Value(None, TextField()),
            output_field=TextField(),
        ),
    )


def answers_to_checks(answers: QuerySet[Answer]) -> QuerySet[Any]:
    """Those of the answers that stand and are to checks, with `first_answer` and `checked_rle`."""
    standing = answers.filter(slot__item__kind=ItemKind.ATTENTION, undone_at__isnull=True)
    return with_first_answers(standing)


def passed(row: dict[str, Any], *, campaign: Campaign) -> bool:
    """Whether an answer passes its check. row: COLUMNS of it, by name."""
    given = given_by(row | {"rle": row["checked_rle"], "swapped": row["slot__swapped"]})
    if row[f"{_ITEM}check_kind"] == CheckKind.REPEAT:
        first = row["first_answer"]
        # Without the first answer, which was taken back since, there is nothing to compare with.
        return first is not None and verdicts.repeats(
            given, given_by(first), task_kind=campaign.task_kind, rule=repeatability_of(campaign)
        )
    expected = Expected(
        accepted=tuple(row[f"{_ITEM}accepted_answers"]),
        must_have=tuple(row[f"{_ITEM}must_have"]),
        must_not_have=tuple(row[f"{_ITEM}must_not_have"]),
        reference=row[f"{_ITEM}reference_rle"],
        least_iou=row[f"{_ITEM}least_iou"],
    )
    return verdicts.is_right(given, expected, task_kind=campaign.task_kind)


def given_by(row: dict[str, Any]) -> Given:
    """What a row says. row: score, opt_out, words, choice, rle and swapped, by name."""
    return Given(
        score=row["score"],
        opt_out=row["opt_out"],
        words=None if row["words"] is None else tuple(row["words"]),
        choice=row["choice"],
        rle=row["rle"] or "",
        swapped=row["swapped"],
    )


def given_in_practice(answer: PracticeAnswer) -> Given:
    """What a practice answer says."""
    return Given(
        score=answer.score,
        opt_out=answer.opt_out,
        words=None if answer.words is None else tuple(answer.words),
        choice=answer.choice,
        rle=answer.mask.rle if answer.mask else "",
        swapped=answer.swapped,
    )


def expected_of(item: Item) -> Expected:
    """What a right answer to the item is."""
    return Expected(
        accepted=tuple(item.accepted_answers),
        must_have=tuple(item.must_have),
        must_not_have=tuple(item.must_not_have),
        reference=item.reference_rle,
        least_iou=item.least_iou,
    )


def repeatability_of(campaign: Campaign) -> Repeatability:
    """How far a repeat may differ in this campaign."""
    return Repeatability(
        points=campaign.repeat_tolerance, least_overlap=campaign.repeat_overlap_percent / 100
    )
