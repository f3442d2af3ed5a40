"""Fragments: parts of a page that its scripts fetch again."""

from django.http import HttpRequest, HttpResponse

FRAGMENT_HEADER = "X-Fragment"


def wants_fragment(request: HttpRequest) -> bool:
    """Whether a script asks for a part of the page, not a browser for the whole."""
    return FRAGMENT_HEADER in request.headers


def stop_polling(response: HttpResponse) -> HttpResponse:
    """Tells static/js/poll.js that nothing will change any more."""
    response.headers["X-Poll-Stop"] = "1"
    return response


def reload_page(response: HttpResponse) -> HttpResponse:
    """Tells static/js/poll.js to load the whole page again."""
    response.headers["X-Poll-Reload"] = "1"
    return response
