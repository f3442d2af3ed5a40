"""The rater's path in a Chromium: keys, taps, without scripts, and what goes wrong on real connections."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import APIResponse, BrowserContext, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from annotation.models import Answer, Campaign, LateAnswer, Rater, Slot
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories
from tests.annotation.browser.raters_page import SETTLED, address, open_task, wait_for_place

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ContextMaker = Callable[..., BrowserContext]


@pytest.fixture
def campaign() -> Campaign:
    """An open campaign of six items."""
    return factories.make_campaign_of(6, raters_per_item=2, completion_url="https://example.org/back")


@pytest.fixture
def rater(campaign: Campaign) -> Rater:
    """A rater who has agreed."""
    return factories.make_rater(campaign)


def answers() -> list[tuple[int | None, str]]:
    """The stored answers in order."""
    return list(Answer.objects.order_by("pk").values_list("score", "opt_out"))


@pytest.mark.parametrize("size", ["laptop", "phone", "small phone"])
@pytest.mark.parametrize("scripts", [True, False])
def test_from_the_link_to_the_code(
    live_server: LiveServer, campaign: Campaign, new_context: ContextMaker, size: str, scripts: bool
) -> None:
    context = new_context(size, java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"{live_server.url}/c/{campaign.public_id}/?PROLIFIC_PID=abc123&STUDY_ID=s1&SESSION_ID=t1")
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="To the questions").click()
    for place in range(1, 7):
        wait_for_place(page, place)
        page.get_by_role("button", name="Good").click()
    expect(page.locator("[data-code]")).to_have_text("DONE1234")
    assert answers() == [(4, "")] * 6
    assert context.cookies() == []
    assert not scripts or page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_every_option_has_its_key(page: Page, live_server: LiveServer, rater: Rater) -> None:
    open_task(page, live_server, rater)
    for place, key in enumerate("135267", start=1):
        wait_for_place(page, place)
        page.keyboard.press(key)
    expect(page.locator("[data-code]")).to_be_visible()
    assert answers() == [
        (1, ""),
        (3, ""),
        (5, ""),
        (2, ""),
        (None, "word_too_abstract"),
        (None, "image_too_poor"),
    ]


def test_the_time_and_the_view_are_recorded(page: Page, live_server: LiveServer, rater: Rater) -> None:
    open_task(page, live_server, rater)
    page.wait_for_timeout(SETTLED)
    page.keyboard.press("v")
    page.keyboard.press("4")
    wait_for_place(page, 2)
    answer = Answer.objects.get()
    assert answer.view == "image"
    assert answer.client_milliseconds is not None
    assert SETTLED - 100 <= answer.client_milliseconds < 60_000


def test_undo_by_key_brings_the_last_task_back(page: Page, live_server: LiveServer, rater: Rater) -> None:
    open_task(page, live_server, rater)
    first = page.locator("[data-prompt]").inner_html()
    page.keyboard.press("1")
    wait_for_place(page, 2)
    page.keyboard.press("u")
    wait_for_place(page, 1)
    assert page.locator("[data-prompt]").inner_html() == first
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    page.keyboard.press("5")
    wait_for_place(page, 2)
    assert answers() == [(1, ""), (5, "")]


def test_a_key_without_its_shortcut_switch_does_nothing(
    page: Page, live_server: LiveServer, rater: Rater
) -> None:
    open_task(page, live_server, rater)
    page.keyboard.press("?")
    page.get_by_label("Answer with single keys").uncheck()
    page.keyboard.press("4")
    page.get_by_role("button", name="Back to the question").click()
    page.keyboard.press("4")
    page.wait_for_timeout(SETTLED)
    assert answers() == []


def test_a_double_click_is_one_answer(page: Page, live_server: LiveServer, rater: Rater) -> None:
    open_task(page, live_server, rater)
    page.get_by_role("button", name="Good").dblclick()
    wait_for_place(page, 2)
    page.wait_for_timeout(SETTLED)
    assert answers() == [(4, "")]


def test_a_click_that_comes_with_the_next_task_does_not_answer_it(
    page: Page, live_server: LiveServer, rater: Rater
) -> None:
    """Control: with SETTLE_MILLISECONDS = 0 it does, as the second click of a slow double click."""
    open_task(page, live_server, rater)
    page.evaluate(
        """() => {
            const answer = document.querySelector("[data-keys='4']");
            const progress = document.querySelector("[data-progress-text]");
            const again = new MutationObserver(() => setTimeout(() => answer.click()));
            again.observe(progress, { childList: true });
            answer.click();
        }"""
    )
    wait_for_place(page, 2)
    page.wait_for_timeout(2 * SETTLED)
    assert answers() == [(4, "")]


def test_a_held_key_is_one_answer(page: Page, live_server: LiveServer, rater: Rater) -> None:
    """Control: without the look at `event.repeat` every repetition answers a task."""
    open_task(page, live_server, rater)
    for _ in range(20):
        page.keyboard.down("4")
        page.wait_for_timeout(60)
    page.keyboard.up("4")
    wait_for_place(page, 2)
    assert answers() == [(4, "")]


def test_an_answer_given_offline_is_kept_in_the_page_and_sent_on_return(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker
) -> None:
    """Control: without the loop in `sendUntilHeard` the answer is gone."""
    context = new_context("phone")
    page = context.new_page()
    open_task(page, live_server, rater)
    context.set_offline(True)
    page.get_by_role("button", name="Good").tap()
    expect(page.locator("[data-status]")).to_contain_text("kept here and will be sent again")
    assert answers() == []
    context.set_offline(False)
    wait_for_place(page, 2)
    assert answers() == [(4, "")]


def test_an_answer_whose_acknowledgement_is_lost_is_stored_once(
    page: Page, live_server: LiveServer, rater: Rater
) -> None:
    """Control: a new key for every attempt is refused or stored twice."""
    open_task(page, live_server, rater)
    lost: list[APIResponse] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch())
        route.abort("connectionreset")

    page.route("**/answer/", lose_the_first)
    page.keyboard.press("4")
    wait_for_place(page, 2)
    assert lost[0].json()["outcome"] == "saved"
    assert answers() == [(4, "")]


def test_a_server_that_is_busy_is_asked_again(page: Page, live_server: LiveServer, rater: Rater) -> None:
    open_task(page, live_server, rater)
    refused: list[Route] = []

    def refuse_the_first(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route)
        route.fulfill(status=503, body="busy")

    page.route("**/answer/", refuse_the_first)
    page.keyboard.press("2")
    wait_for_place(page, 2)
    assert answers() == [(2, "")]


def test_the_back_button_shows_the_current_task(page: Page, live_server: LiveServer, rater: Rater) -> None:
    """Control: without `no-store` the browser shows the answered task again."""
    open_task(page, live_server, rater)
    page.keyboard.press("4")
    wait_for_place(page, 2)
    page.get_by_role("link", name="Stop here").click()
    page.wait_for_url("**/stop/")
    page.go_back()
    wait_for_place(page, 2)
    page.keyboard.press("5")
    wait_for_place(page, 3)
    assert answers() == [(4, ""), (5, "")]


def test_two_tabs_share_one_task_and_the_first_answer_stands(
    live_server: LiveServer, rater: Rater, new_context: ContextMaker
) -> None:
    context = new_context("laptop")
    one, other = context.new_page(), context.new_page()
    for tab in (one, other):
        open_task(tab, live_server, rater)
    assert one.locator("[data-prompt]").inner_html() == other.locator("[data-prompt]").inner_html()
    one.keyboard.press("5")
    wait_for_place(one, 2)
    other.keyboard.press("1")
    wait_for_place(other, 2)
    expect(other.locator("[data-status]")).to_contain_text("answered already")
    assert answers() == [(5, "")]


def test_an_expired_task_is_thanked_for_and_leads_on(
    page: Page, live_server: LiveServer, campaign: Campaign, rater: Rater
) -> None:
    open_task(page, live_server, rater)
    Slot.objects.filter(rater=rater).update(lease_until=Now() - timedelta(seconds=1))
    for _ in range(2):
        other = factories.make_rater(campaign)
        while isinstance(task := next_task(other), Task):
            factories.answer(other, task)
    page.keyboard.press("3")
    expect(page.locator("body")).to_contain_text("DONE1234")
    assert LateAnswer.objects.get().rater == rater


def test_an_answer_is_one_request_besides_the_two_pictures(
    page: Page, live_server: LiveServer, rater: Rater
) -> None:
    open_task(page, live_server, rater)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("4")
    wait_for_place(page, 2)
    # The browser asks for the tab's icon by itself, when it likes.
    by_page = [url for url in asked if not url.endswith("/icon.svg")]
    assert [url for url in by_page if not url.endswith(".png")] == [f"{address(live_server, rater)}answer/"]
    assert len(by_page) == 3


def test_the_next_task_s_pictures_are_there_before_it(
    page: Page, live_server: LiveServer, new_context: ContextMaker
) -> None:
    """An answer is then the only request until the next task shows.  Control: no `loadAhead` in rate.js."""
    rater = factories.make_rater(factories.make_campaign_of(6, places_kept=3))
    with page.expect_response("**/map/*.png"), page.expect_response("**/image/*.png"):
        open_task(page, live_server, rater)
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    pictures = page.locator("[data-rate]").get_attribute("data-ahead")
    assert pictures
    # A page is idle once; afterwards only what is awaited by name has been asked.
    with page.expect_response("**/map/*.png"), page.expect_response("**/image/*.png"):
        page.keyboard.press("4")
    wait_for_place(page, 2)
    shown = [picture.get_attribute("src") for picture in page.locator("[data-picture]").all()]
    assert shown == pictures.split()
    assert [url.rsplit("/r/")[1] for url in asked if url.endswith(tuple(shown))] == []
    by_page = [url for url in asked if not url.endswith("/icon.svg")]  # the browser asks for that one
    assert len(by_page) == 3  # the answer, and the two pictures of the third task
    assert by_page[0].endswith("/answer/")


def test_the_cold_page_is_within_60_kb_and_8_requests_besides_its_pictures(
    page: Page, live_server: LiveServer, rater: Rater
) -> None:
    sizes: dict[str, int] = {}

    def weigh(response: object) -> None:
        url = response.url  # type: ignore[attr-defined]
        if "/image/" not in url and "/map/" not in url:
            sizes[url] = len(response.body())  # type: ignore[attr-defined]

    page.on("response", weigh)
    open_task(page, live_server, rater)
    page.wait_for_load_state("networkidle")
    assert 3 <= len(sizes) <= 8
    assert sum(sizes.values()) <= 60_000
