"""A researcher's pages about her campaign fit a phone and break no accessibility rule."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page

from annotation.models import Campaign, Rater
from annotation.services import payments
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
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
    return campaign


def addresses(campaign: Campaign) -> Iterator[str]:
    """Every page about the campaign."""
    _, careless, rejected, _ = Rater.objects.order_by("pk")
    acts = ("campaign_extend", "campaign_close", "campaign_back_fill")
    for name in ("campaign", "review", "history", *acts, "recruitment"):
        yield reverse(f"annotation:{name}", args=[campaign.public_id])
    yield reverse("annotation:adjudication", args=[campaign.public_id]) + "?from=1"
    item = campaign.items.filter(kind="rating", slots__answers__isnull=False).distinct()[0]
    yield reverse("annotation:adjudication_item", args=[campaign.public_id, item.pk])
    for rater in (careless, rejected):
        yield reverse("annotation:rater", args=[campaign.public_id, rater.pseudonym])


def violations(page: Page) -> list[str]:
    """The A and AA rules the page breaks, with the elements that do."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{page.url} {rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_every_page_fits_and_breaks_no_rule(
    campaign: Campaign, owner: User, sign_in: Callable[..., Page], size: str
) -> None:
    """Control: a table outside its scrolling frame; a tick without a label."""
    window = sign_in(owner, size)
    for address in addresses(campaign):
        window.goto(address)
        closed = window.locator("details:not([open]) > summary")
        while closed.count():
            closed.first.click()
        wide = window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (address, wide) == (address, 0)
        assert violations(window) == []
