"""Every kind on bad connections and under impatient hands, on two sizes: one answer counts, or is late."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import APIResponse, BrowserContext, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from annotation.choices import TaskKind
from annotation.models import Answer, Campaign, LateAnswer, Rater, Slot
from annotation.services.tasks_for_raters import Task, next_task
from tests import factories
from tests.annotation.browser.raters_page import open_task, wait_for_place

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ContextMaker = Callable[..., BrowserContext]

# A button of each kind that answers by itself.
BUTTONS = {
    TaskKind.OPINION_SCORE: "Good",
    TaskKind.OBJECT_PRESENCE: "None of these",
    TaskKind.PAIRWISE: "Left",
    TaskKind.MASK: "It is not in the image",
}
KINDS = pytest.mark.parametrize("kind", list(BUTTONS))


def somebody(kind: TaskKind) -> tuple[Campaign, Rater]:
    """A campaign of the kind with places kept, and a rater who has agreed."""
    campaign = factories.make_campaign_of_kind(kind, raters_per_item=2, places_kept=1)
    return campaign, factories.make_rater(campaign)


@KINDS
@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_every_fault_in_one_session_loses_and_doubles_nothing(
    live_server: LiveServer, new_context: ContextMaker, kind: TaskKind, size: str
) -> None:
    """Offline, a double click, a reply that is lost, a second tab, the way back, a lease that ran out.

    Controls: no loop in `sendUntilHeard`; no `busy`; a new key for every attempt; another answer replaces the
    first; no `no-store`; an answer on a void slot counts.
    """
    campaign, rater = somebody(kind)
    context = new_context(size)
    page, other = context.new_page(), context.new_page()
    for tab in (page, other):
        open_task(tab, live_server, rater)
    _double_click_offline_and_lose_the_first_reply(context, page, kind)
    give(other, kind)
    wait_for_place(other, 2)
    other.close()
    assert Answer.objects.count() == 1
    page.get_by_role("link", name="Stop here").click()
    page.wait_for_url("**/stop/")
    page.go_back()
    wait_for_place(page, 2)
    expect(page.locator("[name=slot]")).to_have_value(str(Slot.objects.get(state="leased").public_id))
    _let_others_take_the_rest(campaign, rater)
    give(page, kind)
    expect(page.locator("body")).to_contain_text("DONE1234")
    assert LateAnswer.objects.get().rater == rater
    assert Answer.objects.filter(rater=rater).count() == 1


def give(page: Page, kind: TaskKind) -> None:
    """An answer by the hand of its kind."""
    page.get_by_role("button", name=BUTTONS[kind]).click()


def _double_click_offline_and_lose_the_first_reply(
    context: BrowserContext, page: Page, kind: TaskKind
) -> None:
    context.set_offline(True)
    page.get_by_role("button", name=BUTTONS[kind]).dblclick()
    expect(page.locator("[data-status]")).to_contain_text("will be sent again")
    assert not Answer.objects.exists()
    lost: list[APIResponse] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch())
        route.abort("connectionreset")

    page.route("**/answer/", lose_the_first)
    context.set_offline(False)
    wait_for_place(page, 2)
    assert lost[0].json()["outcome"] == "saved"


def _let_others_take_the_rest(campaign: Campaign, rater: Rater) -> None:
    Slot.objects.filter(rater=rater, state="leased").update(lease_until=Now() - timedelta(seconds=1))
    Rater.objects.filter(pk=rater.pk).update(places_kept_until=Now() - timedelta(seconds=1))
    for _ in range(2):
        quick = factories.make_rater(campaign)
        while isinstance(task := next_task(quick), Task):
            factories.answer(quick, task)
