"""Forms that can't do what they were for: nothing is done, that is said, and there is a way back."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from annotation.views.rater_pages import wants_json

REFUSED: Final = "refused"
OLD_PAGE: Final = "You signed in anew since this page was opened, so nothing was done. Reload the page."
NOTHING_DONE: Final = "You were signed out in the meantime, so nothing was done. Sign in and do it again."


class SignedOutMiddleware:
    """Sends who was signed out back to the page with the form, not to the address that only takes forms."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The inner answer; where that asks to sign in, by way of the page that the form was on."""
        response = self.get_response(request)
        login = resolve_url(settings.LOGIN_URL)
        location = response.get("Location", "")
        of_the_form = request.method == "POST" and not request.path.startswith(login)
        if of_the_form and location.startswith(f"{login}?"):
            if wants_json(request):
                return JsonResponse({"message": NOTHING_DONE}, status=HTTPStatus.UNAUTHORIZED)
            messages.warning(request, NOTHING_DONE)
            query = {REDIRECT_FIELD_NAME: page_before(request), REFUSED: 1}
            response["Location"] = f"{login}?{urlencode(query)}"
        return response


class FormsOnlyMiddleware:
    """Gives an address that only takes forms a page with a way back, for who visits or reloads it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The inner answer; in place of a bare refusal of a visit, a page."""
        response = self.get_response(request)
        if (
            request.method != "GET"
            or response.status_code != HTTPStatus.METHOD_NOT_ALLOWED
            or response.content
        ):
            return response
        page = render(request, "405.html", {"page_before": page_before(request)}, status=405)
        page["Allow"] = response["Allow"]
        return page


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 (Django gives it)
    """The page of a form that can't be told from a forged one, with a way back."""
    if wants_json(request):
        return JsonResponse({"message": OLD_PAGE}, status=HTTPStatus.FORBIDDEN)
    context = {"page_before": page_before(request)}
    return render(request, "403_csrf.html", context, status=403)


def page_before(request: HttpRequest) -> str:
    """Path and query of the page of ours that the form was on; the start page where that is not known."""
    referrer = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(referrer, {request.get_host()}, require_https=request.is_secure())
    if not ours:
        return "/"
    parts = urlsplit(referrer)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
