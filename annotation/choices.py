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


def options_for(score_of: str) -> tuple[AnswerOption, ...]:
    """The buttons for what is scored. The opt-outs are about a word's map; a whole image has none."""
    if score_of == ScoreOf.IMAGES:
        return tuple(option for option in ANSWER_OPTIONS if option.score is not None)
    return ANSWER_OPTIONS


class TaskKind(models.TextChoices):
    """What a campaign asks of its raters; one kind per campaign."""

    OPINION_SCORE = "opinion_score", "Opinion score"
    OBJECT_PRESENCE = "object_presence", "Object presence"
    MASK = "mask", "Mask drawing"
    PAIRWISE = "pairwise", "Pairwise comparison"


class ScoreOf(models.TextChoices):
    """What an opinion score is given to."""

    WORD_MAPS = "word_maps", "Word maps"
    IMAGES = "images", "Images"
    METHODS = "methods", "Word maps by several methods"


class PairOf(models.TextChoices):
    """What lies side by side in a pairwise comparison."""

    IMAGES = "images", "Two images of one prompt"
    WORD_MAPS = "word_maps", "Two word maps of one word"
    METHODS = "methods", "One word's maps by two methods"


class Pairing(models.TextChoices):
    """Which of the systems meet each other in pairs."""

    ALL = "all", "Every system with every other"
    FIRST = "first", "The first with every other"


class Choice(models.TextChoices):
    """Answers of the kinds that have neither scale nor list: a side of a pair, or nothing to draw."""

    LEFT = "left", "Left"
    RIGHT = "right", "Right"
    TIE = "tie", "No difference"
    NOT_IN_IMAGE = "not_in_image", "Not in the image"


PAIR_CHOICES: tuple[Choice, ...] = (Choice.LEFT, Choice.TIE, Choice.RIGHT)


class PageLanguage(models.TextChoices):
    """Languages of the raters' pages; what a researcher writes is in the language that she writes."""

    ENGLISH = "en", "English"
    GERMAN = "de", "Deutsch"


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
    TRAINING = "training", "Training"
    QUALIFICATION = "qualification", "Qualification"


class CheckKind(models.TextChoices):
    """How an attention check is judged."""

    ABSTRACT = "abstract", "A word that can't be pictured"
    KNOWN = "known", "An item whose answer is known"
    INSTRUCTED = "instructed", "An item that says what to answer"
    REPEAT = "repeat", "An item asked again"


class SlotState(models.TextChoices):
    """Where one place for one rater stands."""

    FREE = "free", "Free"
    KEPT = "kept", "Kept for a rater"
    LEASED = "leased", "With a rater"
    ANSWERED = "answered", "Answered"
    VOID = "void", "Void"


class Platform(models.TextChoices):
    """Where a rater came from."""

    PROLIFIC = "prolific", "Prolific"
    CONNECT = "connect", "CloudResearch Connect"
    SONA = "sona", "Sona"
    PERSONAL = "personal", "Personal link"
    LINK = "link", "Link"


class RaterOutcome(models.TextChoices):
    """How a rater's visit ended; empty while it goes on."""

    COMPLETED = "completed", "Completed"
    STOPPED = "stopped", "Stopped early"
    DECLINED = "declined", "Declined consent"
    SCREENED_OUT = "screened_out", "Did not qualify"
    REVOKED = "revoked", "Link revoked"


class PaymentVerdict(models.TextChoices):
    """What a person decided about paying a rater. Apart from exclusion, which is about the analysis."""

    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"


class RejectionGround(models.TextChoices):
    """The only grounds on which a rater may go unpaid, each of them checked against what is stored."""

    FAILED_CHECKS = "failed_checks", "Failed attention checks"
    UNFINISHED = "unfinished", "Left before the end of the session"
    NO_ANSWERS = "no_answers", "Gave no answer at all"


class AttemptKind(models.TextChoices):
    """What is limited per minute."""

    ENTRY = "entry", "Coming in by a link"
    TOKEN = "token", "An address that is not ours"
    LOGIN = "login", "Signing in"
    API = "api", "A request by a token"


class WebhookEvent(models.TextChoices):
    """What a project's webhooks can be told."""

    OPENED = "campaign.opened", "A campaign opened"
    PAUSED = "campaign.paused", "It was paused"
    RESUMED = "campaign.resumed", "It goes on after a pause"
    EXTENDED = "campaign.extended", "It asks for more raters per item"
    FILLED = "campaign.filled", "Every place is answered"
    CLOSED = "campaign.closed", "It was closed"
    TEST = "test", "A test"


class DeliveryState(models.TextChoices):
    """Where one event for one address stands."""

    WAITING = "waiting", "Waiting"
    DONE = "done", "Delivered"
    DEAD = "dead", "Given up"
