"""The closed vocabularies of annotation. The scale is written here and nowhere else."""

from dataclasses import dataclass

from django.db import models


class OpinionScore(models.IntegerChoices):
    """The absolute category rating scale (ITU-T P.800; Tang et al. 2023, sec. 3.2)."""

    BAD = 1, "Bad"
    POOR = 2, "Poor"
    FAIR = 3, "Fair"
    GOOD = 4, "Good"
    EXCELLENT = 5, "Excellent"


class OptOut(models.TextChoices):
    """Answers off the scale (Tang et al. 2023, A.2)."""

    WORD_TOO_ABSTRACT = "word_too_abstract", "Word too abstract"
    IMAGE_TOO_POOR = "image_too_poor", "Image itself is poor"


@dataclass(frozen=True, kw_only=True)
class AnswerOption:
    """One button of the rating page: a score or an opt-out, never both."""

    code: str
    label: str
    key: str
    score: int | None
    opt_out: str | None


ANSWER_OPTIONS: tuple[AnswerOption, ...] = tuple(
    [
        AnswerOption(
            code=str(score.value),
            label=str(score.label),
            key=str(score.value),
            score=score.value,
            opt_out=None,
        )
        for score in OpinionScore
    ]
    + [
        AnswerOption(
            code=opt_out.value,
            label=str(opt_out.label),
            key=str(len(OpinionScore) + place),
            score=None,
            opt_out=opt_out.value,
        )
        for place, opt_out in enumerate(OptOut, start=1)
    ]
)
OPTION_BY_CODE: dict[str, AnswerOption] = {option.code: option for option in ANSWER_OPTIONS}


class CampaignState(models.TextChoices):
    """draft -> open <-> paused -> closed. Wording, items and checks are frozen from open on."""

    DRAFT = "draft", "Draft"
    OPEN = "open", "Open"
    PAUSED = "paused", "Paused"
    CLOSED = "closed", "Closed"


class ItemKind(models.TextChoices):
    """What an item is for."""

    RATING = "rating", "Rating"
    ATTENTION = "attention", "Attention check"


class SlotState(models.TextChoices):
    """Where one place for one rater stands."""

    FREE = "free", "Free"
    LEASED = "leased", "With a rater"
    ANSWERED = "answered", "Answered"
    VOID = "void", "Void"


class Platform(models.TextChoices):
    """Where a rater came from."""

    PROLIFIC = "prolific", "Prolific"
    LINK = "link", "Link"


class RaterOutcome(models.TextChoices):
    """How a rater's visit ended; empty while it goes on."""

    COMPLETED = "completed", "Completed"
    STOPPED = "stopped", "Stopped early"
    DECLINED = "declined", "Declined consent"
