"""Stored answers to attention checks as `checks` judges them: one query's columns for all who ask."""

from typing import Any, Final

from django.db.models import Case, CharField, F, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast

from annotation import checks
from annotation.checks import AnsweredCheck
from annotation.choices import ItemKind
from annotation.models import Answer, Campaign

# The columns that `answered_check` reads; `with_first_answers` adds the last.
COLUMNS: Final = (
    "score", "opt_out", "slot__item__check_kind", "slot__item__accepted_answers", "first_answer",
)  # fmt: skip


def with_first_answers(answers: QuerySet[Answer]) -> QuerySet[Any]:
    """The answers with `first_answer`: of a repeat the code of the rater's answer to its original."""
    first = Answer.objects.filter(
        rater=OuterRef("rater"), slot__item=OuterRef("slot__item__repeats"), undone_at__isnull=True
    )
    # No look-up for the many answers that repeat nothing.
    code = Case(When(opt_out="", then=Cast("score", CharField())), default=F("opt_out"))
    return answers.annotate(
        first_answer=Case(
            When(slot__item__repeats=None, then=Value("")),
            default=Subquery(first.annotate(code=code).values("code")[:1], output_field=CharField()),
        )
    )


def answers_to_checks(answers: QuerySet[Answer]) -> QuerySet[Any]:
    """Those of the answers that stand and are to checks, with `first_answer`."""
    standing = answers.filter(slot__item__kind=ItemKind.ATTENTION, undone_at__isnull=True)
    return with_first_answers(standing)


def passed(row: dict[str, Any], *, campaign: Campaign) -> bool:
    """Whether an answer passes its check. row: COLUMNS of it, by name."""
    check = AnsweredCheck(
        kind=row["slot__item__check_kind"],
        answer=row["opt_out"] or str(row["score"]),
        accepted=row["slot__item__accepted_answers"],
        first_answer=row["first_answer"] or "",
    )
    return checks.passes(check, repeat_tolerance=campaign.repeat_tolerance)
