"""A researcher's pages about her campaign fit a phone and break no accessibility rule."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page

from annotation.models import Campaign, Rater
from annotation.services import campaigns, invitations, payments
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
# What is pressed or tapped and is lower than a finger, and short values in two lines of a narrow column.
LOW = """() => [
    ...document.querySelectorAll(".button, button, summary, select, .list > li > a, .ticks > div")
].filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43.9)
    .map((one) => one.outerHTML.slice(0, 120))"""
TORN = """() => [...document.querySelectorAll(".facts dd:not(.mono, .address)")].filter((one) => {
    const range = document.createRange();
    range.selectNodeContents(one);
    const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
    return lines.size > 1 && one.textContent.trim().length < 14;
}).map((one) => one.textContent)"""
CUT = """() => [...document.querySelectorAll(".table")].filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => one.querySelector("caption").textContent)"""
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.fixture
def campaign(owner: User) -> Campaign:
    """Four raters: one who stopped nowhere, one careless, one rejected, one approved."""
    campaign = factories.make_campaign_of(
        6, checks=2, checks_per_rater=2, owner=owner, seconds_per_item=5, raters_per_item=5
    )
    for option in ("word_too_abstract", "4", "5", "image_too_poor"):
        factories.rate_all(factories.make_rater(campaign), option)
    _, _, rejected, approved = Rater.objects.order_by("pk")
    payments.reject_and_republish(rejected, owner, ground="failed_checks", reason="both checks wrong")
    payments.approve(approved, owner)
    invited = campaigns.invite(campaign, owner, invitations=30)
    invitations.revoke(invited, owner, number=2)
    return invited


def addresses(campaign: Campaign) -> Iterator[str]:
    """Every page about the campaign."""
    _, careless, rejected, approved = Rater.objects.order_by("pk")
    project = campaign.run.prompt_set.project_id
    yield reverse("home")
    yield reverse("account")
    yield reverse("generation:project", args=[project])
    yield reverse("webhooks:webhooks", args=[project])
    acts = ("campaign_extend", "campaign_close", "campaign_back_fill", "campaign_budget")
    for name in ("campaign", "review", "history", *acts, "recruitment", "outcomes", "prolific"):
        yield reverse(f"annotation:{name}", args=[campaign.public_id])
    for shelf in ("approved", "rejected"):
        yield reverse("annotation:review", args=[campaign.public_id]) + f"?shelf={shelf}"
    yield reverse("annotation:adjudication", args=[campaign.public_id]) + "?from=1"
    yield reverse("annotation:invitation_revoke", args=[campaign.public_id, 1])
    item = campaign.items.filter(kind="rating", slots__answers__isnull=False).distinct()[0]
    yield reverse("annotation:adjudication_item", args=[campaign.public_id, item.pk])
    for rater in (careless, rejected, approved):
        yield reverse("annotation:rater", args=[campaign.public_id, rater.pseudonym])


def violations(page: Page) -> list[str]:
    """The A and AA rules the page breaks, with the elements that do."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{page.url} {rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_every_page_fits_and_breaks_no_rule(
    campaign: Campaign, owner: User, sign_in: Callable[..., Page], size: str
) -> None:
    """Controls: a table outside its scrolling frame; a tick without a label; a summary without a height of
    its own; names that take the room of their values; the count of fast answers beside the median time in
    cells as wide as elsewhere, which cuts the last column of the raters' table off on a laptop."""
    window = sign_in(owner, size)
    for address in addresses(campaign):
        window.goto(address)
        closed = window.locator("details:not([open]) > summary")
        while closed.count():
            closed.first.click()
        wide = window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (address, wide) == (address, 0)
        assert violations(window) == []
        assert (address, window.evaluate(LOW)) == (address, [])
        assert (address, window.evaluate(TORN)) == (address, [])
        if size == "laptop":
            assert (address, window.evaluate(CUT)) == (address, [])
