"""What a researcher typed into a campaign's form outlives the end of her session, and nothing else does."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from annotation.models import Campaign
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SignIn = Callable[..., Page]


def typed(window: Page, form: str) -> None:
    """Opens the form and fills some of it in, all kinds of fields."""
    window.goto(form)
    window.get_by_label("Name", exact=True).fill("Half an hour’s work")
    window.get_by_label("Contact", exact=True).fill("study@example.org")
    window.get_by_label("Instructions", exact=True).fill("Look.\nThen judge.")
    window.get_by_label("adjective").uncheck()
    window.get_by_label("Language of the raters' pages").select_option("de")


def send(window: Page) -> None:
    window.get_by_role("button", name="Make the campaign").click()


def sign_in_again(window: Page, *, username: str = "owner") -> None:
    window.get_by_label("Username").fill(username)
    window.get_by_label("Password").fill("password")
    window.get_by_role("button", name="Sign in").click()


def test_after_signing_in_again_the_form_is_as_it_was_left(sign_in: SignIn, owner: User) -> None:
    """Control: no keep-typed.js on the form's page, or on the page to sign in."""
    window = sign_in(owner)
    typed(window, f"/campaigns/new/?run={factories.make_finished_run(owner).pk}")
    Session.objects.all().delete()
    send(window)
    expect(window.get_by_text("You were signed out in the meantime")).to_be_visible()
    sign_in_again(window)
    expect(window.get_by_text("What you had typed is back")).to_be_visible()
    expect(window.get_by_label("Name", exact=True)).to_have_value("Half an hour’s work")
    expect(window.get_by_label("Instructions", exact=True)).to_have_value("Look.\nThen judge.")
    expect(window.get_by_label("adjective")).not_to_be_checked()
    expect(window.get_by_label("noun", exact=False).first).to_be_checked()
    send(window)
    expect(window.get_by_text("The campaign is a draft")).to_be_visible()
    campaign = Campaign.objects.get()
    assert (campaign.name, campaign.contact) == ("Half an hour’s work", "study@example.org")
    assert (campaign.parts_of_speech, campaign.language) == (["ADP", "DET", "NOUN"], "de")


def test_a_page_from_before_another_sign_in_leads_back_with_what_was_typed(
    sign_in: SignIn, owner: User
) -> None:
    """Control: Django's own page of the CSRF check."""
    window = sign_in(owner)
    typed(window, f"/campaigns/new/?run={factories.make_finished_run(owner).pk}")
    window.context.clear_cookies(name="csrftoken")
    send(window)
    expect(window.get_by_role("heading", name="Nothing was done")).to_be_visible()
    window.get_by_role("link", name="Back to the page").click()
    expect(window.get_by_label("Name", exact=True)).to_have_value("Half an hour’s work")
    send(window)
    expect(window.get_by_text("The campaign is a draft")).to_be_visible()


def test_what_was_saved_does_not_come_back(sign_in: SignIn, owner: User) -> None:
    """Not even when the session ends on another page. Control: put back whatever is kept."""
    window = sign_in(owner)
    form = f"/campaigns/new/?run={factories.make_finished_run(owner).pk}"
    typed(window, form)
    send(window)
    expect(window.get_by_text("The campaign is a draft")).to_be_visible()
    Session.objects.all().delete()
    window.get_by_role("button", name="Open the campaign").click()
    sign_in_again(window)
    expect(window.get_by_role("button", name="Open the campaign")).to_be_visible()
    window.goto(form)
    expect(window.get_by_label("Name", exact=True)).not_to_have_value("Half an hour’s work")


def test_what_one_typed_is_not_shown_to_another_who_signs_in_there(
    sign_in: SignIn, owner: User, admin: User
) -> None:
    """Control: put back whatever was kept for the address."""
    window = sign_in(owner)
    typed(window, f"/campaigns/new/?run={factories.make_finished_run(owner).pk}")
    Session.objects.all().delete()
    send(window)
    sign_in_again(window, username=admin.username)
    expect(window.get_by_role("button", name="Make the campaign")).to_be_visible()
    expect(window.get_by_text("What you had typed is back")).to_be_hidden()
    expect(window.get_by_label("Name", exact=True)).not_to_have_value("Half an hour’s work")
