"""The results page: what a researcher reads, with much, little and no data."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import Platform
from annotation.models import Campaign
from annotation.recruitment import RaterIdentityData
from annotation.services import campaigns, entry, raters
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def page(client: Client, campaign: Campaign) -> str:
    response = client.get(reverse("evaluation:results", args=[campaign.public_id]))
    assert response.status_code == 200
    return unescape(response.content.decode())


def words(html: str) -> str:
    """The page's text with single spaces between its parts."""
    parts = [part.split(">", 1)[-1] for part in html.split("<")]
    return " ".join(" ".join(parts).split())


def test_the_page_shows_the_numbers_worked_out_by_hand(signed_in: Client, small: Campaign) -> None:
    shown = words(page(signed_in, small))
    assert "Mean opinion score, 1 to 5 4.17" in shown
    assert "Ratings fair to excellent 88 %" in shown
    assert "Items kept 3 of 4" in shown
    assert "Raters kept 3 of 4" in shown
    assert "Noun (few items) 4.25" in shown
    assert "1 failed the attention checks (more than 0 wrong), 0 were excluded by hand" in shown


def test_rules_that_can_not_fire_say_so_and_every_drop_rule_has_its_count(
    signed_in: Client, small: Campaign
) -> None:
    """Three scores an item: BT.500 needs five, P.808 twelve. Control: print the number of rejected alone."""
    shown = words(page(signed_in, small))
    assert "ITU-R BT.500 – – – – can't fire: it needs 5 scores on an item, the most here is 3" in shown
    assert "P.808's z filter – – – – can't fire: it needs 12 scores" in shown
    assert (
        "Items kept by each drop rule: 3 (any rater found the word too abstract),"
        " 4 (most raters found the word too abstract), 4 (never)" in shown
    )


def test_the_page_names_the_model(signed_in: Client, small: Campaign) -> None:
    """So that nobody takes one model's scores for another's."""
    shown = words(page(signed_in, small))
    assert "How well the word maps of the model test-model fit their words" in shown
    assert "say nothing about any other model" in shown


def test_what_is_not_defined_says_why(signed_in: Client, small: Campaign) -> None:
    shown = words(page(signed_in, small))
    assert "Adjective (few items) 4.00 not defined: one item: no spread to estimate" in shown
    assert "Adposition (few items) – not defined: no item" in shown
    assert not re.search(r"\bnan\b", shown.lower())


def test_the_figures_are_in_the_page_with_their_numbers(signed_in: Client, small: Campaign) -> None:
    html = page(signed_in, small)
    assert html.count('<svg xmlns="http://www.w3.org/2000/svg"') == 6
    assert html.count("The figure in numbers") == 3
    assert "style=" not in html


def test_a_campaign_nobody_rated_says_so(signed_in: Client, owner: User) -> None:
    shown = words(page(signed_in, factories.make_campaign_of(2, owner=owner)))
    assert "No ratings yet" in shown
    assert not re.search(r"\bnan\b", shown.lower())
    assert "codebook.csv" in shown
    assert "ratings.csv every answer" not in shown


def test_a_draft_says_that_it_is_one(signed_in: Client, owner: User) -> None:
    assert "The campaign is a draft" in words(page(signed_in, factories.make_draft(owner)))


def test_a_campaign_closed_without_a_rating_says_so(signed_in: Client, owner: User) -> None:
    campaign = factories.make_campaign_of(2, owner=owner)
    campaigns.close(campaign, owner)
    assert "closed before the first rating" in words(page(signed_in, campaign))


def test_a_campaign_of_which_every_rater_failed_has_a_page(signed_in: Client, owner: User) -> None:
    campaign = factories.make_campaign_of(3, checks=1, owner=owner, raters_per_item=1, checks_per_rater=1)
    factories.rate_all(factories.make_rater(campaign), "5")
    shown = words(page(signed_in, campaign))
    assert "Not defined, because no item is left" in shown
    assert "Not defined, because no rater is left" in shown
    assert "1 failed the attention checks" in shown


def test_equal_answers_have_a_score_and_an_interval_that_says_what_stands_in(
    signed_in: Client, owner: User
) -> None:
    campaign = factories.make_campaign_of(3, owner=owner, raters_per_item=2)
    for _ in range(2):
        factories.rate_all(factories.make_rater(campaign), "4")
    shown = words(page(signed_in, campaign))
    assert "all 3 item scores are equal: the widest spread that the scale allows stands in" in shown
    assert "4.00 to 4.00" not in shown


def test_an_open_campaign_says_that_numbers_still_change(
    signed_in: Client, small: Campaign, owner: User
) -> None:
    note = "the numbers still change"
    assert note in page(signed_in, small)
    campaigns.close(small, owner)
    assert note not in page(signed_in, small)


def test_simulated_raters_are_called_simulated(signed_in: Client, owner: User) -> None:
    """Control: let `Report.raters_simulated` be 0."""
    campaign = factories.make_campaign_of(2, owner=owner, raters_per_item=1)
    identity = RaterIdentityData(platform=Platform.LINK, platform_id="robot", study_id="", session_id="")
    rater = entry.enter(campaign, identity, simulated=True)
    entry.give_consent(rater)
    factories.rate_all(rater)
    assert "1 of 1 raters are simulated : a dry run" in words(page(signed_in, campaign))


def test_an_excluded_rater_is_shown_with_the_reason(signed_in: Client, small: Campaign, owner: User) -> None:
    raters.exclude(small.raters.order_by("pk")[0], owner, "<b>asked to be left out</b>")
    response = signed_in.get(reverse("evaluation:results", args=[small.public_id]))
    assert b"&lt;b&gt;asked to be left out" in response.content
    assert b"<b>asked" not in response.content


def test_the_page_has_no_platform_identity(signed_in: Client, small: Campaign) -> None:
    assert "canary" not in page(signed_in, small)
