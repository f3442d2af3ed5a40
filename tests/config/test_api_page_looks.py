"""The page of the API fits a phone and breaks no accessibility rule, with every route unfolded."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LOW = """() => [...document.querySelectorAll("summary, .button")]
    .filter((one) => one.getBoundingClientRect().height < 43.9).map((one) => one.outerHTML.slice(0, 120))"""
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_the_page_of_the_api_fits_and_breaks_no_rule(
    owner: User, sign_in: Callable[..., Page], size: str
) -> None:
    """Controls: no `table--stack`; an example that the keyboard can't scroll; no height for a summary."""
    window = sign_in(owner, size)
    window.goto(reverse("api_page"))
    window.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    wide = window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0
    found = Axe().run(window, options=RULES).response["violations"]
    assert [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]] == []
    assert window.locator("details.route > summary").count() > 70
    assert window.evaluate(LOW) == []
