"""The last page of a visit, whatever ended it."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from annotation.models import Rater
from annotation.services.endings import EndReason, SessionEnd
from annotation.views.entry import declined_page
from annotation.views.rater_outcomes import SESSION_ENDED
from annotation.views.rater_pages import show

CODELESS: Final = gettext_noop("You have not answered any question, so there is no code.")


def end_page(request: HttpRequest, rater: Rater, end: SessionEnd) -> HttpResponse:
    """The last page of a session: thanks, the code, the way back to the platform."""
    campaign = rater.campaign
    if end.reason == EndReason.DECLINED:
        return declined_page(request, campaign, back_url=end.return_url)
    has_code = bool(end.completion_code)
    screened_out = end.reason == EndReason.SCREENED_OUT
    ended = end.reason != EndReason.PAUSED
    return show(
        request,
        SESSION_ENDED[end.reason],
        campaign=campaign,
        code=end.completion_code,
        back_url=end.return_url,
        code_label=_("Your code") if screened_out else "",
        details=[_(CODELESS)] if ended and not has_code and not screened_out else [],
    )
