"""A researcher draws a right mask with the raters' canvas, and finds it again."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, expect

from annotation.choices import TaskKind
from annotation.services.known_things import answers_of
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_a_right_mask_is_drawn_where_raters_draw(
    sign_in: Callable[..., Page], owner: User, size: str
) -> None:
    """Control: leave the mask out of what is read."""
    draft = factories.make_draft_of_kind(TaskKind.MASK, owner=owner)
    page = sign_in(owner, size)
    page.goto(reverse("annotation:known_answers", args=[draft.public_id]))
    page.get_by_role("link", name="Draw right masks here").click()
    expect(page.get_by_text("Draw the right mask.")).to_be_visible()
    done = page.get_by_role("button", name="Done")
    expect(done).to_be_disabled()
    canvas = page.locator("[data-canvas]")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 20, middle[1] + 5, steps=4)
    page.mouse.up()
    expect(done).to_be_enabled()
    page.get_by_text("What it is for").click()
    page.get_by_label("Use").select_option("training")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    done.click()
    expect(page.get_by_text("1 marked in all")).to_be_visible()
    draft.refresh_from_db()
    [marked] = answers_of(draft)
    assert (marked.use, marked.segmentation is not None) == ("training", True)
    page.get_by_role("button", name="One back").click()
    expect(page.get_by_text("marked: a mask, training")).to_be_visible()
    expect(done).to_be_enabled()
