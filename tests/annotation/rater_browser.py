"""What the tests of the rater's pages share: a browser without cookies, and what it finds on a page."""

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.test import Client
from django.urls import reverse

from annotation.models import Rater
from annotation.tokens import rater_token

FORM = "application/x-www-form-urlencoded"
JSON = {"Accept": "application/json"}


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page's status, text and hidden fields."""

    status: int
    html: str
    response: Any

    def hidden(self, name: str) -> str:
        """The value of a hidden field; fails where there is none."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.html)
        assert found, f"no hidden field {name} on the page"
        return unescape(found[1])

    @property
    def prompt_html(self) -> str:
        """The prompt's inner HTML as sent."""
        found = re.search(r'<p class="prompt"[^>]*>(.*?)</p>', self.html, re.DOTALL)
        assert found, "no prompt on the page"
        return found[1]


class RaterBrowser:
    """One rater at her own address. CSRF checks are on, and every cookie is thrown away."""

    def __init__(self, rater: Rater) -> None:
        self.rater = rater
        self.token = rater_token(rater)
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)

    def url(self, name: str, *rest: UUID) -> str:
        """One of her addresses."""
        return reverse(f"rate:{name}", args=[self.token, *rest])

    def open(self, name: str = "session", *rest: UUID) -> Page:
        """GET one of her addresses."""
        return self._page(self.client.get(self.url(name, *rest)))

    def post(self, name: str, fields: dict[str, str] | None = None, *, script: bool = False) -> Page:
        """POST a form, as the page or as its script does."""
        return self.post_raw(name, urlencode(fields or {}).encode(), script=script)

    def post_raw(self, name: str, body: bytes, *, script: bool = False, content_type: str = FORM) -> Page:
        """POST any bytes."""
        headers = JSON if script else {}
        response = self.client.post(self.url(name), body, content_type=content_type, headers=headers)
        return self._page(response)

    def fields(self, option: str = "4", **changes: str) -> dict[str, str]:
        """What the current page's form sends when an option is chosen."""
        page = self.open()
        names = ("slot", "idempotency_key")
        return {name: page.hidden(name) for name in names} | {"option": option, "view": "both"} | changes

    def answer(self, option: str = "4", *, script: bool = False, **changes: str) -> Page:
        """Answers the current task."""
        return self.post("answer", self.fields(option, **changes), script=script)

    def _page(self, response: Any) -> Page:
        self.client.cookies.clear()
        assert not response.cookies, "a rater's page set a cookie"
        text = "" if response["Content-Type"] == "image/png" else response.content.decode()
        return Page(status=response.status_code, html=text, response=response)


def json_of(page: Page) -> dict[str, Any]:
    """The JSON that the page's script gets."""
    content: dict[str, Any] = json.loads(page.html)
    return content


def fresh_key() -> str:
    """An idempotency key nobody has used."""
    return str(uuid4())
