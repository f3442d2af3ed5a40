"""A researcher's browser, signed in."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import BrowserContext, Page
from pytest_django.live_server_helper import LiveServer


@pytest.fixture
def sign_in(new_context: Callable[..., BrowserContext], live_server: LiveServer) -> Callable[..., Page]:
    """Opens a window of a named size in which the user is signed in. An error in a script fails the test."""

    def open_window(user: User, size: str = "laptop", **options: object) -> Page:
        client = Client()
        client.force_login(user)
        context = new_context(size, base_url=live_server.url, **options)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"error in the page's script: {error}"))
        return page

    return open_window
