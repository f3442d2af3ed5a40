"""Training and qualification in a Chromium: by keys, on a laptop, and on a narrow phone in the dark."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from annotation.choices import RaterOutcome
from annotation.models import Answer, PracticeAnswer
from annotation.services import campaigns
from annotation.tokens import rater_token
from tests import factories
from tests.annotation.test_practice_pages import practising

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ContextMaker = Callable[..., BrowserContext]

SETTLED = 400  # milliseconds; rate.js ignores answers for 350 after a new task
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


def check(page: Page) -> None:
    """The page breaks no rule of accessibility and does not scroll sideways."""
    page.wait_for_load_state()
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(one["id"], [node["html"][:100] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def answer_by_key(page: Page, key: str, *, place: str) -> None:
    """Answers the item of that place, once its page takes answers."""
    expect(page.locator("[data-progress-text]")).to_contain_text(place)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLED)
    page.keyboard.press(key)


@pytest.mark.parametrize(("size", "scheme"), [("laptop", "light"), ("small phone", "dark")])
def test_through_training_and_qualification_to_the_first_question(
    live_server: LiveServer, new_context: ContextMaker, size: str, scheme: str
) -> None:
    """Control: a contrast below AA in `.told`, or a stage wider than the window."""
    draft = practising(["training", "qualification", "qualification"], places_kept=3)
    rater = factories.make_rater(campaigns.open_campaign(draft, draft.owner))
    page = new_context(size, color_scheme=scheme).new_page()
    page.goto(f"{live_server.url}/r/{rater_token(rater)}/")
    answer_by_key(page, "4", place="Practice · 1 of 1")
    expect(page.get_by_role("heading", name="Not quite")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Try it again").click()
    answer_by_key(page, "1", place="Practice · 1 of 1")
    page.get_by_role("button", name="Go on").click()
    answer_by_key(page, "1", place="Entry test · 1 of 2")
    answer_by_key(page, "4", place="Entry test · 2 of 2")
    expect(page.get_by_role("heading", name="Not enough yet")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Try it again").click()
    answer_by_key(page, "1", place="Entry test · 1 of 2")
    answer_by_key(page, "1", place="Entry test · 2 of 2")
    page.get_by_role("button", name="To the questions").click()
    answer_by_key(page, "4", place="1 of ")
    expect(page.locator("[data-progress-text]")).to_contain_text("2 of ")
    assert (PracticeAnswer.objects.count(), Answer.objects.count()) == (6, 1)


def test_the_back_button_after_feedback_does_not_answer_again(page: Page, live_server: LiveServer) -> None:
    """Control: without `no-store` the answered item is shown, and its answer is refused."""
    draft = practising(["training", "training"])
    rater = factories.make_rater(campaigns.open_campaign(draft, draft.owner))
    page.goto(f"{live_server.url}/r/{rater_token(rater)}/")
    answer_by_key(page, "1", place="1 of 2")
    expect(page.get_by_role("heading", name="That is right")).to_be_visible()
    page.go_back()
    answer_by_key(page, "1", place="2 of 2")
    expect(page.get_by_role("button", name="To the questions")).to_be_visible()
    rater.refresh_from_db()
    assert rater.outcome != RaterOutcome.SCREENED_OUT
    assert PracticeAnswer.objects.count() == 2
