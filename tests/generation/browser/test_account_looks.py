"""The pages of projects, webhooks, uploads, the account and Prolific fit a phone and break no rule."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings

from annotation.choices import WebhookEvent
from annotation.models import WebhookDelivery
from annotation.services import webhooks
from generation.choices import ProjectRole, TokenScope
from generation.services import api_tokens, projects
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


@pytest.mark.parametrize("size", ["laptop", "phone", "small phone"])
def test_every_page_fits_and_breaks_no_rule(
    owner: User, stranger: User, sign_in: Callable[..., Page], settings: Settings, size: str
) -> None:
    """Control: a table outside its scrolling frame; a select without a label."""
    settings.PROLIFIC_TOKEN = "token"
    campaign = factories.make_open_campaign(owner)
    project = projects.personal_project(owner)
    projects.add_member(project, username=stranger.username, role=ProjectRole.VIEWER, actor=owner)
    api_tokens.issue(owner, name="nightly export", scopes=list(TokenScope), days=30)
    hook = webhooks.add(
        project, url="https://example.org/percept/hook", events=[WebhookEvent.CLOSED], actor=owner
    )
    webhooks.try_out(hook)
    WebhookDelivery.objects.update(state="dead", attempts=7, answer="503 Service Unavailable")
    window = sign_in(owner, size)
    for address in (
        reverse("generation:projects"),
        reverse("generation:project", args=[project.pk]),
        reverse("webhooks:webhooks", args=[project.pk]),
        reverse("generation:prompt_pictures", args=[campaign.run.prompt_set_id]),
        reverse("annotation:prolific", args=[campaign.public_id]),
        reverse("account"),
    ):
        window.goto(address)
        if address == reverse("account"):
            window.get_by_role("button", name="Set it up").click()
            expect(window.get_by_role("button", name="Switch it on")).to_be_visible()
            window.wait_for_load_state()
        closed = window.locator("details:not([open]) > summary")
        while closed.count():
            closed.first.click()
        wide = window.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (address, wide) == (address, 0)
        found = Axe().run(window, options=RULES).response["violations"]
        assert [f"{address} {rule['id']}: {rule['nodes'][0]['html'][:120]}" for rule in found] == []
