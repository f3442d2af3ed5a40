"""A Chromium for the tests that need to see what a rater or a researcher sees."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

if TYPE_CHECKING:
    # At run time too early: test_summary loads this before Django has its apps.
    from django.contrib.auth.models import User

# Playwright runs an event loop in this thread; Django would refuse the tests' own queries beside it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES: dict[str, dict[str, Any]] = {
    "laptop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 375, "height": 667}, "is_mobile": True, "has_touch": True},
    "phone on its side": {"viewport": {"width": 667, "height": 375}, "is_mobile": True, "has_touch": True},
    "small phone": {"viewport": {"width": 320, "height": 568}, "is_mobile": True, "has_touch": True},
}


@pytest.fixture(scope="session")
def chromium(chromium_executable: Path) -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def new_context(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., BrowserContext]]:
    """Makes private windows of a named size; they are closed at the end, and none may hold anything then."""
    contexts: list[BrowserContext] = []

    def make(size: str = "laptop", **options: Any) -> BrowserContext:
        context = chromium.new_context(**(SIZES[size] | options))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    if "live_server" in request.fixturenames:
        _wait_until_served()


def _wait_until_served() -> None:
    """Returns when no request that a closed page left behind is at work in the database.

    The tables are emptied next: a request in the midst of its own would stop that by a deadlock.
    """
    quiet = 0
    for _ in range(100):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
            quiet = quiet + 1 if cursor.fetchone() == (0,) else 0
        if quiet == 3:
            return
        time.sleep(0.03)


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:
    """A page on a laptop. An error in its scripts fails the test that causes it."""
    page = new_context("laptop").new_page()
    page.on("pageerror", lambda error: pytest.fail(f"error in the page's script: {error}"))
    return page


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
