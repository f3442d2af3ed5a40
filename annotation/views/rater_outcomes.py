"""What a rater reads wherever a visit can end or stumble. One text per reason; every reason has one."""

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop as _

from annotation.services.answers import AnswerRefusal
from annotation.services.endings import EndReason
from annotation.services.entry import EntryRefusal


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One page: what happened, what it means, what to do; in English, translated where it is shown."""

    heading: str
    paragraphs: tuple[str, ...]
    status: int = 200


SAVED: Final = _("Every answer you gave is saved.")

BAD_LINK: Final = Outcome(
    heading=_("This link doesn't work"),
    paragraphs=(
        _("The address is not complete, or the study it belongs to is gone."),
        _("Open the link again just as you got it. If you copied it, check that the whole of it was copied."),
    ),
    status=404,
)
TOO_MANY: Final = Outcome(
    heading=_("Too many attempts"),
    paragraphs=(_("Wait a minute, then open the link again just as you got it. Nothing is lost."),),
    status=429,
)
UNFILLED_LINK: Final = Outcome(
    heading=_("This link can't be used"),
    paragraphs=(
        _(
            "The link has to say who you are to the platform that sent you, "
            "so that you are paid for your work."
        ),
        _(
            "Please open the study again from the platform's page. "
            "If that does not help, tell the researchers."
        ),
    ),
    status=400,
)
NOT_INVITED: Final = Outcome(
    heading=_("This study is by invitation"),
    paragraphs=(
        _("Only personal links and the links of recruitment platforms lead in."),
        _("If you were invited, please open your own link just as you got it."),
    ),
    status=403,
)
UNREADABLE: Final = Outcome(
    heading=_("That could not be read"),
    paragraphs=(
        _("Something in what your browser sent was not as expected, so nothing was changed by it."),
        _("Go back to your question and answer it again."),
    ),
    status=400,
)
WRONG_METHOD: Final = Outcome(
    heading=_("Nothing to see at this address"),
    paragraphs=(_("This address only takes answers. Your questions are one step back."),),
    status=405,
)
CONSENT_MISSING: Final = Outcome(
    heading=_("First, please read the consent text"),
    paragraphs=(_("Questions are only shown after you have agreed to take part."),),
    status=403,
)
DECLINED: Final = Outcome(
    heading=_("Thank you for considering it"),
    paragraphs=(_("You chose not to take part. No answer of yours is kept, and you can close this page."),),
)
LATE: Final = Outcome(
    heading=_("Thank you, that answer came a little late"),
    paragraphs=(
        _(
            "Your question had waited so long that it went to somebody else. "
            "Your answer is kept and counts for your payment."
        ),
        _("You can go on with the next question."),
    ),
    status=409,
)
STALE: Final = Outcome(
    heading=_("That question was answered already"),
    paragraphs=(
        _("Perhaps in another tab, or before you went back. The first answer is the one that counts."),
    ),
    status=409,
)
NOTHING_TO_UNDO: Final = Outcome(
    heading=_("There is nothing to take back"),
    paragraphs=(_("Only your very last answer can be taken back, and only once."),),
    status=409,
)
PAUSED: Final = Outcome(
    heading=_("The study is paused"),
    paragraphs=(SAVED, _("Please try again a little later by the same link.")),
)
CLOSED: Final = Outcome(
    heading=_("The study has ended"),
    paragraphs=(_("No more answers are being taken. Thank you for your interest."),),
)
ENDED: Final = Outcome(
    heading=_("The study has ended"),
    paragraphs=(_("The study closed while you were rating. Thank you very much."), SAVED),
)
NOT_OPEN: Final = Outcome(
    heading=_("The study has not started yet"),
    paragraphs=(_("Please come back later by the same link."),),
)
FULL: Final = Outcome(
    heading=_("All places are taken"),
    paragraphs=(
        _("Every question has found its raters. Thank you for coming."),
        _("If you came from a recruitment platform, please return your place there; it does you no harm."),
    ),
)
FINISHED: Final = Outcome(
    heading=_("Thank you, you are done"),
    paragraphs=(SAVED, _("You helped to find out how well a computer connects words and images.")),
)
NOTHING_LEFT: Final = Outcome(
    heading=_("Thank you, that was the last question"),
    paragraphs=(_("There are no more questions for you."), SAVED),
)
STOPPED: Final = Outcome(
    heading=_("You have stopped"),
    paragraphs=(SAVED, _("Thank you for the time you gave.")),
)
SHARE_REACHED: Final = Outcome(
    heading=_("Thank you, you have done your full share"),
    paragraphs=(_("One person may only give a part of all answers, and you have given yours."), SAVED),
)
SCREENED_OUT: Final = Outcome(
    heading=_("Thank you for trying"),
    paragraphs=(
        _("This study asks for a certain share of right answers in its entry test, and yours were fewer."),
        _("It says nothing about you or your work elsewhere. Please don't try again by another way."),
    ),
)
LINK_REVOKED: Final = Outcome(
    heading=_("This personal link was taken back"),
    paragraphs=(
        _("The researchers have taken it back, so it leads to no more questions."),
        _("Answers that were given by it stay saved."),
        _("If you want to take part, or to go on, please write to the researchers and ask for another link."),
    ),
    status=403,
)
NO_ITEMS: Final = Outcome(
    heading=_("No questions yet"),
    paragraphs=(_("This campaign has no items to show: choose parts of speech that its prompts have."),),
)
NO_PICTURE: Final = Outcome(
    heading=_("This picture is not yours to see now"),
    paragraphs=(_("Pictures are shown only while their question is open in front of you."),),
    status=404,
)
PICTURE_GONE: Final = Outcome(
    heading=_("This picture can't be shown"),
    paragraphs=(_("Its file is missing or damaged. Please tell the researchers. You can go on without it."),),
    status=404,
)
MISPLACED: Final = Outcome(
    heading=_("That question is no longer open for you"),
    paragraphs=(_("Here is the question that is."),),
    status=409,
)
ALREADY_HERE: Final = Outcome(
    heading=_("You have been here before"),
    paragraphs=(_("Your visit is over, and everything you answered is saved."),),
)

# Why somebody is not let in.
ENTRY_REFUSED: Final[dict[str, Outcome]] = {
    EntryRefusal.NOT_OPEN: NOT_OPEN,
    EntryRefusal.PAUSED: PAUSED,
    EntryRefusal.CLOSED: CLOSED,
    EntryRefusal.FULL: FULL,
    EntryRefusal.ALREADY_FINISHED: ALREADY_HERE,
    EntryRefusal.DECLINED: DECLINED,
    EntryRefusal.LINK_REVOKED: LINK_REVOKED,
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
    EndReason.SCREENED_OUT: SCREENED_OUT,
    EndReason.LINK_REVOKED: LINK_REVOKED,
}
