"""The way in by a recruitment link or a plain link, and who is told why not."""

from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from annotation.models import Campaign, Consent, Rater
from annotation.services import campaigns
from annotation.tokens import rater_token
from tests import factories

pytestmark = pytest.mark.django_db

PROLIFIC = {"PROLIFIC_PID": "5f1e2d3c4b5a69788796a5b4", "STUDY_ID": "study1", "SESSION_ID": "session1"}


def link(campaign: Campaign, **parameters: str) -> str:
    """The campaign's recruitment link."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return reverse("rate:entry", args=[campaign.public_id]) + query


def test_a_prolific_link_leads_to_the_raters_own_address_without_the_platforms_id() -> None:
    response = Client().get(link(factories.make_open_campaign(), **PROLIFIC))
    assert response.status_code == 303
    assert response["Location"] == f"/r/{rater_token(Rater.objects.get())}/"
    assert PROLIFIC["PROLIFIC_PID"] not in response["Location"]


def test_the_same_link_twice_is_the_same_rater() -> None:
    campaign = factories.make_open_campaign()
    first, second = (Client().get(link(campaign, **PROLIFIC)) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Rater.objects.count() == 1


@pytest.mark.parametrize(
    "query",
    [
        "PROLIFIC_PID={{%PROLIFIC_PID%}}",
        "PROLIFIC_PID=%7B%7B%25PROLIFIC_PID%25%7D%7D",
        "PROLIFIC_PID=%257B%257B%2525PROLIFIC_PID%2525%257D%257D",
        "PROLIFIC_PID=${PROLIFIC_PID}",
        "PROLIFIC_PID=",
        "PROLIFIC_PID=%20",
        "PROLIFIC_PID=a1&PROLIFIC_PID=b2",
        "PROLIFIC_PID=a1&STUDY_ID={{%STUDY_ID%}}",
        "prolific_pid=a1",
        "STUDY_ID=s1",
        "PROLIFIC_PID=a%00b",
        "PROLIFIC_PID=a%FFb",
        "PROLIFIC_PID=a1%20",
        "PROLIFIC_PID=%3Cscript%3Ealert(1)%3C/script%3E",
        "PROLIFIC_PID=" + "x" * 201,
        "PROLIFIC_PID=" + "x" * 5000,
        "&".join(f"a{number}=1" for number in range(60)),
    ],
)
def test_a_link_that_names_no_one_rater_is_refused_with_a_page(query: str) -> None:
    """Control: without the rule for characters in `identity_from_query` markup goes on to consent."""
    campaign = factories.make_open_campaign()
    response = Client().get(f"{link(campaign)}?{query}")
    assert response.status_code == 400
    assert b"<h1>" in response.content
    assert b"<script>alert" not in response.content
    assert Rater.objects.count() == 0


def test_a_refused_link_names_the_fault_and_whom_to_ask() -> None:
    """Control: without the placeholder rule the page speaks of characters instead."""
    campaign = factories.make_open_campaign()
    html = Client().get(f"{link(campaign)}?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}").content.decode()
    assert "was not filled in" in html
    assert campaign.contact in html


def test_a_plain_link_shows_the_consent_page_and_makes_nobody() -> None:
    campaign = factories.make_open_campaign(consent_text="All of this is voluntary.")
    response = Client().get(link(campaign))
    assert response.status_code == 200
    assert "All of this is voluntary." in response.content.decode()
    assert Rater.objects.count() == 0


def test_agreeing_at_the_plain_link_makes_one_rater_however_often_it_is_clicked() -> None:
    """Control: with a fresh random identity per POST the second click makes a second rater."""
    campaign = factories.make_open_campaign()
    client = Client(enforce_csrf_checks=True)
    html = client.get(link(campaign)).content.decode()
    visit = html.split('name="visit" value="')[1].split('"')[0]
    body = urlencode({"consent": "agree", "visit": visit})
    answers = [
        client.post(link(campaign), body, content_type="application/x-www-form-urlencoded") for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert answers[0]["Location"] == f"/r/{rater_token(Rater.objects.get())}/instructions/"
    assert Consent.objects.count() == 1


def test_declining_at_the_plain_link_keeps_nothing_and_gives_the_code_for_that() -> None:
    campaign = factories.make_open_campaign()
    response = Client().post(
        link(campaign), "consent=decline", content_type="application/x-www-form-urlencoded"
    )
    assert "NOPE1234" in response.content.decode()
    assert Rater.objects.count() == 0


def test_the_consent_page_says_how_long_it_takes() -> None:
    campaign = factories.make_campaign_of(30, items_per_rater=20, seconds_per_item=12)
    html = Client().get(link(campaign)).content.decode()
    assert "20 short questions" in html
    assert "about 4 minutes" in html


def test_a_campaign_nobody_knows_is_a_404_page() -> None:
    response = Client().get("/c/00000000-0000-4000-8000-000000000000/")
    assert response.status_code == 404
    assert "This link doesn&#x27;t work" in response.content.decode()


@pytest.mark.parametrize("query", [{}, PROLIFIC])
def test_a_draft_says_that_it_has_not_started(query: dict[str, str]) -> None:
    response = Client().get(link(factories.make_draft(), **query))
    assert "has not started yet" in response.content.decode()
    assert Rater.objects.count() == 0


@pytest.mark.parametrize("query", [{}, PROLIFIC])
def test_a_paused_campaign_says_so(query: dict[str, str]) -> None:
    campaign = factories.make_open_campaign()
    campaigns.pause(campaign, None)
    assert "The study is paused" in Client().get(link(campaign, **query)).content.decode()


@pytest.mark.parametrize("query", [{}, PROLIFIC])
def test_a_closed_campaign_says_so(query: dict[str, str]) -> None:
    campaign = factories.make_open_campaign()
    campaigns.close(campaign, None)
    assert "The study has ended" in Client().get(link(campaign, **query)).content.decode()


def test_a_full_campaign_says_so() -> None:
    campaign = factories.make_open_campaign(raters_per_item=1)
    factories.rate_all(factories.make_rater(campaign))
    assert "All places are taken" in Client().get(link(campaign, **PROLIFIC)).content.decode()


def test_a_full_campaign_says_so_before_it_asks_for_consent() -> None:
    """Control: a plain link that looks for a place only once somebody has agreed."""
    campaign = factories.make_open_campaign(raters_per_item=1)
    factories.rate_all(factories.make_rater(campaign))
    html = Client().get(link(campaign)).content.decode()
    assert "All places are taken" in html
    assert "I agree" not in html


def test_whoever_has_finished_gets_her_code_again_by_the_same_link() -> None:
    campaign = factories.make_open_campaign()
    factories.rate_all(factories.make_rater(campaign, PROLIFIC["PROLIFIC_PID"]))
    response = Client().get(link(campaign, **PROLIFIC), follow=True)
    assert "DONE1234" in response.content.decode()
