"""Forms that are sent after their session has ended, or with a token that a later sign-in replaced."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation.choices import CampaignState, TaskKind
from tests import factories

pytestmark = pytest.mark.django_db


def test_who_was_signed_out_comes_back_to_the_page_with_the_button(owner: User) -> None:
    """Not to the address of the button, which takes only forms. Control: without SignedOutMiddleware that one
    is `next`, and after signing in the answer is 405."""
    campaign = factories.make_open_campaign(owner=owner)
    page = reverse("annotation:campaign", args=[campaign.public_id])
    act = reverse("annotation:campaign_pause", args=[campaign.public_id])
    browser = Client(headers={"Referer": f"http://testserver{page}?page=2"})
    asked = browser.post(act, follow=True)
    assert "nothing was done" in asked.content.decode()
    assert asked.context["next"] == f"{page}?page=2"
    back = browser.post(
        asked.redirect_chain[-1][0],
        {"username": "owner", "password": "password", "next": asked.context["next"]},
        follow=True,
    )
    assert (back.status_code, back.request["PATH_INFO"]) == (200, page)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.OPEN


@pytest.mark.parametrize("referrer", ["", "https://elsewhere.example/", "//elsewhere.example/", "about:x"])
def test_nobody_is_led_to_another_site(owner: User, referrer: str) -> None:
    """Control: `page_before` without asking whether the host is ours."""
    act = reverse("annotation:campaign_pause", args=[factories.make_open_campaign(owner=owner).public_id])
    asked = Client(headers={"Referer": referrer}).post(act)
    assert asked["Location"] == f"{reverse('login')}?next=%2F&refused=1"


def test_a_form_that_can_not_be_trusted_is_answered_with_a_way_back(owner: User) -> None:
    """Control: Django's own page, without CSRF_FAILURE_VIEW."""
    page = reverse("annotation:campaigns")
    browser = Client(enforce_csrf_checks=True, headers={"Referer": f"http://testserver{page}"})
    browser.force_login(owner)
    refused = browser.post(reverse("account"), {"name": "x"})
    assert refused.status_code == 403
    assert f'href="{page}"' in refused.content.decode()
    assert "Nothing was done" in refused.content.decode()


def test_an_address_that_only_takes_forms_has_a_page_for_who_visits_it(client: Client, owner: User) -> None:
    """As on reloading the page of a form with errors. Control: no FormsOnlyMiddleware; the page is blank."""
    act = reverse("annotation:campaign_pause", args=[factories.make_open_campaign(owner=owner).public_id])
    client.force_login(owner)
    visited = client.get(act)
    assert (visited.status_code, visited["Allow"]) == (405, "POST")
    assert 'href="/"' in visited.content.decode()
    assert not client.head(act).content


def test_a_page_s_script_is_told_in_its_own_words(owner: User) -> None:
    """It would take a redirect for a lost connection, and try for ever. Control: leave `wants_json` out."""
    draft = factories.make_draft_of_kind(TaskKind.MASK, owner=owner)
    draw = reverse("annotation:known_draw", args=[draft.public_id])
    for status, word in ((403, "Reload"), (401, "Sign in")):
        browser = Client(enforce_csrf_checks=status == 403, headers={"Accept": "application/json"})
        refused = browser.post(draw)
        assert refused.status_code == status
        assert word in refused.json()["message"]
