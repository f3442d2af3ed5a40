"""A draft's form open twice, a button pressed twice, and a list of faults in the order of the page."""

from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import CampaignState
from annotation.models import Campaign
from annotation.services import campaigns
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(owner: User) -> Campaign:
    return factories.make_draft(owner)


def url(name: str, campaign: Campaign) -> str:
    return reverse(f"annotation:{name}", args=[campaign.public_id])


def entries(client: Client, draft: Campaign) -> dict[str, Any]:
    """What the form of the draft would send, nothing typed."""
    shown = client.get(url("campaign_edit", draft)).context
    values = {field.name: field.value() for field in shown["form"]}
    sent = {name: value for name, value in values.items() if value is not None and value is not False}
    return sent | {"seen": shown["seen"]}


def test_nobody_saves_over_changes_that_her_form_has_not_shown(signed_in: Client, draft: Campaign) -> None:
    """She is told which of her entries differ, and saves them by sending the form again. Control: no question
    about `seen`; the second window then takes the first one's title away."""
    first, second = entries(signed_in, draft), entries(signed_in, draft)
    assert signed_in.post(url("campaign_edit", draft), first | {"title": "By the first"}).status_code == 302
    refused = signed_in.post(url("campaign_edit", draft), second | {"contact": "second@example.org"})
    page = unescape(refused.content.decode())
    assert refused.status_code == 400
    assert "differ from it in: Title, Contact." in page
    draft.refresh_from_db()
    assert (draft.title, draft.contact) == ("By the first", first["contact"])
    again = second | {"contact": "second@example.org", "seen": refused.context["seen"]}
    assert signed_in.post(url("campaign_edit", draft), again).status_code == 302
    draft.refresh_from_db()
    assert (draft.title, draft.contact) == (second["title"], "second@example.org")


def test_what_two_windows_say_alike_is_no_conflict(signed_in: Client, draft: Campaign) -> None:
    """Control: ask about `seen` alone."""
    both = entries(signed_in, draft) | {"title": "The same"}
    assert signed_in.post(url("campaign_edit", draft), both).status_code == 302
    assert signed_in.post(url("campaign_edit", draft), both).status_code == 302


def test_faults_are_listed_in_the_order_of_the_page(signed_in: Client, draft: Campaign) -> None:
    """Control: the order in which the form's classes name their fields."""
    names = ("name", "contact", "raters_per_item", "completion_code")
    wrong = entries(signed_in, draft) | dict.fromkeys(names, "")
    page = signed_in.post(url("campaign_edit", draft), wrong).content.decode()
    summary = page[page.index("Not saved yet") : page.index("</ul>")]
    places = [summary.index(f'href="#id_{name}"') for name in names]
    assert places == sorted(places)


@pytest.mark.parametrize("act", ["campaign_open", "campaign_pause", "campaign_close"])
def test_a_second_click_is_no_fault(signed_in: Client, draft: Campaign, owner: User, act: str) -> None:
    """Control: `_moved` without AlreadyThere says in red that nothing was done."""
    if act != "campaign_open":
        campaigns.open_campaign(draft, owner)
    for _ in range(2):
        page = unescape(signed_in.post(url(act, draft), follow=True).content.decode())
        assert "note--bad" not in page
    assert "already." in page
    draft.refresh_from_db()
    assert draft.audit_entries.filter(act=act.removeprefix("campaign_")).count() == 1
    assert draft.state != CampaignState.DRAFT
