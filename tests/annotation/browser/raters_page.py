"""A rater's page in a window: opened, and waited for until its scripts take answers."""

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from annotation.models import Rater
from annotation.tokens import rater_token

SETTLED = 400  # milliseconds; rate.js ignores answers for 350 after a new task


def address(server: LiveServer, rater: Rater) -> str:
    """The rater's own address."""
    return f"{server.url}/r/{rater_token(rater)}/"


def open_task(page: Page, server: LiveServer, rater: Rater) -> None:
    """Opens the rater's page. An error in its scripts fails the test.

    Scripts of a page have run once it is loaded, and its pictures are there. Its first task need not settle.
    """
    page.on("pageerror", lambda error: pytest.fail(f"error in the page's script: {error}"))
    page.goto(address(server, rater))


def wait_for_place(page: Page, place: int) -> None:
    """Waits until the page shows this task and its script takes answers."""
    expect(page.locator("[data-progress-text]")).to_contain_text(f"{place} of ")
    page.wait_for_timeout(SETTLED)
