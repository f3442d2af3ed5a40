"""Presence, pairs and masks on bad connections and under impatient hands: one answer counts, or is late."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from annotation.choices import TaskKind
from annotation.models import Answer, Campaign, LateAnswer, Rater, Slot
from annotation.services.tasks_for_raters import Task, next_task
from annotation.tokens import rater_token
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ContextMaker = Callable[..., BrowserContext]

SETTLED = 400  # milliseconds; rate.js ignores answers for 350 after a new task
# A button of each kind that answers by itself.
BUTTONS = {
    TaskKind.OBJECT_PRESENCE: "None of these",
    TaskKind.PAIRWISE: "Left",
    TaskKind.MASK: "It is not in the image",
}
KINDS = pytest.mark.parametrize("kind", list(BUTTONS))


def somebody(kind: TaskKind) -> tuple[Campaign, Rater]:
    """A campaign of the kind with places kept, and a rater who has agreed."""
    campaign = factories.make_campaign_of_kind(kind, raters_per_item=2, places_kept=1)
    return campaign, factories.make_rater(campaign)


def open_task(page: Page, server: LiveServer, rater: Rater) -> None:
    """Opens the rater's page and waits until its scripts take answers."""
    page.goto(f"{server.url}/r/{rater_token(rater)}/", wait_until="networkidle")
    page.wait_for_timeout(SETTLED)


def wait_for_place(page: Page, place: int) -> None:
    """Waits until the page shows this task and its script takes answers."""
    expect(page.locator("[data-progress-text]")).to_contain_text(f"{place} of ")
    page.wait_for_timeout(SETTLED)


@KINDS
def test_offline_then_a_double_click_and_two_tabs(
    live_server: LiveServer, new_context: ContextMaker, kind: TaskKind
) -> None:
    """One answer. Controls: no loop in `sendUntilHeard`; no `busy`; another answer replaces the first."""
    _, rater = somebody(kind)
    context = new_context("phone")
    page, other = context.new_page(), context.new_page()
    for tab in (page, other):
        open_task(tab, live_server, rater)
    context.set_offline(True)
    page.get_by_role("button", name=BUTTONS[kind]).dblclick()
    expect(page.locator("[data-status]")).to_contain_text("will be sent again")
    assert not Answer.objects.exists()
    context.set_offline(False)
    wait_for_place(page, 2)
    other.get_by_role("button", name=BUTTONS[kind]).click()
    wait_for_place(other, 2)
    assert Answer.objects.count() == 1


@KINDS
def test_the_back_button_shows_the_task_in_hand(page: Page, live_server: LiveServer, kind: TaskKind) -> None:
    """Control: without `no-store` the answered task is shown again."""
    _, rater = somebody(kind)
    open_task(page, live_server, rater)
    page.get_by_role("button", name=BUTTONS[kind]).click()
    wait_for_place(page, 2)
    page.get_by_role("link", name="Stop here").click()
    page.go_back(wait_until="networkidle")
    wait_for_place(page, 2)
    assert page.locator("[name=slot]").input_value() == str(Slot.objects.get(state="leased").public_id)


@KINDS
def test_a_task_that_went_to_others_is_late_and_leads_on(
    page: Page, live_server: LiveServer, kind: TaskKind
) -> None:
    """Control: an answer on a void slot counts."""
    campaign, rater = somebody(kind)
    open_task(page, live_server, rater)
    Slot.objects.filter(rater=rater, state="leased").update(lease_until=Now() - timedelta(seconds=1))
    Rater.objects.filter(pk=rater.pk).update(places_kept_until=Now() - timedelta(seconds=1))
    for _ in range(2):
        quick = factories.make_rater(campaign)
        while isinstance(task := next_task(quick), Task):
            factories.answer(quick, task)
    page.get_by_role("button", name=BUTTONS[kind]).click()
    expect(page.locator("body")).to_contain_text("DONE1234")
    assert LateAnswer.objects.get().rater == rater
