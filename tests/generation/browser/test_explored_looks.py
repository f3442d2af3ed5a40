"""The image page with its maps taken apart, in a real browser."""

from collections.abc import Callable

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from generation import storage
from generation.attribution.chosen_heads import METHODS
from generation.models import Image
from generation.services import projects
from tests import factories

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SignIn = Callable[..., Page]
LAYERS = tuple(f"up_blocks.{block}.attentions.{place}.0" for block in range(4) for place in range(3))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RULES = {"runOnly": {"type": "tag", "values": TAGS}}


def _explored_page(owner: User) -> str:
    """Its address. Thirty steps and twelve layers, as of a real model."""
    run = factories.make_finished_run(owner, prompts=["the red cat"])
    image = Image.objects.select_related("run").get()
    generator = np.random.default_rng(0)
    words = {
        word.word.position: storage.StoredExploration(
            layers=LAYERS,
            methods=METHODS,
            drift=0,
            steps=generator.random((30, 8, 8), dtype=np.float32),
            by_layer=generator.random((12, 8, 8), dtype=np.float32),
            by_method=generator.random((len(METHODS), 8, 8), dtype=np.float32),
            concept="colours",
        )
        for word in image.word_maps.select_related("word")
    }
    storage.write_exploration(image, words)
    return f"/runs/{run.pk}/images/{image.pk}/"


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_maps_taken_apart_are_shown_in_place_and_open_to_everybody(
    sign_in: SignIn, owner: User, size: str
) -> None:
    """axe, WCAG 2.2 A and AA. Control: a tile without alt, or labels at half their contrast."""
    window = sign_in(owner, size)
    window.goto(_explored_page(owner))
    window.evaluate("window.sameDocument = true")
    expect(window.locator(".tiles li")).to_have_count(30)
    window.get_by_role("link", name="Methods").click()
    expect(window.locator(".tiles li")).to_have_count(len(METHODS))
    window.get_by_role("link", name="> 0.5 of the range").click()
    expect(window.get_by_text("Mask: > 0.5 of the range")).to_be_visible()
    expect(window.locator(".tiles li")).to_have_count(len(METHODS))  # one choice keeps the other
    assert window.evaluate("window.sameDocument")
    for picture in window.locator("main img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(window, options=RULES)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("size", ["laptop", "phone"])
def test_an_answer_about_a_picture_is_shown_in_both_units_and_open_to_everybody(
    sign_in: SignIn, owner: User, size: str
) -> None:
    """axe, WCAG 2.2 A and AA. Control: a table without headers, or a page wider than a phone."""
    window = sign_in(owner, size)
    asked = factories.make_answered_question(owner, projects.personal_project(owner))
    for address in ("/questions/", "/questions/new/", f"/questions/{asked.pk}/"):
        window.goto(address)
        found = Axe().run(window, options=RULES)
        assert found.violations_count == 0, found.generate_report()
        assert window.evaluate("document.documentElement.scrollWidth <= innerWidth")
    window.get_by_role("link", name="nats").click()
    expect(window.get_by_role("cell", name="1.50")).to_be_visible()
    window.get_by_role("link", name="ball").first.click()
    expect(window.get_by_alt_text("Attention × CMI of ball over the picture")).to_be_visible()
    expect(window.locator("figure")).to_have_count(5)
    for picture in window.locator("main img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).not_to_have_js_property("naturalWidth", 0)
