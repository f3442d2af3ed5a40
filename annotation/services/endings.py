"""How a session ends: the reason, and the code that the rater takes along."""

from dataclasses import dataclass

from django.db import models
from django.db.models.functions import Now

from annotation.choices import RaterOutcome
from annotation.models import Answer, LateAnswer, Rater, RaterIdentity
from annotation.recruitment import return_address
from annotation.services import reservations


class EndReason(models.TextChoices):
    """Why a rater gets no further task."""

    FINISHED = "finished", "All ratings of the session are given"
    SHARE_CAP = "share_cap", "The largest share of one rater is reached"
    NOTHING_LEFT = "nothing_left", "No item is left that this rater has not met"
    CAMPAIGN_CLOSED = "campaign_closed", "The campaign is closed"
    PAUSED = "paused", "The campaign is paused"
    STOPPED = "stopped", "The rater stopped early"
    DECLINED = "declined", "The rater declined consent"
    SCREENED_OUT = "screened_out", "The rater did not pass the qualification"
    LINK_REVOKED = "link_revoked", "The rater's personal link was revoked"


@dataclass(frozen=True, kw_only=True)
class SessionEnd:
    """The last page.

    answers_given: those that stand or came late.  completion_code: empty where none applies.

    return_url: where the platform takes her back; empty where it has no address for this ending.

    A paused session has not ended: it has no code, and goes on by the same link.
    """

    reason: EndReason
    completion_code: str
    answers_given: int
    return_url: str = ""


def end_session(rater: Rater, *, outcome: RaterOutcome, reason: EndReason) -> SessionEnd:
    """Records how the session ended, once, and frees the places that were kept for it.

    A session that has ended before keeps its first outcome.
    """
    Rater.objects.filter(pk=rater.pk, outcome="").update(outcome=outcome, ended_at=Now())
    reservations.release(rater)
    return session_end(rater, reason=reason)


def session_end(rater: Rater, *, reason: EndReason) -> SessionEnd:
    """What the last page says. Nothing changes.

    Whoever answered anything gets the completion code: an early stop, a late answer and a later exclusion
    from the analysis are no grounds to withhold it. Whoever declined or did not qualify gets the code for
    that.
    """
    campaign = rater.campaign
    address = campaign.completion_url
    standing = Answer.objects.filter(rater=rater, undone_at__isnull=True).count()
    given = standing + LateAnswer.objects.filter(rater=rater).count()
    code = campaign.completion_code if given else ""
    if reason is EndReason.DECLINED:
        code, address = campaign.no_consent_code, campaign.no_consent_url
    if reason is EndReason.SCREENED_OUT:
        code, address = campaign.screened_out_code, campaign.screened_out_url
    if reason is EndReason.PAUSED:
        code = ""
    return SessionEnd(
        reason=reason,
        completion_code=code,
        answers_given=given,
        return_url=_return_url(rater, address=address) if code else "",
    )


def reason_of(outcome: str) -> EndReason:
    """Why a session with this outcome is over."""
    return {
        RaterOutcome.STOPPED: EndReason.STOPPED,
        RaterOutcome.DECLINED: EndReason.DECLINED,
        RaterOutcome.COMPLETED: EndReason.FINISHED,
        RaterOutcome.SCREENED_OUT: EndReason.SCREENED_OUT,
        RaterOutcome.REVOKED: EndReason.LINK_REVOKED,
    }[RaterOutcome(outcome)]


def _return_url(rater: Rater, *, address: str) -> str:
    identity = RaterIdentity.objects.filter(rater=rater).first()
    return return_address(address, platform_id=identity.platform_id if identity else "")
