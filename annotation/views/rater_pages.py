"""What all rater endpoints share: the token is the proof, the browser keeps nothing, every fault is a page.

No session, cookie or CSRF token is read or set: private windows, blocked cookies and frames work, and only a
holder of the signed token in the path can act for its rater.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from annotation.addresses import address_of
from annotation.choices import AttemptKind
from annotation.forms.rating import UnreadableRequest
from annotation.models import Campaign, Rater
from annotation.services.attempts import TooManyAttempts, count_attempt
from annotation.tokens import BadToken, rater_pk_from_token, rater_token
from annotation.views.rater_outcomes import BAD_LINK, TOO_MANY, UNREADABLE, WRONG_METHOD, Outcome

SEE_OTHER: Final = 303
View = Callable[..., HttpResponse]
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}


def rater_page(*methods: str) -> Callable[[View], View]:
    """A view for raters: other methods get a 405 page, unreadable forms a 4xx page; nothing is cached."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                response = show(request, WRONG_METHOD)
                response["Allow"] = ", ".join(methods)
            else:
                try:
                    response = view(request, *args, **kwargs)
                except UnreadableRequest as error:
                    response = show(request, UNREADABLE, status=error.status, details=error.messages)
                except TooManyAttempts as refused:
                    response = too_many(request, refused)
            return _private(response)

        return wrapped

    return decorate


def with_rater(view: View) -> View:
    """Gives the view the rater of the token in its path; a token not ours gets a page that says so."""

    @wraps(view)
    def wrapped(request: HttpRequest, *, token: str, **kwargs: Any) -> HttpResponse:
        try:
            rater = Rater.objects.select_related("campaign").get(pk=rater_pk_from_token(token))
        except (BadToken, Rater.DoesNotExist):
            return bad_link(request)
        with translation.override(rater.campaign.language):
            try:
                return view(request, rater=rater, **kwargs)
            except Rater.DoesNotExist:
                return bad_link(request)  # withdrawn between two statements
            except UnreadableRequest as error:
                # As for everybody, with the way back to her question.
                return show(
                    request,
                    UNREADABLE,
                    status=error.status,
                    details=error.messages,
                    action_url=session_url(rater),
                    action_label=_("Go on"),
                )

    return wrapped


def bad_link(request: HttpRequest) -> HttpResponse:
    """The page for an address that is not ours. Raises TooManyAttempts where they come often.

    Only the wrong ones count: whoever holds a true token is never kept out by others at her address.
    """
    count_attempt(AttemptKind.TOKEN, who=address_of(request))
    return show(request, BAD_LINK)


def too_many(request: HttpRequest, refused: TooManyAttempts) -> HttpResponse:
    """The page for somebody who tries too often, with the time to wait in its header."""
    response = show(request, TOO_MANY)
    response["Retry-After"] = str(refused.seconds)
    return response


def show(
    request: HttpRequest,
    outcome: Outcome,
    *,
    campaign: Campaign | None = None,
    status: int | None = None,
    **context: Any,
) -> HttpResponse:
    """A page for an outcome, or the same as JSON for the page's script."""
    status = status or outcome.status
    if wants_json(request):
        return reply("refused", message=message_of(outcome, *context.get("details", ())), status=status)
    if campaign is not None:
        context = {"title": campaign.title, "contact": campaign.contact} | context
    return page("rate/end.html", {"outcome": outcome} | context, status=status)


def page(template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page made without the request: no context processor can touch the session and set a cookie."""
    return HttpResponse(render_to_string(template, context), status=status)


def reply(
    outcome: str,
    *,
    message: str = "",
    task: dict[str, Any] | None = None,
    location: str = "",
    status: int = 200,
) -> JsonResponse:
    """What the page's script gets: what became of its request, the next task or where to go."""
    return JsonResponse(
        {"outcome": outcome, "message": message, "task": task, "location": location}, status=status
    )


def see_other(address: str) -> HttpResponse:
    """A redirect after which reloading repeats nothing."""
    return HttpResponseRedirect(address, status=SEE_OTHER)


def message_of(outcome: Outcome, *details: str) -> str:
    """An outcome in one line, for the page's status line."""
    return " ".join([f"{_(outcome.heading)}.", *details])


def wants_json(request: HttpRequest) -> bool:
    """Whether the page's script is asking rather than a person."""
    return "application/json" in request.headers.get("Accept", "")


def session_url(rater: Rater) -> str:
    """The rater's own address, good for coming back on any device."""
    return url(rater, "session")


def url(rater: Rater, name: str, *rest: UUID | str) -> str:
    """One of the rater's addresses, by its name in rating_urls."""
    return reverse(f"rate:{name}", args=[rater_token(rater), *rest])


def _private(response: HttpResponse) -> HttpResponse:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
