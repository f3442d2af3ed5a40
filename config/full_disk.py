"""The page of a request that failed because a disk is full; config.api has the same for programs."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from common.full_disk import NO_SPACE, is_full_disk

logger = logging.getLogger(__name__)


class FullDiskMiddleware:
    """Answers 507 with the reason in place of 500. What the request had begun is rolled back by then."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Passes the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page; None for any other fault."""
        if not is_full_disk(error):
            return None
        logger.error("no space is left on a disk", exc_info=error)
        return render(request, "507.html", {"reason": NO_SPACE}, status=507)
