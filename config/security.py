"""The headers that Django does not set by itself."""

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
LARGEST_UPLOAD: Final = 25 * 1024 * 1024
PERMISSIONS_POLICY: Final = "camera=(), microphone=(), geolocation=(), browsing-topics=()"


class ContentSecurityPolicyMiddleware:
    """Adds the policies to every answer that brings none of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The inner answer with its policies."""
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class BodyLimitMiddleware:
    """Refuses a body that no page asks for by its declared length, before any of it is read.

    Forms may have DATA_UPLOAD_MAX_MEMORY_SIZE bytes; forms with files LARGEST_UPLOAD, where the views have
    limits of their own. Without this Django reads on and logs a traceback.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The inner answer, or 413."""
        declared = request.META.get("CONTENT_LENGTH") or "0"
        with_files = request.META.get("CONTENT_TYPE", "").startswith("multipart/form-data")
        limit = LARGEST_UPLOAD if with_files else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
            return HttpResponse(render_to_string("413.html", {"megabytes": limit // 2**20}), status=413)
        return self.get_response(request)
