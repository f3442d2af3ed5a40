"""Visitors without scripts: they open pages, press buttons, follow redirects. Standard library only."""

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Protocol
from urllib.parse import urlencode, urljoin

from studies.page_forms import PageForm, ReadPage, read_page

# 25 seconds in all: longer than a web server that died takes to come back.
ATTEMPTS = 8
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back after all redirects."""

    status: int
    url: str
    body: bytes

    def page(self) -> ReadPage:
        """The body read as HTML."""
        return read_page(self.body.decode())


class AnyVisitor(Protocol):
    """Somebody who opens pages and presses buttons, wherever the pages come from."""

    def open(self, url: str) -> Response:
        """GET a page."""

    def press(self, response: Response, form: PageForm, name: str, value: str, **fields: str) -> Response:
        """Press a button of a form."""


def encode(form: PageForm, name: str, value: str, **fields: str) -> str:
    """What a browser sends for a pressed button. `fields` fill or replace inputs.  name: "" of a button
    without one."""
    return urlencode({**form.fields, **fields, **({name: value} if name else {})})


class Visitor:
    """One browser of one person. `cookies=False` throws every cookie away, as a private window may."""

    def __init__(self, base_url: str, *, cookies: bool) -> None:
        self._base_url = base_url
        handlers = [urllib.request.HTTPCookieProcessor(CookieJar())] if cookies else []
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)

    def open(self, url: str) -> Response:
        """GET a page."""
        return self._send(urllib.request.Request(urljoin(self._base_url, url)))  # noqa: S310 — loopback

    def press(self, response: Response, form: PageForm, name: str, value: str, **fields: str) -> Response:
        """Press a button of a form on the page that `response` holds. `fields` fill or replace inputs."""
        data = encode(form, name, value, **fields)
        url = urljoin(response.url, form.action)
        if form.method == "get":
            return self.open(f"{url}?{data}")
        request = urllib.request.Request(url, data=data.encode(), headers={"Referer": response.url})  # noqa: S310
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> Response:
        """Sends until something answers: the pages are made so that sending twice does no harm."""
        for attempt in range(ATTEMPTS):
            try:
                with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                    return Response(status=answer.status, url=answer.url, body=answer.read())
            except urllib.error.HTTPError as error:
                if error.code < 500 or attempt == ATTEMPTS - 1:
                    return Response(status=error.code, url=request.full_url, body=error.read())
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if attempt == ATTEMPTS - 1:
                    raise
            time.sleep(0.2 * 2**attempt)
        raise ConnectionError(f"{request.full_url} did not answer")
