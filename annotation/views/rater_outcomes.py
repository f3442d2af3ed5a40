"""What a rater reads wherever a visit can end or stumble. One text per reason; every reason has one."""

from dataclasses import dataclass
from typing import Final

from annotation.services.answers import AnswerRefusal
from annotation.services.endings import EndReason
from annotation.services.entry import EntryRefusal


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One page: what happened, what it means, what to do."""

    heading: str
    paragraphs: tuple[str, ...]
    status: int = 200


SAVED: Final = "Every answer you gave is saved."

BAD_LINK: Final = Outcome(
    heading="This link doesn't work",
    paragraphs=(
        "The address is not complete, or the study it belongs to is gone.",
        "Open the link again just as you got it. If you copied it, check that the whole of it was copied.",
    ),
    status=404,
)
UNFILLED_LINK: Final = Outcome(
    heading="This link can't be used",
    paragraphs=(
        "The link has to say who you are to the platform that sent you, so that you are paid for your work.",
        "Please open the study again from the platform's page. If that does not help, tell the researchers.",
    ),
    status=400,
)
UNREADABLE: Final = Outcome(
    heading="That could not be read",
    paragraphs=(
        "Something in what your browser sent was not as expected, so nothing was changed by it.",
        "Go back to your question and answer it again.",
    ),
    status=400,
)
WRONG_METHOD: Final = Outcome(
    heading="Nothing to see at this address",
    paragraphs=("This address only takes answers. Your questions are one step back.",),
    status=405,
)
CONSENT_MISSING: Final = Outcome(
    heading="First, please read the consent text",
    paragraphs=("Questions are only shown after you have agreed to take part.",),
    status=403,
)
DECLINED: Final = Outcome(
    heading="Thank you for considering it",
    paragraphs=("You chose not to take part. No answer of yours is kept, and you can close this page.",),
)
LATE: Final = Outcome(
    heading="Thank you, that answer came a little late",
    paragraphs=(
        "Your question had waited so long that it went to somebody else. "
        "Your answer is kept and counts for your payment.",
        "You can go on with the next question.",
    ),
    status=409,
)
STALE: Final = Outcome(
    heading="That question was answered already",
    paragraphs=("Perhaps in another tab, or before you went back. The first answer is the one that counts.",),
    status=409,
)
NOTHING_TO_UNDO: Final = Outcome(
    heading="There is nothing to take back",
    paragraphs=("Only your very last answer can be taken back, and only once.",),
    status=409,
)
PAUSED: Final = Outcome(
    heading="The study is paused",
    paragraphs=(f"{SAVED} Please try again a little later by the same link.",),
)
CLOSED: Final = Outcome(
    heading="The study has ended",
    paragraphs=("No more answers are being taken. Thank you for your interest.",),
)
ENDED: Final = Outcome(
    heading="The study has ended",
    paragraphs=(f"The study closed while you were rating. {SAVED} Thank you very much.",),
)
NOT_OPEN: Final = Outcome(
    heading="The study has not started yet",
    paragraphs=("Please come back later by the same link.",),
)
FULL: Final = Outcome(
    heading="All places are taken",
    paragraphs=(
        "Every question has found its raters. Thank you for coming.",
        "If you came from a recruitment platform, please return your place there; it does you no harm.",
    ),
)
FINISHED: Final = Outcome(
    heading="Thank you, you are done",
    paragraphs=(f"{SAVED} You helped to find out how well a computer connects words and images.",),
)
NOTHING_LEFT: Final = Outcome(
    heading="Thank you, that was the last question",
    paragraphs=(f"There are no more questions for you. {SAVED}",),
)
STOPPED: Final = Outcome(
    heading="You have stopped",
    paragraphs=(f"{SAVED} Thank you for the time you gave.",),
)
SHARE_REACHED: Final = Outcome(
    heading="Thank you, you have done your full share",
    paragraphs=(f"One person may only give a part of all answers, and you have given yours. {SAVED}",),
)
NO_ITEMS: Final = Outcome(
    heading="No questions yet",
    paragraphs=("This campaign has no items to show: choose parts of speech that its prompts have.",),
)
NO_PICTURE: Final = Outcome(
    heading="This picture is not yours to see now",
    paragraphs=("Pictures are shown only while their question is open in front of you.",),
    status=404,
)
MISPLACED: Final = Outcome(
    heading="That question is no longer open for you",
    paragraphs=("Here is the question that is.",),
    status=409,
)
ALREADY_HERE: Final = Outcome(
    heading="You have been here before",
    paragraphs=("Your visit is over, and everything you answered is saved.",),
)

# Why somebody is not let in.
ENTRY_REFUSED: Final[dict[str, Outcome]] = {
    EntryRefusal.NOT_OPEN: NOT_OPEN,
    EntryRefusal.PAUSED: PAUSED,
    EntryRefusal.CLOSED: CLOSED,
    EntryRefusal.FULL: FULL,
    EntryRefusal.ALREADY_FINISHED: ALREADY_HERE,
    EntryRefusal.DECLINED: DECLINED,
}
# Why an answer was not stored.
ANSWER_REFUSED: Final[dict[str, Outcome]] = {
    AnswerRefusal.NO_CONSENT: CONSENT_MISSING,
    AnswerRefusal.NOT_YOURS: MISPLACED,
    AnswerRefusal.KEY_REUSED: STALE,
    AnswerRefusal.ALREADY_ANSWERED: STALE,
    AnswerRefusal.UNKNOWN_OPTION: UNREADABLE,
    AnswerRefusal.BAD_VALUE: UNREADABLE,
}
# How a session ended.
SESSION_ENDED: Final[dict[str, Outcome]] = {
    EndReason.FINISHED: FINISHED,
    EndReason.SHARE_CAP: SHARE_REACHED,
    EndReason.NOTHING_LEFT: NOTHING_LEFT,
    EndReason.CAMPAIGN_CLOSED: ENDED,
    EndReason.PAUSED: PAUSED,
    EndReason.STOPPED: STOPPED,
    EndReason.DECLINED: DECLINED,
}
