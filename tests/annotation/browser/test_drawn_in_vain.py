"""A reference mask outlives the end of a researcher's session, and is there no more once it is marked."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.choices import TaskKind
from annotation.models import Campaign
from annotation.services.known_things import answers_of
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SignIn = Callable[..., Page]
# After two frames, so that what was asked for is on the canvas.
PAINTED = """async (canvas) => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
        .filter((value, place) => place % 4 === 3 && value > 0).length;
}"""


@pytest.fixture
def draft(owner: User) -> Campaign:
    return factories.make_draft_of_kind(TaskKind.MASK, owner=owner)


def drawn(window: Page, draft: Campaign) -> int:
    """Draws a stroke and says what it is for; how many pixels are painted."""
    window.goto(reverse("annotation:known_draw", args=[draft.public_id]))
    canvas = window.locator("[data-canvas]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    window.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    window.mouse.down()
    window.mouse.move(box["x"] + box["width"] / 2 + 20, box["y"] + box["height"] / 2 + 5, steps=4)
    window.mouse.up()
    window.get_by_text("What it is for").click()
    window.get_by_label("Use").select_option("training")
    window.get_by_label("Explanation").fill("The whole animal.")
    window.get_by_label("Explanation").blur()
    wait_until_kept(window)
    return painted(window)


def wait_until_kept(window: Page) -> None:
    for _ in range(100):
        if window.evaluate("sessionStorage.getItem('percept-drawn')"):
            return
        window.wait_for_timeout(50)
    raise AssertionError("Nothing was kept.")


def painted(window: Page) -> int:
    found: int = window.locator("[data-canvas]").evaluate(PAINTED)
    return found


def test_a_mask_drawn_before_the_session_ended_is_there_after_signing_in(
    sign_in: SignIn, owner: User, draft: Campaign
) -> None:
    """Control: no keep-drawn.js on the page."""
    window = sign_in(owner)
    before = drawn(window, draft)
    assert before > 0
    Session.objects.all().delete()
    window.get_by_role("button", name="Done").click()
    expect(window.get_by_text("Sign in and do it again")).to_be_visible()
    window.reload()
    window.get_by_label("Username").fill("owner")
    window.get_by_label("Password").fill("password")
    window.get_by_role("button", name="Sign in").click()
    expect(window.get_by_text("What you had drawn and entered is back")).to_be_visible()
    expect(window.get_by_role("button", name="Done")).to_be_enabled()
    assert painted(window) == before
    expect(window.get_by_label("Explanation")).to_have_value("The whole animal.")
    window.get_by_role("button", name="Done").click()
    expect(window.get_by_text("1 marked in all")).to_be_visible()
    draft.refresh_from_db()
    [marked] = answers_of(draft)
    assert (marked.use, marked.explanation) == ("training", "The whole animal.")


def test_what_was_kept_takes_the_place_of_the_mask_that_is_marked(
    sign_in: SignIn, owner: User, draft: Campaign
) -> None:
    """An erased stroke stays erased. Control: leave `box.dataset.draft` as it is."""
    window = sign_in(owner)
    before = drawn(window, draft)
    window.get_by_role("button", name="Done").click()
    window.get_by_role("button", name="One back").click()
    expect(window.get_by_text("marked: a mask, training")).to_be_visible()
    expect(window.get_by_role("button", name="Done")).to_be_enabled()
    expect(window.get_by_text("What you had drawn and entered is back")).to_be_hidden()
    box = window.locator("[data-canvas]").bounding_box()
    assert box is not None
    window.locator("label", has_text="Eraser").click()
    window.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_until_kept(window)
    less = painted(window)
    assert 0 < less < before
    window.context.clear_cookies(name="csrftoken")
    window.get_by_role("button", name="Done").click()
    expect(window.get_by_text("Reload the page")).to_be_visible()
    window.reload()
    expect(window.get_by_text("What you had drawn and entered is back")).to_be_visible()
    expect(window.get_by_role("button", name="Done")).to_be_enabled()
    assert painted(window) == less
    window.get_by_role("button", name="Done").click()
    window.get_by_role("button", name="One back").click()
    expect(window.get_by_text("marked: a mask, training")).to_be_visible()
    expect(window.get_by_text("What you had drawn and entered is back")).to_be_hidden()


def test_what_was_drawn_is_kept_where_one_went_back_without_marking(
    sign_in: SignIn, owner: User, draft: Campaign
) -> None:
    """Control: answer One back as what was marked."""
    window = sign_in(owner)
    drawn(window, draft)
    window.get_by_role("button", name="Done").click()
    expect(window.get_by_text("1 marked in all")).to_be_visible()
    before = drawn(window, draft)
    window.get_by_role("button", name="One back").click()
    expect(window.get_by_text("marked: a mask, training")).to_be_visible()
    window.get_by_text("Skip to the next").click()
    expect(window.get_by_text("What you had drawn and entered is back")).to_be_visible()
    expect(window.get_by_role("button", name="Done")).to_be_enabled()
    assert painted(window) == before


def test_what_was_drawn_is_not_shown_to_another_who_signs_in_there(
    sign_in: SignIn, owner: User, admin: User, draft: Campaign
) -> None:
    """Control: put back whatever was kept for the address."""
    window = sign_in(owner)
    assert drawn(window, draft) > 0
    Session.objects.all().delete()
    window.reload()
    window.get_by_label("Username").fill(admin.username)
    window.get_by_label("Password").fill("password")
    window.get_by_role("button", name="Sign in").click()
    expect(window.get_by_text("Draw the right mask.")).to_be_visible()
    expect(window.get_by_text("What you had drawn and entered is back")).to_be_hidden()
    assert painted(window) == 0
    expect(window.get_by_label("Explanation")).to_have_value("")
