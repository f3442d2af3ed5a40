"""A random number in a rater's browser, where the campaign asks for it: who comes twice with it is flagged.

The only cookie of the raters' pages. It is set when somebody agrees, on a page that says so, and only in
campaigns that count devices; it holds nothing but the number. Without it everything works.
"""

import re
import secrets
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from annotation.models import Campaign
from annotation.recruitment import device_name

COOKIE: Final = "percept_device"
KEPT_SECONDS: Final = 90 * 24 * 3600
_NUMBER: Final = re.compile(r"[0-9a-f]{32}")


def number_of(request: HttpRequest, *, campaign: Campaign) -> str:
    """The number that the browser brings, or a new one; empty where the campaign counts no devices."""
    if not campaign.count_devices:
        return ""
    brought = request.COOKIES.get(COOKIE, "")
    return brought if _NUMBER.fullmatch(brought) else secrets.token_hex(16)


def name_of(number: str, *, campaign: Campaign) -> str:
    """What is stored of it; empty without one."""
    if not number:
        return ""
    return device_name(number, campaign_public_id=campaign.public_id, secret=settings.SECRET_KEY)


def keep(response: HttpResponse, number: str, *, secure: bool) -> HttpResponse:
    """The response, which leaves the number in the browser; unchanged without one."""
    if number:
        response.set_cookie(
            COOKIE, number, max_age=KEPT_SECONDS, secure=secure, httponly=True, samesite="Lax"
        )  # fmt: skip
    return response
