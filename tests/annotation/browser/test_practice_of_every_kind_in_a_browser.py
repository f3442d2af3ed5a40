"""What a rater is told in training, in every kind of task: as wide as a laptop and as a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect
from pytest_django.live_server_helper import LiveServer

from annotation.choices import PairOf, TaskKind
from annotation.models import Answer, PracticeAnswer
from annotation.services import campaigns
from annotation.tokens import rater_token
from tests import factories
from tests.annotation.browser.test_practice_in_a_browser import SETTLED, check

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ContextMaker = Callable[..., BrowserContext]
PHONE: ViewportSize = {"width": 375, "height": 667}


def answer_wrongly(page: Page, kind: TaskKind) -> None:
    """Gives an answer that is wrong whatever was drawn for this rater."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLED)
    if kind == TaskKind.OBJECT_PRESENCE:
        page.get_by_label("umbrella").check()
        page.get_by_role("button", name="These are in the image").click()
    elif kind == TaskKind.PAIRWISE:
        page.get_by_role("button", name="No difference").click()
    else:
        place = page.locator("[data-canvas]").bounding_box()
        assert place is not None
        left, top = place["x"] + place["width"] / 4, place["y"] + place["height"] / 4
        page.mouse.move(left, top)
        page.mouse.down()
        page.mouse.move(left + 20, top + 20, steps=4)
        page.mouse.up()
        page.get_by_role("button", name="Done").click()


@pytest.mark.parametrize(
    ("kind", "pair_of"),
    [
        (TaskKind.OBJECT_PRESENCE, PairOf.IMAGES),
        (TaskKind.MASK, PairOf.IMAGES),
        (TaskKind.PAIRWISE, PairOf.WORD_MAPS),
    ],
)
def test_feedback_says_what_was_expected_without_breaking_the_page(
    live_server: LiveServer, new_context: ContextMaker, kind: TaskKind, pair_of: PairOf
) -> None:
    """Control: a figure wider than the window, or a picture of `told_*.html` without its text."""
    draft = factories.make_draft_of_kind(kind, pair_of=pair_of)
    why = "The thing is on the left, with its shadow to the right."
    known = factories.known_for(draft, use="training", explanation=why)
    campaigns.mark_known(draft, known, actor=draft.owner)
    rater = factories.make_rater(campaigns.open_campaign(draft, draft.owner))
    page = new_context("laptop", color_scheme="dark").new_page()
    page.goto(f"{live_server.url}/r/{rater_token(rater)}/")
    answer_wrongly(page, kind)
    expect(page.get_by_role("heading", name="Not quite")).to_be_visible()
    expect(page.get_by_text(why)).to_be_visible()
    page.wait_for_load_state("networkidle")
    check(page)
    page.set_viewport_size(PHONE)
    check(page)
    page.get_by_role("button", name="Try it again").click()
    expect(page.locator("[data-progress-text]")).to_contain_text("Practice · 1 of 1")
    assert (PracticeAnswer.objects.count(), Answer.objects.count()) == (1, 0)
