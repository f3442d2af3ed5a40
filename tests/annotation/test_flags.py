"""What programs and several accounts of one person leave behind is flagged, and decides nothing."""

import csv
import io
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import queries
from annotation.evidence_exports import evidence_csv
from annotation.models import Campaign, Rater
from annotation.standings import standings
from annotation.views.devices import COOKIE
from tests import factories

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"


def come(client: Client, campaign: Campaign, name: str, **fields: str) -> Any:
    """Comes by her platform's link and agrees; the answer to that."""
    query = urlencode({"PROLIFIC_PID": name, "STUDY_ID": "s", "SESSION_ID": "t"})
    page = client.get(f"{reverse('rate:entry', args=[campaign.public_id])}?{query}", follow=True)
    found = re.search(r'action="([^"]+/consent/)"', page.content.decode())
    assert found
    body = urlencode({"consent": "agree", "website": ""} | fields)
    return client.post(found[1], body, content_type=FORM)


def flags(campaign: Campaign) -> list[tuple[str, ...]]:
    raters = list(Rater.objects.filter(campaign=campaign).select_related("campaign").order_by("pk"))
    return [row.flags for row in queries.rater_rows(campaign, raters=raters)]


@pytest.mark.django_db(transaction=True)
def test_who_fills_in_the_field_that_nobody_sees_is_flagged_and_goes_on(client: Client, owner: User) -> None:
    """Control: leave `trap_filled` out of `read_consent`, or of `_agreed`."""
    campaign = factories.make_campaign_of(2, owner=owner, raters_per_item=2)
    assert come(client, campaign, "program", website="https://spam.example").status_code == 303
    assert come(Client(), campaign, "person").status_code == 303
    assert flags(campaign) == [("filled in a field that nobody sees",), ()]
    assert all(standing.counts for standing in standings(campaign).values())
    client.force_login(owner)
    rater = Rater.objects.get(trap_filled=True)
    for page in (
        reverse("annotation:campaign", args=[campaign.public_id]),
        reverse("annotation:rater", args=[campaign.public_id, rater.pseudonym]),
    ):
        assert "filled in a field that nobody sees" in client.get(page).content.decode()
    rows = csv.DictReader(io.StringIO(b"".join(evidence_csv(campaign)).decode()))
    assert [(row["trap_filled"], row["same_device"]) for row in rows] == [("1", "0"), ("0", "0")]


def test_raters_of_one_browser_are_flagged_where_the_campaign_asks_for_it(owner: User) -> None:
    """Controls: take a new number at every visit; count raters of all campaigns."""
    campaign = factories.make_campaign_of(2, owner=owner, raters_per_item=3, count_devices=True)
    other = factories.make_campaign_of(2, owner=owner, raters_per_item=3, count_devices=True)
    browser = Client()
    answer = come(browser, campaign, "anna")
    cookie = answer.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], len(cookie.value)) == (True, "Lax", 32)
    come(browser, campaign, "bert")
    come(browser, other, "anna")
    come(Client(), campaign, "cleo")
    assert flags(campaign) == [("same browser as 1 other rater",)] * 2 + [()]
    assert flags(other) == [()]
    stored = set(Rater.objects.values_list("device", flat=True))
    assert cookie.value not in stored
    assert len(stored) == 3
    assert all(standing.counts for standing in standings(campaign).values())


def test_what_a_browser_makes_up_is_no_number(owner: User) -> None:
    """Control: take whatever the cookie holds."""
    campaign = factories.make_campaign_of(2, owner=owner, count_devices=True)
    browser = Client()
    browser.cookies[COOKIE] = "x" * 5_000
    answer = come(browser, campaign, "anna")
    assert re.fullmatch(r"[0-9a-f]{32}", answer.cookies[COOKIE].value)


def test_no_campaign_keeps_a_cookie_unasked_and_one_that_does_says_so(client: Client, owner: User) -> None:
    """Control: set the cookie whatever the campaign says, or before somebody agrees."""
    silent = factories.make_campaign_of(1, owner=owner)
    assert not come(client, silent, "anna").cookies
    assert Rater.objects.get().device == ""
    asks = factories.make_campaign_of(1, owner=owner, count_devices=True)
    for campaign, said in ((silent, False), (asks, True)):
        page = client.get(reverse("rate:entry", args=[campaign.public_id]))
        assert not page.cookies
        assert ("a cookie" in page.content.decode()) is said
